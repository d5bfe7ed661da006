"""Units of work and queries about assets. A row is added only after its file is durable; that is the caller's promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import insert, select

from nexusd.contract.assets import Asset, AssetList
from nexusd.contract.events import EventType
from nexusd.errors import NotFound
from nexusd.store import events
from nexusd.store.pages import PageWanted, read_page
from nexusd.store.rows import next_cursor, select_live_assets, to_asset
from nexusd.store.tables import ASSETS, REFERENCES

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class AssetFilter:
    """Which assets of a company a list is about. Every field that is given narrows it."""

    id_part: str | None = None
    source_task_id: str | None = None
    job_id: str | None = None
    namespace: str | None = None
    content_type: str | None = None
    sha256: str | None = None


COLUMNS: Final = tuple(name for name in AssetFilter.__slots__ if name != "id_part")


def add(connection: Connection, asset: Asset) -> None:
    """Store the row of a durable file, and tell of it."""
    provenance = None if asset.provenance is None else asset.provenance.model_dump_json(by_alias=True, exclude_none=True)
    connection.execute(insert(ASSETS), [asset.model_dump(mode="python") | {"provenance": provenance}])
    events.add_asset_event(connection, EventType.ASSET_CREATED, asset, asset.created_at)


def get(connection: Connection, company_id: str, asset_id: str) -> Asset:
    """Return one asset.

    Raises NotFound when this company has no such asset.
    """
    row = connection.execute(select_live_assets().where(ASSETS.c.id == asset_id, ASSETS.c.company_id == company_id)).first()
    if row is None:
        raise NotFound(f"there is no asset {asset_id} in this company")
    return to_asset(row)


def find(connection: Connection, company_id: str, wanted: AssetFilter, limit: int, cursor: str | None) -> AssetList:
    """Return a page of assets, newest first."""
    query = select_live_assets()
    for name in COLUMNS:
        if (value := getattr(wanted, name)) is not None:
            query = query.where(ASSETS.c[name] == value)
    page = read_page(connection, ASSETS, query, PageWanted(company_id, limit, cursor, wanted.id_part))
    return AssetList(items=[to_asset(row) for row in page[:limit]], next_cursor=next_cursor(page, limit))


def of_job(connection: Connection, job_id: str) -> list[Asset]:
    """Return what a job made, oldest first."""
    return [
        to_asset(row) for row in connection.execute(select_live_assets().where(ASSETS.c.job_id == job_id).order_by(ASSETS.c.id))
    ]


def referenced_by(connection: Connection, job_id: str) -> list[Asset]:
    """Return the assets that a job's input names."""
    wanted = select(REFERENCES.c.asset_id).where(REFERENCES.c.job_id == job_id)
    return [to_asset(row) for row in connection.execute(select_live_assets().where(ASSETS.c.id.in_(wanted)))]
