"""Turns rows into the models of the contract."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from nexusd.contract.assets import Asset
from nexusd.contract.companies import Company
from nexusd.contract.jobs import Attempt, JobSummary
from nexusd.domain.ids import is_id
from nexusd.errors import InvalidParam, InvalidRequest
from nexusd.store.tables import ASSETS, ATTEMPTS, COMPANIES, JOBS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row, Select

SUMMARY_COLUMNS: Final = [JOBS.c[name] for name in JobSummary.model_fields]
ASSET_COLUMNS: Final = [ASSETS.c[name] for name in Asset.model_fields]
ATTEMPT_COLUMNS: Final = [ATTEMPTS.c[name] for name in Attempt.model_fields]
COMPANY_COLUMNS: Final = [COMPANIES.c[name] for name in Company.model_fields]


def to_summary(row: Row[Any]) -> JobSummary:
    """A row of SUMMARY_COLUMNS as a job without its input."""
    return JobSummary.model_validate(row._mapping)


def to_attempt(row: Row[Any]) -> Attempt:
    """A row of ATTEMPT_COLUMNS as an attempt."""
    return Attempt.model_validate(row._mapping)


def to_asset(row: Row[Any]) -> Asset:
    """A row of ASSET_COLUMNS as an asset."""
    provenance = row.provenance
    return Asset.model_validate({**row._mapping, "provenance": None if provenance is None else json.loads(provenance)})


def to_company(row: Row[Any]) -> Company:
    """A row of COMPANY_COLUMNS as a company."""
    return Company.model_validate(row._mapping)


def select_live_assets() -> Select[Any]:
    """Select the assets that are not deleted."""
    return select(*ASSET_COLUMNS).where(ASSETS.c.deleted_at.is_(None))


def encode_cursor(last_id: str) -> str:
    """Return the opaque cursor of the page after the row `last_id`."""
    return base64.urlsafe_b64encode(json.dumps([last_id]).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """Return the id in a cursor of `encode_cursor`.

    Raises InvalidRequest for a text that is none.
    """
    try:
        [last_id] = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        last_id = None
    if not isinstance(last_id, str) or not is_id(last_id):
        wrong = InvalidParam("?cursor", "not a cursor this daemon gave; take nextCursor of the page before, as it is")
        raise InvalidRequest("the cursor cannot be read", (wrong,))
    return last_id


def next_cursor(page: Sequence[Any], limit: int) -> str | None:
    """Return the cursor after a page of items with an `id`, None when it was the last.

    Ask for `limit` + 1 rows, and keep `limit`.
    """
    return encode_cursor(page[limit - 1].id) if len(page) > limit else None
