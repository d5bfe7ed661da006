"""Copies of the database: made while it is written to, read, and made ready to be a database of its own.

Owns the SQL of backup and restore. Leaves out where the files go and what becomes of the assets' files: the services.

Invariants of a copy: it is all of one committed state; it has been checked by SQLite; it is one file, without a WAL.
Nothing here writes to the database that is copied, or checkpoints it. Everything blocks.

Source: https://www.sqlite.org/backup.html. A copy in steps begins anew whenever the source changes, so that a busy daemon would
never have one; in WAL mode a read transaction around the steps keeps the source as it was when they began. The WAL cannot be
taken over from its start for so long: it grows with what is written meanwhile.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from nexusd.domain.ids import new_id
from nexusd.errors import NexusdError, UnsafeDatabase
from nexusd.store import retention, schema
from nexusd.store.database import BUSY_TIMEOUT_SECONDS, make_engine
from nexusd.store.writer import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

STEP_PAGES: Final = 1024
STEP_INSTRUCTIONS: Final = 200_000
"""Of SQLite's machine, some milliseconds."""


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """What the row of an asset that is not deleted says of its file."""

    asset_id: str
    provider: str
    object_key: str
    byte_size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a copy holds."""

    schema_revision: str
    last_event_id: int
    jobs: int
    assets: int
    asset_bytes: int


def copy_database(source: Path, target: Path, check_cancelled: Callable[[], None]) -> None:
    """Copy the database at `source`, in use or not, to the new file `target`, durably.

    `check_cancelled` is called between two steps and may raise trio.Cancelled. Raises UnsafeDatabase when the copy is not
    sound, StorageFull.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    with _translating(), closing(_open(source)) as old, closing(_open(target)) as new:
        old.execute("PRAGMA query_only = ON")
        old.execute("PRAGMA wal_autocheckpoint = 0")
        old.execute("BEGIN")
        old.execute("SELECT 1 FROM sqlite_schema").fetchone()  # the state from here on is what is copied
        old.backup(new, pages=STEP_PAGES, progress=lambda *_: check_cancelled())
        new.execute("PRAGMA journal_mode = DELETE")
        with _interruptible(new, check_cancelled):
            _check_sound(new, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def read_contents(path: Path) -> Contents:
    """Return what a copy holds. Raises UnsafeDatabase for a file that is none of nexusd's."""
    schema.refuse_unknown(path)
    with _translating(), closing(_open(path)) as connection:

        def ask(sql: str) -> tuple[int, ...]:
            found: tuple[int, ...] = connection.execute(sql).fetchone()
            return found

        [(revision,)] = connection.execute(f"SELECT version_num FROM {schema.VERSION_TABLE}")
        [last_event_id] = ask("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'")
        [jobs] = ask("SELECT count(*) FROM content_jobs")
        assets, asset_bytes = ask("SELECT count(*), coalesce(sum(byte_size), 0) FROM assets WHERE deleted_at IS NULL")
        return Contents(str(revision), last_event_id, jobs, assets, asset_bytes)


def read_files(path: Path) -> Iterator[CopiedFile]:
    """Yield the file of each asset in a copy, those with the same bytes one after the other. All in one thread."""
    with _translating(), closing(_open(path)) as connection:
        columns = "id, provider, object_key, byte_size, sha256"
        for row in connection.execute(f"SELECT {columns} FROM assets WHERE deleted_at IS NULL ORDER BY sha256, id"):
            yield CopiedFile(*row)


def make_own(path: Path, lost: Iterable[str], now: str) -> None:
    """Make a copy a database of its own, which shares nothing with the one it was made from but the past.

    Its event ids go on where no client's can be. The attempts that ran when it was made get other ids and no process: theirs
    may belong to a daemon that lives, beside this one. The assets `lost`, whose files are gone, become deleted ones.

    Raises UnsafeDatabase when the ids of events would become too high.
    """
    engine = make_engine(path, BUSY_TIMEOUT_SECONDS, writes=True)
    try:
        with engine.connect() as connection:
            schema.bring_up_to_date(connection)
            with connection.begin():
                retention.advance_event_ids(connection)
                live = connection.exec_driver_sql("SELECT id FROM job_attempts WHERE finished_at IS NULL").scalars().all()
                for attempt_id in live:
                    connection.exec_driver_sql(
                        "UPDATE job_attempts SET id = ?, boot_id = NULL, pid = NULL, pid_start_ticks = NULL WHERE id = ?",
                        (new_id(), attempt_id),
                    )
                for asset_id in lost:
                    connection.exec_driver_sql("UPDATE assets SET deleted_at = ? WHERE id = ?", (now, asset_id))
    finally:
        engine.dispose()


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_SECONDS)
    try:
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_sound(connection: sqlite3.Connection, path: Path) -> None:
    for pragma, sound in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
        if (said := connection.execute(f"PRAGMA {pragma}").fetchmany(3)) != sound:
            raise UnsafeDatabase(f"{path} is damaged, {pragma} says: {said}")


@contextmanager
def _interruptible(connection: sqlite3.Connection, check_cancelled: Callable[[], None]) -> Iterator[None]:
    """Let a cancellation end what runs in the block, however long that would take."""

    def is_cancelled() -> bool:
        try:
            check_cancelled()
        except trio.Cancelled:  # told again below, where it can be raised
            return True
        return False

    connection.set_progress_handler(is_cancelled, STEP_INSTRUCTIONS)
    try:
        yield
    except sqlite3.OperationalError:
        check_cancelled()
        raise
    finally:
        connection.set_progress_handler(None, 0)


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        told = translate(error)
        raise (told if isinstance(told, NexusdError) else UnsafeDatabase(f"the database cannot be copied: {error}")) from error
