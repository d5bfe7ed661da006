"""Units of work and queries that end assets: deleted by hand or by retention, pinned, looked after.

A deletion is soft: the row stays, with the time, and its event is written with it. The file goes afterwards; that is the
caller's part. An asset is needed while the input of a job that is not over names it. Submissions and deletions are units of
the one writer, so one of them comes first and the other finds that out.

Invariants: nothing that is pinned or needed is ever deleted. A deletion is never undone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, func, literal_column, select, update

from nexusd.contract.events import EventType
from nexusd.domain.states import JobStatus
from nexusd.errors import AssetInUse, AssetPinned
from nexusd.store import assets, events
from nexusd.store.rows import ASSET_COLUMNS, select_live_assets, to_asset
from nexusd.store.tables import ASSETS, JOBS, REFERENCES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Select

    from nexusd.contract.assets import Asset

IS_LIVE: Final = ASSETS.c.deleted_at.is_(None)
OLDEST_START: Final = select(func.min(JOBS.c.started_at)).where(JOBS.c.status == literal_column("'running'"))
"""Spelled out: only so may SQLite use the index of what runs."""


def delete(connection: Connection, company_id: str, asset_id: str, now: datetime) -> Asset:
    """Delete one asset's row, softly; return it as it was.

    Raises NotFound, AssetPinned, or AssetInUse naming a job that needs it.
    """
    asset = assets.get(connection, company_id, asset_id)
    if asset.pinned_at is not None:
        advice = f"DELETE /v1/companies/{company_id}/assets/{asset_id}/pin"
        raise AssetPinned(f"asset {asset_id} is pinned; unpin it first: {advice}")
    if (job_id := _find_job_that_needs(connection, asset_id)) is not None:
        raise AssetInUse(f"job {job_id} needs asset {asset_id}; wait for its end, or cancel it", job_id)
    _end(connection, [asset], now)
    return asset


def pin(connection: Connection, company_id: str, asset_id: str, now: datetime) -> Asset:
    """Keep an asset from deletion and retention; what is pinned already keeps its time.

    Raises NotFound.
    """
    asset = assets.get(connection, company_id, asset_id)
    return asset if asset.pinned_at is not None else _set_pin(connection, asset, now)


def unpin(connection: Connection, company_id: str, asset_id: str) -> Asset:
    """Let an asset be deleted again; one that is not pinned stays so.

    Raises NotFound.
    """
    return _set_pin(connection, assets.get(connection, company_id, asset_id), None)


def _set_pin(connection: Connection, asset: Asset, moment: datetime | None) -> Asset:
    connection.execute(update(ASSETS).where(ASSETS.c.id == asset.id).values(pinned_at=moment))
    return asset.model_copy(update={"pinned_at": moment})


def _find_job_that_needs(connection: Connection, asset_id: str) -> str | None:
    return connection.execute(_select_need(asset_id).order_by(JOBS.c.id).limit(1)).scalar()


def _select_need(asset_id: str | ColumnElement[str]) -> Select[Any]:
    """Select the jobs that need an asset: a job has ended for good, or may still want to look at its input."""
    jobs = REFERENCES.join(JOBS, JOBS.c.id == REFERENCES.c.job_id)
    is_not_over = JOBS.c.status.in_([JobStatus.QUEUED.value, JobStatus.RUNNING.value])
    return select(JOBS.c.id).select_from(jobs).where(REFERENCES.c.asset_id == asset_id, is_not_over)


def _end(connection: Connection, ended: Sequence[Asset], now: datetime) -> None:
    connection.execute(update(ASSETS).where(ASSETS.c.id.in_([asset.id for asset in ended])).values(deleted_at=now))
    for asset in ended:
        events.add_asset_event(connection, EventType.ASSET_DELETED, asset, now)


def retire(connection: Connection, company_id: str, asset_ids: Sequence[str], now: datetime) -> list[Asset]:
    """Delete those of these assets that retention may still delete; return them. Ask for few at a time."""
    query = _select_retirable(company_id).where(ASSETS.c.id.in_(asset_ids)).order_by(ASSETS.c.id)
    retired = [to_asset(row) for row in connection.execute(query)]
    if retired:
        _end(connection, retired, now)
    return retired


@dataclass(frozen=True, slots=True)
class Retirable:
    """An asset that retention may delete."""

    id: str
    byte_size: int


def find_retirable(
    connection: Connection, company_id: str, created_before: datetime | None, after: str, limit: int
) -> list[Retirable]:
    """Return the oldest assets after the id `after` that are neither pinned nor needed."""
    query = _select_retirable(company_id).with_only_columns(ASSETS.c.id, ASSETS.c.byte_size).where(ASSETS.c.id > after)
    if created_before is not None:
        query = query.where(ASSETS.c.created_at < created_before)
    return [Retirable(*row) for row in connection.execute(query.order_by(ASSETS.c.id).limit(limit))]


def sum_bytes(connection: Connection, company_id: str) -> int:
    """Return the size of all assets of a company, the same bytes counted as often as they are stored."""
    query = select(func.coalesce(func.sum(ASSETS.c.byte_size), 0)).where(ASSETS.c.company_id == company_id, IS_LIVE)
    return int(connection.execute(query).scalar_one())


def find_files(connection: Connection, provider: str, object_keys: Collection[str]) -> dict[str, bool]:
    """Return which of these keys have a row, each with whether that is deleted."""
    named = select(func.json_each(json.dumps(sorted(object_keys))).table_valued("value").c.value)
    query = select(ASSETS.c.object_key, ASSETS.c.deleted_at.is_not(None).label("is_deleted")).where(
        ASSETS.c.provider == provider, ASSETS.c.object_key.in_(named)
    )
    return {row.object_key: bool(row.is_deleted) for row in connection.execute(query)}


def find_oldest_start(connection: Connection) -> datetime | None:
    """Return since when the oldest of the attempts runs that may have stored files whose rows are still to come."""
    started_at: datetime | None = connection.execute(OLDEST_START).scalar()
    return started_at


def list_live(connection: Connection, provider: str, after: str, limit: int) -> list[Asset]:
    """Return the assets of all companies whose ids come after `after`, in order."""
    query = select_live_assets().where(ASSETS.c.id > after, ASSETS.c.provider == provider).order_by(ASSETS.c.id).limit(limit)
    return [to_asset(row) for row in connection.execute(query)]


def is_live(connection: Connection, asset_id: str) -> bool:
    """Tell whether an asset is still there."""
    return connection.execute(select(ASSETS.c.id).where(ASSETS.c.id == asset_id, IS_LIVE)).first() is not None


def _select_retirable(company_id: str) -> Select[Any]:
    is_free: ColumnElement[bool] = and_(IS_LIVE, ASSETS.c.pinned_at.is_(None), ~_select_need(ASSETS.c.id).exists())
    return select(*ASSET_COLUMNS).where(ASSETS.c.company_id == company_id, is_free)
