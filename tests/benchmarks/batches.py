"""Batches of a thousand through the real daemon, beside `sqlite3.executemany` of the very same rows into the same schema."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nexusd.domain.ids import new_id
from tests.benchmarks import machine
from tests.benchmarks.client import compose, measure
from tests.benchmarks.programs import open_daemon
from tests.benchmarks.report import Line, Samples, Target
from tests.benchmarks.submissions import JOB

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.programs import Scratch

ITEMS: Final = 1000
BATCH: Final = compose("POST", "/v1/companies/default/content-jobs/batch", json.dumps({"items": [JOB] * ITEMS}).encode())


def run(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    """Jobs a second from one client."""
    home = scratch.make_home()
    with open_daemon(scratch, home):
        pass  # makes the database
    database = home / "nexusd/nexusd.db"
    floor = Floor(Path(shutil.copy(database, home / "floor.db")))
    rates: dict[str, list[float]] = {"daemon": [], "sqlite3": []}
    with open_daemon(scratch, home, machine.server_cores()) as daemon:
        measure(daemon.socket, BATCH, 1, 0.01)
        floor.learn_rows(database)
        for _ in range(rounds):
            rates["daemon"].append(measure(daemon.socket, BATCH, 1, seconds).rate * ITEMS)
            rates["sqlite3"].append(floor.measure(seconds))
    figure = Samples(f"jobs in batches of {ITEMS:,}, 1 client", "jobs/s", rates["daemon"])
    yield Line(figure, Samples("sqlite3, the same rows", "jobs/s", rates["sqlite3"]), Target(at_least=15_000))


class Floor:
    """A database of the daemon's own schema, with its pragmas, written by hand."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._jobs: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []

    def learn_rows(self, database: Path) -> None:
        """Take the rows of the daemon's newest batch as the pattern."""
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            order = f"ORDER BY id DESC LIMIT {ITEMS}"
            self._jobs = [dict(row) for row in connection.execute(f"SELECT * FROM content_jobs {order}")]
            self._events = [dict(row) for row in connection.execute(f"SELECT * FROM events {order}")]

    def measure(self, seconds: float) -> float:
        """Return jobs a second, on the server's core. Making the rows is not counted."""
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, machine.server_cores())
        try:
            with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
                for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                    connection.execute(f"PRAGMA {pragma}")
                return self._measure(connection, seconds)
        finally:
            os.sched_setaffinity(0, allowed)

    def _measure(self, connection: sqlite3.Connection, seconds: float) -> float:
        count, passed = 0, 0.0
        while passed < seconds:
            jobs, events = self._fresh_rows()
            began = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_insert("content_jobs", jobs[0]), [tuple(job.values()) for job in jobs])
            connection.executemany(_insert("events", events[0]), [tuple(event.values()) for event in events])
            connection.execute("COMMIT")
            passed += time.perf_counter() - began
            count += len(jobs)
        return count / passed

    def _fresh_rows(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        ids = [new_id() for _ in self._jobs]
        jobs = [{**job, "id": job_id} for job, job_id in zip(self._jobs, ids, strict=True)]
        events = [{**event, "id": None, "job_id": job_id} for event, job_id in zip(self._events, ids, strict=True)]
        return jobs, events


def _insert(table: str, columns: Sequence[str] | dict[str, Any]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
