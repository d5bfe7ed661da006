"""Everything that can end an attempt, against everything else: one side is held just before it acts, the other is carried out
as far as it can go, then the first goes on. The sides are a table, the pairs are made from it.

The sides that need a death of the daemon are in `acceptance/daemon/test_races.py`.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
from dataclasses import dataclass, field
from itertools import permutations
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from nexusd.contract.base import utc_now
from nexusd.domain.retry import Stopped
from nexusd.domain.states import JobStatus
from nexusd.errors import AlreadyFinished
from nexusd.store import jobs, queries
from tests.support.clocks import SkippingClock
from tests.support.holds import holding_at
from tests.support.oracle import Told, check, highest_committed
from tests.support.patience import HANG_SECONDS
from tests.support.processes import holding
from tests.support.renderers import python
from tests.support.runners import Runner, open_runner
from tests.support.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.support.holds import TaskHold, ThreadHold

pytestmark = pytest.mark.slow

TIMEOUT_SECONDS: Final = 1000
SETTLED_SECONDS: Final = 0.02
CHILD: Final = """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGUSR2])
if not os.path.exists(INPUT["free"]):
    tell(0.5, str(os.getpid()))
    if signal.sigwait([signal.SIGUSR1, signal.SIGUSR2]) == signal.SIGUSR2:
        sys.exit(65)
put("x.txt")
"""
"""Waits to be told how to end, as long as there is no file `free`."""


@dataclass
class Race:
    """One job whose attempt is raced for."""

    runner: Runner
    clock: SkippingClock
    job_id: str
    child: int
    """A pidfd."""
    cancels: list[tuple[str, str]] = field(default_factory=list)

    async def end_child(self, number: signal.Signals) -> None:
        """Make the child end by itself, if it has not yet, and wait for that."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.child, number)
        await trio.lowlevel.wait_readable(self.child)

    async def finish(self) -> None:
        await self.end_child(signal.SIGUSR1)

    async def fail(self) -> None:
        await self.end_child(signal.SIGUSR2)

    async def be_killed(self) -> None:
        await self.end_child(signal.SIGKILL)

    async def cancel(self) -> None:
        try:
            self.cancels.append((self.job_id, (await self.runner.cancel(self.job_id)).outcome))
        except AlreadyFinished as over:
            self.cancels.append((self.job_id, over.status))

    async def time_out(self) -> None:
        self.clock.skip(TIMEOUT_SECONDS)

    async def shut_down(self) -> None:
        self.runner.stopping.set()


SETTLING: Final = ("runner.settle.before", "store.commit.before:settle")


@dataclass(frozen=True)
class Side:
    """How to make it happen, how the job ends by it, and where it can be held."""

    act: Callable[[Race], Awaitable[None]]
    ends_as: JobStatus
    held_at: tuple[str, ...]


EXIT: Final = ("runner.child-exit.after", *SETTLING)
SIDES: Final = {
    "finish": Side(Race.finish, JobStatus.DONE, ("runner.child-exit.after", "runner.results.after", *SETTLING)),
    "fail": Side(Race.fail, JobStatus.FAILED, EXIT),
    "signal": Side(Race.be_killed, JobStatus.FAILED, EXIT),
    "cancel": Side(
        Race.cancel,
        JobStatus.CANCELLED,
        ("store.commit.before:request_cancel", "runner.cancel.before", "runner.cancel.after", *SETTLING),
    ),
    "timeout": Side(Race.time_out, JobStatus.FAILED, ("runner.timeout.after", *SETTLING)),
    "shutdown": Side(Race.shut_down, JobStatus.QUEUED, ("runner.stop.before", "runner.stop.after", *SETTLING)),
}
UNDECIDED: Final = {"store.commit.before:request_cancel", "runner.cancel.before", "runner.stop.before"}
"""Where the first has not reached the attempt yet, so that the second overtakes it."""
BY_THE_POOL: Final = {"cancel", "shutdown"}
"""What comes to the attempt by way of the pool, which may be who is held."""
PAIRS: Final = [(first, point, second) for first, second in permutations(SIDES, 2) for point in SIDES[first].held_at]
RETRIED: Final = [pair for pair in PAIRS if {pair[0], pair[2]} == {"cancel", "signal"}]
"""A child that was killed is tried again, unless somebody asked for the job's end."""


