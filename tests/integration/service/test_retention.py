"""The task that prunes: what goes, when it looks again, and that a clock which jumps does not wipe the history."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
import trio

from nexusd import failpoints
from nexusd.contract.base import format_time
from nexusd.domain.retention import Clocks
from nexusd.errors import StorageFull
from nexusd.hub import Hub
from nexusd.service import retention
from nexusd.service.retention import PAUSE_MAX_SECONDS, PAUSE_MIN_SECONDS, EventLimits
from nexusd.store import companies
from nexusd.store.database import Database, open_database
from nexusd.store.retention import BATCH_EVENTS
from tests.support.clocks import SkippingClock
from tests.support.patience import HANG_SECONDS
from tests.support.stores import NOON, ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

HOUR: Final = 3600.0
DAY: Final = 86_400.0
YEAR: Final = 365 * DAY
WEEK: Final = EventLimits(7 * DAY, None)
INSERT: Final = "INSERT INTO events (company_id, type, data, created_at) SELECT id, ?, '{}', ? FROM companies"


class WatchedHub(Hub):
    """Tells when the task has come to rest."""

    def __init__(self) -> None:
        super().__init__()
        self.rests: list[int] = []
        self._rested = trio.Event()

    async def wait_newer(self, cursor: int) -> int:
        """Note it."""
        self.rests.append(cursor)
        self._rested.set()
        self._rested = trio.Event()
        return await super().wait_newer(cursor)

    async def wait_rest(self, count: int) -> None:
        """Return once the task has rested so many times."""
        with trio.fail_after(2 * PAUSE_MAX_SECONDS + HANG_SECONDS):  # the clock is put forward meanwhile
            while len(self.rests) < count:
                await self._rested.wait()


@dataclass
class Source:
    """A database whose events are pruned, by clocks that a test sets."""

    database: Database
    hub: WatchedHub
    path: Path
    clock: SkippingClock
    ahead_seconds: float = 0.0
    began: float = field(default_factory=trio.current_time)
    commits: int = 0
    looks: int = 0

    def read_clocks(self) -> Clocks:
        """Look at the clocks: noon is when the test began. The task does so whenever it wakes, before anything else."""
        self.looks += 1
        boot = trio.current_time() - self.began
        return Clocks(NOON.timestamp() + boot + self.ahead_seconds, boot)

    def at(self, days: float) -> datetime:
        """Return the moment so many days from noon."""
        return NOON + timedelta(days=days)

    def add(self, *days: float, kind: str = "content_job.queued") -> None:
        """Store events that were written so many days from noon."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executemany(INSERT, [(kind, format_time(self.at(each))) for each in days])
            [highest] = connection.execute("SELECT max(id) FROM events").fetchone()
        self.hub.publish(highest)

    def left(self) -> list[int]:
        """Return the ids that are left."""
        return [number for (number,) in ask(self.path, "SELECT id FROM events ORDER BY id")]

    def pruned_through(self) -> int:
        """Return the mark."""
        [(mark,)] = ask(self.path, "SELECT pruned_through FROM event_retention")
        return int(mark)

    async def look_again(self, seconds: float) -> None:
        """Put the clock forward and return when the task has looked again and come to rest."""
        count = len(self.hub.rests)
        self.clock.skip(seconds)
        await self.hub.wait_rest(count + 1)

    @asynccontextmanager
    async def pruning(self, limits: EventLimits) -> AsyncIterator[None]:
        """Run the task, and give way once it has come to rest for the first time."""

        def note(_name: str) -> None:
            self.commits += 1

        async with trio.open_nursery() as nursery:
            count = len(self.hub.rests)
            with failpoints.armed("store.commit.before:prune", note):
                nursery.start_soon(
                    lambda: retention.run(self.database, self.hub, limits, read_clocks=self.read_clocks), name="retention"
                )
                await self.hub.wait_rest(count + 1)
                yield
            nursery.cancel_scope.cancel()


@pytest.fixture
def clock() -> SkippingClock:
    """Return the clock of the test's run: it must be named by the test itself as well."""
    return SkippingClock()


@pytest.fixture
async def source(home: Path, clock: SkippingClock) -> AsyncIterator[Source]:
    """Open a fresh database with one company."""
    hub, path = WatchedHub(), home / "nexusd.db"
    async with open_database(path, hub.publish, write_queue_length=10) as database:
        await database.write(companies.ensure_default, NOON)
        yield Source(database, hub, path, clock)


async def test_what_is_too_old_goes_but_the_ends_of_jobs(source: Source) -> None:
    source.add(-30, -8)
    source.add(-7.5, kind="content_job.failed")
    source.add(-7.01, -6.99, -1)
    async with source.pruning(WEEK):
        assert source.left() == [3, 5, 6]
        assert source.pruned_through() == 4


async def test_what_is_too_many_goes(source: Source) -> None:
    source.add(*(0.0 for _ in range(1234)))
    async with source.pruning(EventLimits(None, 34)):
        assert source.left() == list(range(1201, 1235))
        assert source.commits == 3
        source.add(*(0.0 for _ in range(BATCH_EVENTS - 1)))
        await trio.testing.wait_all_tasks_blocked()
        assert source.commits == 3
        source.add(0.0)
        await source.hub.wait_rest(2)
        assert len(source.left()) == 34
        assert source.commits == 4


