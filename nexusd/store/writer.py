"""The one thread that writes.

Owns the writing connection while it runs, and the queue in front of it. A unit of work is a function of the connection;
units that wait together are one group: one `BEGIN IMMEDIATE … COMMIT`, one fsync, one hand-over to trio.

Invariants:
1. A caller gets its result only after the COMMIT that made it durable has returned.
2. One bad unit never fails its neighbours: when a unit of a group raises, the group is rolled back and run again with a
   savepoint around each. So a unit may run twice, and must do nothing but read and write the database.
3. `announce` is told of an event id only after the commit of its row, on the trio thread.
4. At most `queue_length` units wait; the next one is refused with WriteQueueFull and nothing of it is stored. After `stop`
   every one is refused with Stopping.

State → function that performs it: waiting `submit`, grouped `_next_group`, run `_run_group`/`_run_apart`, answered `_deliver`.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sqlite3
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

import trio
from sqlalchemy.exc import DBAPIError

from nexusd import failpoints
from nexusd.errors import DatabaseBusy, NexusdError, Stopping, StorageFull, StorageUnavailable, WriteQueueFull
from nexusd.store import events

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

logger = logging.getLogger("nexusd.store")

GROUP_MAX: Final = 256
_OF_THE_DATABASE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOMEM,
    }
)
"""The trouble is the file's, the disk's or the memory's: no other unit of the group would escape it."""


@dataclass(slots=True, eq=False)
class _Waiting:
    unit: Callable[[Connection], Any]
    name: str
    answered: trio.Event = field(default_factory=trio.Event)
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Runs units of work in groups. `start` and `submit` belong to the trio thread."""

    def __init__(self, connection: Connection, announce: Callable[[int], None], queue_length: int) -> None:
        self._connection = connection
        self._announce = announce
        self._queue_length = queue_length
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._waiting = 0
        self._stopped = False
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.Thread(target=self._run, name="nexusd-writer")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def submit(self, unit: Callable[[Connection], Any], name: str) -> Any:
        """Run `unit` in the next group and return what it returns. `name` is what failpoints know it by.

        Raises what the unit raised, WriteQueueFull, DatabaseBusy, StorageFull or Stopping; then nothing of the unit is stored.
        Cancellation: the caller stops waiting, the unit is carried out all the same.
        Ordering: on return the unit's writes are on disk.
        """
        if self._stopped:
            raise Stopping("the database is closed: the daemon stops")
        if self._waiting >= self._queue_length:
            raise WriteQueueFull(f"{self._waiting} writes wait for the disk already; try again in a second")
        waiting = _Waiting(unit, name)
        self._waiting += 1
        self._queue.put(waiting)
        await waiting.answered.wait()
        if waiting.error is not None:
            raise waiting.error
        return waiting.result

    async def stop(self) -> None:
        """Carry out what waits, then end the thread. Cancellation: waits all the same, for at most the busy timeout."""
        self._stopped = True
        self._queue.put(None)
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._thread.join)

    def _run(self) -> None:
        try:
            while group := self._next_group():
                self._tell(self._deliver, group, self._run_group(group))
        except BaseException as error:  # nobody would ever be answered again: the daemon ends, and the next life recovers
            self._tell(_raise, error)

    def _tell(self, function: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(trio.RunFinishedError):  # nobody is left to be told
            self._token.run_sync_soon(function, *arguments)

    def _next_group(self) -> list[_Waiting]:
        first = self._queue.get()
        group: list[_Waiting] = []
        while first is not None:
            group.append(first)
            if len(group) == GROUP_MAX:
                return group
            try:
                first = self._queue.get_nowait()
            except queue.Empty:
                return group
        if group:
            self._queue.put(None)  # the stop comes after this last group
        return group

    def _run_group(self, group: list[_Waiting]) -> int:
        try:
            with self._connection.begin():
                for waiting in group:
                    waiting.result = waiting.unit(self._connection)
                highest = events.highest_id(self._connection)
                failpoints.hit("store.commit.before", (waiting.name for waiting in group))
        except Exception as error:  # the border of a unit of work
            if len(group) == 1 or _is_of_the_database(error):
                _fail(group, error)
                return 0
        else:
            failpoints.hit("store.commit.after", (waiting.name for waiting in group))
            return highest
        return self._run_apart(group)  # out here, so that its errors do not appear to come of this one

    def _run_apart(self, group: list[_Waiting]) -> int:
        try:
            with self._connection.begin():
                for waiting in group:
                    self._run_one(waiting)
                highest = events.highest_id(self._connection)
                failpoints.hit("store.commit.before", (waiting.name for waiting in group))
        except Exception as error:  # the border of a unit of work
            _fail(group, error)
            return 0
        failpoints.hit("store.commit.after", (waiting.name for waiting in group))
        return highest

    def _run_one(self, waiting: _Waiting) -> None:
        try:
            with self._connection.begin_nested():
                waiting.result = waiting.unit(self._connection)
        except Exception as error:  # the border of a unit of work
            if _is_of_the_database(error):
                raise
            _fail([waiting], error)

    def _deliver(self, group: list[_Waiting], highest: int) -> None:
        self._waiting -= len(group)
        for waiting in group:
            waiting.answered.set()
        self._announce(highest)


def _raise(error: BaseException) -> NoReturn:
    """Raised where trio calls it, an error ends the program."""
    raise error


def _is_of_the_database(error: Exception) -> bool:
    return _code(error) in _OF_THE_DATABASE


def _fail(group: list[_Waiting], error: Exception) -> None:
    for waiting in group:  # an error each: to raise one object in many tasks would mix their tracebacks
        waiting.error = translate(error)
    if not isinstance(translate(error), NexusdError):
        logger.error("a unit of work failed", exc_info=error)


def translate(error: Exception) -> Exception:
    """Return the error to tell a caller in place of `error`: SQLite's passing troubles have names of ours."""
    told: NexusdError
    code = _code(error)
    if code == sqlite3.SQLITE_FULL:
        told = StorageFull("the disk that holds the database is full; free some space and try again")
    elif code == sqlite3.SQLITE_CANTOPEN:
        told = StorageUnavailable("the database cannot be opened just now: its disk is gone, or too many files are open")
    elif code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        told = DatabaseBusy("another process holds the database; try again in a second")
    else:
        return error
    told.__cause__ = error
    return told


def _code(error: Exception) -> int:
    """Return SQLite's primary result code, 0 for an error that is not SQLite's."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return int(getattr(cause, "sqlite_errorcode", 0)) & 0xFF
