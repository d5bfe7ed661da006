"""Whether a database is sound, asked of SQLite while it is in use.

Owns the look at a live file. Leaves out copies, which are checked as they are made (`copies`). Everything blocks.

Invariants: nothing is written, nothing is checkpointed, and nobody waits for it. It ends at its deadline: meanwhile the WAL
cannot be taken over from its start, so it must not be long.

Source: https://www.sqlite.org/pragma.html#pragma_integrity_check.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Final

from nexusd.contract.doctor import PROBLEMS_MAX, DatabaseFindings
from nexusd.store.schema import VERSION_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STEP_INSTRUCTIONS: Final = 100_000
"""Of SQLite's machine, some milliseconds."""
BUSY_TIMEOUT_SECONDS: Final = 1.0


def examine(path: Path, seconds: float, is_cancelled: Callable[[], bool]) -> DatabaseFindings:
    """Return what SQLite finds wrong in the file, looking for `seconds` at most; earlier when `is_cancelled` says so."""
    until = time.monotonic() + seconds
    problems: list[str] = []
    revision: str | None = None
    latest: datetime | None = None
    is_over = False

    def stop() -> bool:
        nonlocal is_over
        is_over = is_over or time.monotonic() > until or is_cancelled()
        return is_over

    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_SECONDS)
        ) as connection:
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            revision, latest = _read_marks(connection)
            connection.set_progress_handler(stop, STEP_INSTRUCTIONS)
            problems += _find_problems(connection)
    except sqlite3.Error as error:
        if not is_over:
            problems.append(str(error))
    sound = False if problems else None if is_over else True
    return DatabaseFindings(sound=sound, problems=problems[:PROBLEMS_MAX], schema_revision=revision, latest_event_at=latest)


def _find_problems(connection: sqlite3.Connection) -> list[str]:
    said = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({PROBLEMS_MAX})")]
    found = [] if said == ["ok"] else said
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check").fetchmany(PROBLEMS_MAX):
        found.append(f"row {row} of {table} names a row of {parent} that is not there")
    return found


def _read_marks(connection: sqlite3.Connection) -> tuple[str | None, datetime | None]:
    [revision] = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone() or [None]
    [moment] = connection.execute("SELECT created_at FROM events ORDER BY id DESC LIMIT 1").fetchone() or [None]
    return revision, None if moment is None else datetime.fromisoformat(moment)