async def test_the_stricter_of_both_bounds_holds(source: Source) -> None:
    source.add(-9, -8, -2, -1)
    async with source.pruning(EventLimits(7 * DAY, 3)):
        assert source.left() == [3, 4]
    async with source.pruning(EventLimits(7 * DAY, 1)):
        assert source.left() == [4]


async def test_without_bounds_nothing_goes_and_the_task_sleeps_until_the_stop(source: Source, clock: SkippingClock) -> None:
    source.add(-1000)
    async with source.pruning(EventLimits(None, None)):
        assert source.left() == [1]
        clock.skip(YEAR)
        await trio.testing.wait_all_tasks_blocked()
        assert source.looks == 1


async def test_nothing_is_written_when_there_is_nothing_to_prune(source: Source, clock: SkippingClock) -> None:
    async with source.pruning(EventLimits(7 * DAY, 5)):
        assert source.commits == 0
        source.add(-1)
        await source.look_again(PAUSE_MAX_SECONDS)
        assert source.commits == 0
        assert source.pruned_through() == 0


@pytest.mark.parametrize(
    ("days", "pause_seconds"),
    [
        pytest.param(-7 + 1 / 24, HOUR, id="the oldest is due in an hour"),
        pytest.param(-7 + 1 / 86400, PAUSE_MIN_SECONDS, id="in a second: then with others"),
        pytest.param(-1, PAUSE_MAX_SECONDS, id="in six days: before that, since the machine may be suspended"),
    ],
)
async def test_it_looks_again_when_the_oldest_event_is_due(
    source: Source, clock: SkippingClock, days: float, pause_seconds: float
) -> None:
    source.add(days)
    async with source.pruning(WEEK):
        assert source.left() == [1]
        clock.skip(pause_seconds - HANG_SECONDS)  # the test itself takes less
        await trio.testing.wait_all_tasks_blocked()
        assert source.looks == 1
        await source.look_again(HANG_SECONDS)
        assert source.looks == 2
        assert source.left() == ([1] if pause_seconds == PAUSE_MAX_SECONDS else [])


async def test_an_empty_database_is_looked_at_before_anything_can_be_too_old(source: Source, clock: SkippingClock) -> None:
    async with source.pruning(EventLimits(HOUR, None)):
        source.add(0)
        clock.skip(HOUR - HANG_SECONDS)
        await trio.testing.wait_all_tasks_blocked()
        assert source.looks == 1
        await source.look_again(HANG_SECONDS)
        assert source.looks == 2


async def test_where_the_age_ends_is_found_also_beyond_a_batch_of_the_future(source: Source, clock: SkippingClock) -> None:
    source.add(*(-9.0 for _ in range(200)))
    source.add(*(300.0 for _ in range(BATCH_EVENTS - 200)))  # a clock that was a year ahead, for a while
    source.add(-8, -1)
    async with source.pruning(WEEK):
        assert source.left() == [502]
        source.add(*(300.0 for _ in range(3)))
        await source.look_again(PAUSE_MAX_SECONDS)
        clock.skip(6 * DAY)
        await source.hub.wait_rest(3)
        assert source.left() == [503, 504, 505]  # they may be as young as what comes next


async def test_a_clock_that_jumps_ahead_wipes_nothing(source: Source, clock: SkippingClock) -> None:
    source.add(*(-0.1 for _ in range(3)))
    async with source.pruning(EventLimits(7 * DAY, 1000)):
        source.ahead_seconds = YEAR
        for _ in range(3):
            await source.look_again(PAUSE_MAX_SECONDS)
            assert source.left() == [1, 2, 3]
        source.ahead_seconds = 0  # somebody saw it
        for _ in range(6):
            await source.look_again(PAUSE_MAX_SECONDS)
        assert source.left() == [1, 2, 3]
        clock.skip(6 * DAY)
        await source.look_again(PAUSE_MAX_SECONDS)
        assert source.left() == []


async def test_a_clock_that_stays_ahead_is_believed_after_a_day(source: Source, clock: SkippingClock) -> None:
    source.add(-0.1, -0.1)
    async with source.pruning(WEEK):
        source.ahead_seconds = YEAR
        for _ in range(4):
            await source.look_again(PAUSE_MAX_SECONDS)
            assert source.left() == [1, 2]
        source.add(365)
        await source.look_again(PAUSE_MAX_SECONDS)
        assert source.left() == [3]


async def test_the_number_is_bounded_whatever_the_clock_says(source: Source, clock: SkippingClock) -> None:
    source.add(-0.1, -0.1, -0.1)
    async with source.pruning(EventLimits(7 * DAY, 2)):
        source.ahead_seconds = YEAR
        await source.look_again(PAUSE_MAX_SECONDS)
        assert source.left() == [2, 3]
        source.add(*(365.0 for _ in range(BATCH_EVENTS)))
        await source.hub.wait_rest(3)
        assert source.left() == [502, 503]


async def test_a_disk_that_is_full_for_a_while_is_tried_again(source: Source, clock: SkippingClock) -> None:
    source.add(-9, -8)

    def fill(_name: str) -> None:
        raise StorageFull("the disk is full")

    with failpoints.armed("store.commit.before", fill, only=1):
        async with source.pruning(WEEK):
            assert source.left() == [1, 2]
            await source.look_again(PAUSE_MIN_SECONDS)
            assert source.left() == []


async def test_it_ends_when_the_daemon_stops(source: Source) -> None:
    with trio.fail_after(HANG_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(retention.run, source.database, source.hub, WEEK)
            await source.hub.wait_rest(1)
            source.hub.stop()