@pytest.fixture
def clock() -> SkippingClock:
    """The clock of the test's trio run."""
    return SkippingClock()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database that is up to date: making one takes longer than a race."""
    path = tmp_path_factory.mktemp("prepared") / "nexusd.db"

    async def make() -> None:
        async with open_store(path):
            pass

    trio.run(make)
    return path


@contextlib.contextmanager
def child_of(pid: int) -> Iterator[int]:
    with holding([pid]) as held:
        yield held[pid]


async def wait_over(runner: Runner, job_id: str) -> JobStatus:
    """Return how the job stands once nothing of it runs any more."""
    if runner.stopping.is_set():
        with trio.fail_after(HANG_SECONDS):
            await runner.stopped.wait()
        return (await runner.store.get(job_id)).status
    return (await runner.wait(job_id)).status


def expect(first: str, point: str, second: str) -> JobStatus:
    """Return how the race must end."""
    if {first, second} == {"cancel", "shutdown"}:
        return JobStatus.CANCELLED  # what a stop puts back does not run again when its end was asked for
    return SIDES[second if point in UNDECIDED else first].ends_as


@pytest.mark.parametrize(("first", "point", "second"), PAIRS, ids=[" ".join(pair) for pair in PAIRS])
async def test_one_end_whoever_comes_first(
    tmp_path: Path, prepared: Path, clock: SkippingClock, first: str, point: str, second: str
) -> None:
    shutil.copy(prepared, tmp_path / "nexusd.db")
    await run_race(tmp_path, clock, (first, point, second), 1, expect(first, point, second))


@pytest.mark.parametrize(("first", "point", "second"), RETRIED, ids=[" ".join(pair) for pair in RETRIED])
async def test_what_would_be_tried_again_is_cancelled_for_good(
    tmp_path: Path, prepared: Path, clock: SkippingClock, first: str, point: str, second: str
) -> None:
    shutil.copy(prepared, tmp_path / "nexusd.db")
    await run_race(tmp_path, clock, (first, point, second), 3, JobStatus.CANCELLED)


async def run_race(
    directory: Path, clock: SkippingClock, pair: tuple[str, str, str], max_attempts: int, expected: JobStatus
) -> None:
    first, point, second = pair
    spec = python(CHILD, default_timeout_seconds=TIMEOUT_SECONDS)
    submission = {"input": {"free": str(directory / "free")}, "max_attempts": max_attempts}
    async with open_runner(directory, spec, total=1, terminate_grace_seconds=10 * TIMEOUT_SECONDS) as runner:
        job_id = await runner.submit(**submission)
        [pid] = await runner.wait_told(job_id)
        with child_of(pid) as child, holding_at(point) as hold:
            race = Race(runner, clock, job_id, child)
            async with trio.open_nursery() as acting:
                acting.start_soon(SIDES[first].act, race)
                await wait_reached(hold)
                await act_second(race, second, acting, overtakes=point in UNDECIDED and second not in BY_THE_POOL)
                assert runner.store.hub.highest_event_id <= highest_committed(runner.store.path)
                if point == "store.commit.before:request_cancel":
                    assert race.cancels == []  # nobody is answered before the commit
                hold.let_go()
            assert await wait_over(runner, job_id) is expected
        (directory / "free").touch()
        if not runner.stopping.is_set():
            await check_slot(runner, race)
        check(directory, Told([job_id], race.cancels))
    if runner.stopping.is_set():
        async with open_runner(directory, spec, total=1) as runner:  # what was put back runs to its end in the next life
            assert (await runner.wait(job_id)).status is (JobStatus.DONE if expected is JobStatus.QUEUED else expected)
            await check_slot(runner, race)
            check(directory, Told([job_id], race.cancels))


async def act_second(race: Race, second: str, acting: trio.Nursery, *, overtakes: bool) -> None:
    """Carry the second side out as far as it can go: when it overtakes the first, until the attempt's outcome is decided."""
    if overtakes:
        with holding_at("runner.settle.before") as decided:
            acting.start_soon(SIDES[second].act, race)
            await wait_reached(decided)
    else:
        acting.start_soon(SIDES[second].act, race)
    await wait_all_tasks_blocked(SETTLED_SECONDS)


async def wait_reached(hold: TaskHold | ThreadHold) -> None:
    """Wait until somebody is held; a timeout that is raced may put the clock forward meanwhile."""
    with trio.fail_after(HANG_SECONDS + 2 * TIMEOUT_SECONDS):
        await hold.reached.wait()


async def check_slot(runner: Runner, race: Race) -> None:
    """The only slot is free again: another job runs."""
    further = await runner.run(input={"free": str(runner.directory / "free")})
    assert further.status is JobStatus.DONE
    assert len(race.cancels) == len(dict(race.cancels))


@pytest.mark.parametrize("second", ["cancel", "shutdown"])
@pytest.mark.parametrize("point", ["runner.claim.after", "runner.spawn.before", "runner.spawn.after"])
async def test_an_end_that_comes_before_the_child_has_begun(tmp_path: Path, point: str, second: str) -> None:
    async with open_runner(tmp_path, python(CHILD), total=1) as runner:
        with holding_at(point) as hold:
            job_id = await runner.submit(input={"free": str(tmp_path / "free")})
            await hold.reached.wait()
            race = Race(runner, SkippingClock(), job_id, -1)
            async with trio.open_nursery() as acting:
                acting.start_soon(SIDES[second].act, race)
                await wait_all_tasks_blocked(SETTLED_SECONDS)
                hold.let_go()
            assert await wait_over(runner, job_id) is SIDES[second].ends_as
        check(tmp_path, Told([job_id], race.cancels))


async def test_a_late_finisher_changes_nothing(tmp_path: Path) -> None:
    """As if somebody had rescued the job meanwhile, and started it again."""
    async with open_runner(tmp_path, python(CHILD), total=1) as runner:
        job_id = await runner.submit(input={"free": str(tmp_path / "free")})
        [pid] = await runner.wait_told(job_id)
        with child_of(pid) as child, holding_at("runner.settle.before") as hold:
            await Race(runner, SkippingClock(), job_id, child).finish()
            await hold.reached.wait()
            write: Any = runner.store.database.write
            [orphan] = await runner.store.database.read(queries.find_orphans)
            await write(jobs.settle_orphans, [orphan.claim], [0.0], utc_now())
            again = await write(jobs.claim, job_id, utc_now())
            (tmp_path / "free").touch()
            hold.let_go()
            with holding_at("runner.settle.after") as dropped:
                await dropped.reached.wait()
            check(tmp_path, Told([job_id]), at_rest=False)
            assert [attempt.outcome for attempt in (await runner.store.get(job_id)).attempts] == ["crashed", None]
            await write(jobs.settle, again, Stopped(), jobs.UNKNOWN_USAGE, (), 0.0, utc_now())
        assert (await runner.wait(job_id)).status is JobStatus.DONE
        check(tmp_path, Told([job_id]))


def test_every_side_meets_every_other() -> None:
    assert {(first, second) for first, _, second in PAIRS} == set(permutations(SIDES, 2))
    assert {point for side in SIDES.values() for point in side.held_at} >= UNDECIDED
