"""Opens the database and runs units of work and queries against it.

Owns the connections: one that writes (see `writer`), and a small pool that reads. Leaves out what is asked of them.
"""

from __future__ import annotations

import contextlib
import sqlite3
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import trio
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from nexusd.errors import NexusdError, UnsafeDatabase
from nexusd.store import events, schema
from nexusd.store.writer import Writer, translate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

P = ParamSpec("P")
T = TypeVar("T")

SQLITE_VERSION: Final = sqlite3.sqlite_version
READERS: Final = 4
BUSY_TIMEOUT_SECONDS: Final = 5
OLDEST_SQLITE: Final = (3, 37, 0)
PRAGMAS: Final[dict[str, tuple[str, Any]]] = {
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "foreign_keys": ("ON", 1),
}
"""What is set on every connection, and what reading it back must give."""


class Database:
    """The open database. Made by `open_database`."""

    def __init__(self, writer: Writer, readers: Engine) -> None:
        self._writer = writer
        self._readers = readers
        self._reading = trio.CapacityLimiter(READERS)

    async def write(self, unit: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `unit(connection, …)` inside a write transaction and return its result once that is committed.

        Raises what the unit raises, WriteQueueFull, DatabaseBusy or StorageFull; then nothing of the unit is stored.
        Cancellation: the caller stops waiting, the unit is carried out all the same.
        Ordering: on return the unit's writes are on disk and its events are published or about to be.
        """
        result: T = await self._writer.submit(
            lambda connection: unit(connection, *args, **kwargs), getattr(unit, "__name__", "")
        )
        return result

    async def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `query(connection, …)` on a reader's connection, which sees one committed state throughout."""
        return await trio.to_thread.run_sync(
            self._read, lambda connection: query(connection, *args, **kwargs), limiter=self._reading
        )

    def _read(self, query: Callable[[Connection], T]) -> T:
        try:
            with self._readers.connect() as connection, connection.begin():
                return query(connection)
        except (DBAPIError, sqlite3.Error) as error:
            if (told := translate(error)) is error:
                raise
            raise told from error


@asynccontextmanager
async def open_database(
    path: Path,
    announce: Callable[[int], None],
    *,
    write_queue_length: int,
    busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS,
) -> AsyncIterator[Database]:
    """Open the database at `path`, made or brought up to date first; on leaving, carry out what waits and close it.

    `announce` is called on the trio thread with the highest committed event id: now, and after every commit.
    `busy_timeout_seconds` is how long to wait while another process holds the write lock.
    Raises UnsafeDatabase when the file cannot keep the promises: too old a SQLite, a pragma that does not take, a schema
    newer than this program, a damaged file.
    """
    _refuse_old_sqlite()
    with _open_engines(path, busy_timeout_seconds) as (writing, reading):
        connection, highest_event_id = await trio.to_thread.run_sync(_prepare, writing, path)
        with connection:
            announce(highest_event_id)
            writer = Writer(connection, announce, write_queue_length)
            writer.start()
            try:
                yield Database(writer, reading)
            finally:
                await writer.stop()
                reading.dispose()  # before the writer's: the last connection to close checkpoints


@contextmanager
def _open_engines(path: Path, busy_timeout_seconds: float) -> Iterator[tuple[Engine, Engine]]:
    writing = make_engine(path, busy_timeout_seconds, writes=True)
    reading = make_engine(path, busy_timeout_seconds, writes=False)
    try:
        yield writing, reading
    finally:
        reading.dispose()
        writing.dispose()


def _prepare(engine: Engine, path: Path) -> tuple[Connection, int]:
    """Return the writing connection of a file that is up to date, and the highest event id in it."""
    try:
        schema.refuse_unknown(path)
        with contextlib.ExitStack() as on_failure:
            connection = on_failure.enter_context(engine.connect())
            schema.bring_up_to_date(connection)
            with connection.begin():
                highest_event_id = events.highest_id(connection)
            on_failure.pop_all()
    except (DBAPIError, sqlite3.Error) as error:
        told = translate(error)
        advice = str(told) if isinstance(told, NexusdError) else "restore a backup, or move the file away to start anew"
        raise UnsafeDatabase(f"{path} cannot be opened ({getattr(error, 'orig', error)}): {advice}.") from error
    return connection, highest_event_id


def make_engine(path: Path, busy_timeout_seconds: float, *, writes: bool) -> Engine:
    """Return an engine whose every connection has the pragmas in force, and whose transactions begin the right way."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=1 if writes else READERS,
        max_overflow=0,
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": busy_timeout_seconds},
    )

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
        try:
            _set_pragmas(connection, writes)
        except BaseException:
            connection.close()  # the pool would leave it open
            raise

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _set_pragmas(connection: sqlite3.Connection, writes: bool) -> None:
    for name, (value, expected) in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
        found = connection.execute(f"PRAGMA {name}").fetchone()[0]
        if found != expected:
            raise UnsafeDatabase(
                f"SQLite has {name} = {found!r} where {expected!r} is needed; is the folder on a network share?"
            )
    if not writes:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")


def _refuse_old_sqlite() -> None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise UnsafeDatabase(f"SQLite {sqlite3.sqlite_version} is too old; nexusd needs {needed} or newer")
