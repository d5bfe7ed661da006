"""A real database on a real file, rows to put into it, and a second pair of eyes that asks SQLite itself."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from nexusd.contract.assets import Asset
from nexusd.domain.ids import new_id
from nexusd.hub import Hub
from nexusd.store import assets, companies, jobs, queries, submissions
from nexusd.store.database import BUSY_TIMEOUT_SECONDS, Database, open_database
from nexusd.store.submissions import Idempotency, NewJob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from nexusd.contract.jobs import Job, JobSummary
    from nexusd.domain.retry import Outcome

NOON: Final = datetime(2026, 1, 2, 12, tzinfo=UTC)
JOB_TYPE: Final = "script"


@dataclass(frozen=True, slots=True)
class Store:
    """An open database, the hub it tells, and its one company."""

    database: Database
    hub: Hub
    path: Path
    company_id: str

    async def submit(self, *new_jobs: NewJob, key: Idempotency | None = None, company_id: str | None = None) -> list[str]:
        """Submit jobs (one that is plain, when none is given) and return their ids."""
        wanted = list(new_jobs) or [new_job()]
        accepted = await self.database.write(submissions.create, company_id or self.company_id, wanted, key, NOON)
        return [job.job_id for job in accepted]

    async def claim(self, job_id: str, now: datetime = NOON) -> jobs.Claim:
        """Claim a job that is queued."""
        claim = await self.database.write(jobs.claim, job_id, now)
        assert claim is not None
        return claim

    async def settle(
        self, claim: jobs.Claim, outcome: Outcome, results: Sequence[Asset] = (), *, random: float = 0.0, now: datetime = NOON
    ) -> JobSummary | None:
        """End an attempt."""
        return await self.database.write(jobs.settle, claim, outcome, jobs.UNKNOWN_USAGE, results, random, now)

    async def get(self, job_id: str) -> Job:
        """Return a job in full."""
        return await self.database.read(queries.get, self.company_id, job_id)

    async def add_asset(self, **fields: Any) -> Asset:
        """Store the row of an asset without a file."""
        asset = make_asset(self.company_id, **fields)
        await self.database.write(assets.add, asset)
        return asset

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask SQLite over a connection of its own."""
        return ask(self.path, sql, *values)


@asynccontextmanager
async def open_store(
    path: Path, *, write_queue_length: int = 1024, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS
) -> AsyncIterator[Store]:
    """Open a database with its company `default`, as the daemon does."""
    hub = Hub()
    opened = open_database(path, hub.publish, write_queue_length=write_queue_length, busy_timeout_seconds=busy_timeout_seconds)
    async with opened as database:
        await database.write(companies.ensure_default, NOON)
        company = await database.read(companies.get, "default")
        yield Store(database, hub, path, company.id)


def ask(path: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run one statement over a connection of its own, and commit it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(sql, values).fetchall()


def new_job(job_type: str = JOB_TYPE, **fields: Any) -> NewJob:
    """Return a submission."""
    return NewJob(job_type, **{"input": "{}", **fields})


def make_asset(company_id: str, **fields: Any) -> Asset:
    """Return the row of an asset."""
    asset_id = new_id()
    known = {
        "id": asset_id,
        "company_id": company_id,
        "namespace": "attachments",
        "provider": "local_disk",
        "object_key": f"default/attachments/2026/01/02/{asset_id}-a.bin",
        "content_type": "application/octet-stream",
        "byte_size": 1,
        "sha256": "0" * 64,
        "created_at": NOON,
    }
    return Asset.model_validate({**known, **fields})
