"""Retention: what is too old, or too much for its company, is deleted, the oldest first.

Off unless a setting says otherwise. Nothing that is pinned or needed is ever deleted; it counts all the same. A pass deletes
a few assets at a time, each few in a unit of work of their own, so that nobody waits long for the writer.

A clock that is put forward while the daemon runs deletes nothing: see `clock`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NoReturn

import trio

from nexusd.contract.base import utc_now
from nexusd.errors import Unavailable
from nexusd.service.assets import delete_file_of
from nexusd.service.clock import SteadyClock
from nexusd.store import companies, upkeep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nexusd.contract.companies import Company
    from nexusd.service.storage import StorageService
    from nexusd.storage import Provider
    from nexusd.store.database import Database

logger = logging.getLogger("nexusd.service")

PASS_SECONDS: Final = 600.0
BATCH: Final = 100
COMPANIES: Final = 500
FIRST: Final = ""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """How long, and how many bytes, each company's assets are kept; None = for ever, any number. By slug, in their place."""

    seconds: float | None = None
    max_bytes: int | None = None
    seconds_per_company: Mapping[str, float] = field(default_factory=dict)
    max_bytes_per_company: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_off(self) -> bool:
        """Whether everything is kept."""
        general = (self.seconds, self.max_bytes)
        return general == (None, None) and not self.seconds_per_company and not self.max_bytes_per_company


class Retention:
    """Carries out the rules."""

    def __init__(self, database: Database, storage: Provider, rules: RetentionRules) -> None:
        self._database = database
        self._storage = storage
        self._rules = rules
        self._clock = SteadyClock()

    async def run_once(self) -> int:
        """Delete what is to go now; return how many assets that were.

        Raises Unavailable. Cancellation: what is deleted is deleted; its files may be left to the next sweep.
        """
        count = 0
        cursor: str | None = None
        while True:
            page = await self._database.read(companies.find, COMPANIES, cursor)
            for company in page.items:
                count += await self._retire_old(company) + await self._retire_much(company)
            if (cursor := page.next_cursor) is None:
                return count

    async def _retire_old(self, company: Company) -> int:
        seconds = self._rules.seconds_per_company.get(company.slug, self._rules.seconds)
        if not seconds:
            return 0
        created_before = self._clock.now() - timedelta(seconds=seconds)
        count, after = 0, FIRST
        while found := await self._database.read(upkeep.find_retirable, company.id, created_before, after, BATCH):
            count += (await self._retire(company, found))[0]
            after = found[-1].id
        return count

    async def _retire_much(self, company: Company) -> int:
        max_bytes = self._rules.max_bytes_per_company.get(company.slug, self._rules.max_bytes)
        if not max_bytes:
            return 0
        excess = await self._database.read(upkeep.sum_bytes, company.id) - max_bytes
        count, after = 0, FIRST
        while excess > 0:
            found = await self._database.read(upkeep.find_retirable, company.id, None, after, BATCH)
            if not found:
                logger.warning(
                    "a company has more than it may keep, all of it pinned or needed", extra={"company": company.slug}
                )
                break
            oldest = _oldest_of(found, excess)
            retired, size = await self._retire(company, oldest)
            count, excess, after = count + retired, excess - size, oldest[-1].id
        return count

    async def _retire(self, company: Company, found: Sequence[upkeep.Retirable]) -> tuple[int, int]:
        """Delete these, rows first; return how many those were that could still be deleted, and their bytes."""
        ids = [asset.id for asset in found]
        retired = await self._database.write(upkeep.retire, company.id, ids, utc_now())
        for asset in retired:
            await delete_file_of(asset, self._storage)
        return len(retired), sum(asset.byte_size for asset in retired)


def _oldest_of(found: Sequence[upkeep.Retirable], wanted_bytes: int) -> Sequence[upkeep.Retirable]:
    """Return as many of the first as have so many bytes."""
    total = 0
    for number, asset in enumerate(found, 1):
        total += asset.byte_size
        if total >= wanted_bytes:
            return found[:number]
    return found


async def look_after(storage: StorageService, retention: Retention | None) -> None:
    """Sweep what earlier lives left; then keep to the rules of retention, if there are any, for ever.

    Trouble of the disk or the database is logged, and the next pass tries again.
    """
    is_complete = False
    while not is_complete:
        try:
            report = await storage.collect()
        except Unavailable as trouble:
            logger.warning("the start's sweep is left to the next one", extra={"reason": str(trouble)})
            break
        is_complete = report.complete or not report.files
        if report.files or report.blobs:
            found = {"files": len(report.files), "blobs": report.blobs, "bytes": report.bytes_freed}
            logger.info("swept what earlier lives left", extra=found)
    if retention is not None:
        await _keep_to(retention)


async def _keep_to(retention: Retention) -> NoReturn:
    while True:
        try:
            if count := await retention.run_once():
                logger.info("deleted what is not kept any longer", extra={"assets": count})
        except Unavailable as trouble:
            logger.warning("retention tries again later", extra={"reason": str(trouble)})
        await trio.sleep(PASS_SECONDS)
