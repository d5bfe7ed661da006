"""Databases that an older nexusd has written: today's code opens them and reads every row.

`revision_N.db.gz` was made by `python -m tests.contract.database.make FILE` when N was the newest revision. It is frozen:
a new revision gets a file of its own, and no file is ever made anew.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from nexusd.domain.states import JobStatus
from nexusd.runner.recovery import recover
from nexusd.store import assets, companies, events, queries, schema
from nexusd.store.assets import AssetFilter
from nexusd.store.events import Scope
from nexusd.store.queries import JobFilter
from nexusd.store.tables import COMPANIES
from tests.contract.database.make import DELETED, KEY, STATUSES
from tests.support.stores import ask, new_job, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Table

HERE = Path(__file__).parent
TABLES = sorted(COMPANIES.metadata.tables)
FROZEN = [revision for revision in schema.KNOWN_REVISIONS if (HERE / f"revision_{revision}.db.gz").exists()]


def test_every_revision_but_the_newest_is_frozen() -> None:
    assert set(schema.KNOWN_REVISIONS[:-1]) <= set(FROZEN)


@pytest.fixture(params=FROZEN)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a database of each revision that has been frozen."""
    old = tmp_path / "nexusd.db"
    old.write_bytes(gzip.decompress((HERE / f"revision_{request.param}.db.gz").read_bytes()))
    assert ask(old, "SELECT version_num FROM alembic_version") == [(request.param,)]
    return old


async def test_every_row_is_read(path: Path) -> None:
    columns = {table: columns_of(path, table) for table in TABLES if table in tables_of(path)}
    before = {table: ask(path, f"SELECT {names} FROM {table}") for table, names in columns.items()}
    assert all(before.values()), "a row of every table"
    async with open_store(path) as store:
        read: Callable[..., Any] = store.database.read
        for table in COMPANIES.metadata.tables.values():  # every column that today's models name
            assert len(await read(select_all, table)) == len(store.ask(f"SELECT * FROM {table.name}"))
        found = await read(companies.find, 100, None)
        assert [company.slug for company in found.items] == ["default", "acme"]
        jobs: list[Any] = []
        stored: list[Any] = []
        for company in found.items:
            jobs += (await read(queries.find, company.id, JobFilter(), 100, None)).items
            stored += (await read(assets.find, company.id, AssetFilter(), 100, None)).items
            for job in jobs:
                if job.company_id == company.id:
                    full = await read(queries.get, company.id, job.id)
                    assert full.input
                    assert len(full.attempts) == full.attempt
        assert len(jobs) == len(before["content_jobs"])
        assert {job.status for job in jobs} == set(JobStatus)
        assert len(stored) == len([row for row in before["assets"] if DELETED not in row])
        assert [len(await read(assets.referenced_by, job.id)) for job in jobs].count(1) == 1
        seen = (await read(events.read_on, 2, Scope())).events
        assert [event.id for event in seen] == [row[0] for row in before["events"] if row[0] > 2]
        bounds = await read(events.get_bounds)
        assert (bounds.pruned_through, bounds.highest) == (2, seen[-1].id)
        after = {table: store.ask(f"SELECT {names} FROM {table}") for table, names in columns.items()}
        assert after == before


async def test_life_goes_on(path: Path, tmp_path: Path) -> None:
    async with open_store(path) as store:
        again = await store.submit(new_job(), key=KEY)
        assert [(await store.get(job_id)).status for job_id in again] == [JobStatus.DONE]
        assert await recover(store.database, tmp_path / "work") == STATUSES.count(JobStatus.RUNNING)
        highest = store.hub.highest_event_id
        [job_id] = await store.submit()
        assert (await store.claim(job_id)).job.attempt == 1
        assert store.hub.highest_event_id > highest
    assert ask(path, "SELECT version_num FROM alembic_version") == [(schema.HEAD,)]
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    assert ask(path, "PRAGMA foreign_key_check") == []


async def test_it_ends_with_the_schema_of_a_fresh_file(path: Path, tmp_path: Path) -> None:
    """Also red when a baseline that is out is edited: no file out there would get the change."""
    schemas = []
    for file in (path, tmp_path / "fresh.db"):
        async with open_store(file) as store:
            schemas.append(sorted(store.ask("SELECT type, name, sql FROM sqlite_schema")))
    assert schemas[0] == schemas[1]


def select_all(connection: Connection, table: Table) -> Sequence[Any]:
    return connection.execute(select(table)).all()


def tables_of(path: Path) -> set[str]:
    return {name for (name,) in ask(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}


def columns_of(path: Path, table: str) -> str:
    return ", ".join(f'"{name}"' for (name,) in ask(path, "SELECT name FROM pragma_table_info(?)", table))
