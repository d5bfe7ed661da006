"""Checks of the database of a daemon that does not run: opened read-only, by SQLite alone.

A file without a WAL is opened as immutable: nothing is locked, nothing is made beside it. One with a WAL, which a crash left,
is opened read-only: SQLite must then share its memory with a daemon that may start. What changes meanwhile is not judged.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Final

from nexusctl.commands.diagnosis_daemon import damaged, judge_clock
from nexusctl.commands.findings import failed, ok, skipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nexusd.contract.doctor import Check, Setup

SECONDS: Final = 30.0
STEP_INSTRUCTIONS: Final = 100_000
_PROBLEMS_MAX: Final = 20


class _OutOfTime(Exception):
    """The database is too large to be looked at whole."""


def look_at_file(state: Path | None, setup: Setup | None, holder: int | None) -> Iterator[Check]:
    """Whether the database is sound, and of a schema that this nexusd knows."""
    path = None if state is None else state / "nexusd.db"
    if path is None or holder is not None:
        yield skipped("database", "somebody holds it" if path is not None else "it is not known where it is")
        return
    if not path.exists():
        yield ok("database", f"there is no {path} yet; the first start makes it")
        return
    before = _marks(path)
    try:
        checks = list(_look(path, setup))
    except _OutOfTime:
        checks = [skipped("database", f"nothing wrong was found in {SECONDS:g} s, which were not enough for all of it")]
    except sqlite3.Error as error:
        checks = [damaged([str(error)])]
    if _marks(path) != before:
        checks = [skipped("database", "a nexusd began to use it meanwhile", "ask again: nexusctl doctor")]
    yield from checks


def _look(path: Path, setup: Setup | None) -> Iterator[Check]:
    until = time.monotonic() + SECONDS
    is_over = False

    def stop() -> bool:
        nonlocal is_over
        is_over = time.monotonic() > until
        return is_over

    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{_mode(path)}", uri=True, timeout=1.0)) as connection:
        [revision] = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        [moment] = connection.execute("SELECT created_at FROM events ORDER BY id DESC LIMIT 1").fetchone() or [None]
        connection.set_progress_handler(stop, STEP_INSTRUCTIONS)
        try:
            problems = _find_problems(connection)
        except sqlite3.OperationalError:
            if is_over:
                raise _OutOfTime from None
            raise
    yield damaged(problems) if problems else ok("database", "SQLite finds it sound")
    yield from _judge_schema(str(revision), setup)
    yield judge_clock(None if moment is None else datetime.fromisoformat(moment))


def _mode(path: Path) -> str:
    wal = path.with_name(path.name + "-wal")
    return "mode=ro" if wal.exists() and wal.stat().st_size else "immutable=1"


def _find_problems(connection: sqlite3.Connection) -> list[str]:
    said = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_PROBLEMS_MAX})")]
    broken = connection.execute("PRAGMA foreign_key_check").fetchmany(_PROBLEMS_MAX)
    lost = [f"row {row} of {table} names a row of {parent} that is not there" for table, row, parent, _ in broken]
    return ([] if said == ["ok"] else said) + lost


def _judge_schema(revision: str, setup: Setup | None) -> Iterator[Check]:
    if setup is None or not setup.known_revisions:
        yield skipped("schema", f"the database has schema {revision}; which one nexusd knows is not known")
    elif revision == setup.known_revisions[-1]:
        yield ok("schema", f"the database has schema {revision}, that of nexusd")
    elif revision in setup.known_revisions:
        yield ok("schema", f"the database has schema {revision}; the next start makes it {setup.known_revisions[-1]}")
    else:
        yield failed("schema", f"the database has schema {revision}, newer than this nexusd's", "upgrade nexusd")


def _marks(path: Path) -> list[tuple[int, int] | None]:
    """Return what changes when somebody writes."""
    found: list[tuple[int, int] | None] = []
    for place in (path, path.with_name(path.name + "-wal")):
        try:
            status = place.stat()
            found.append((status.st_size, status.st_mtime_ns))
        except FileNotFoundError:
            found.append(None)
    return found
