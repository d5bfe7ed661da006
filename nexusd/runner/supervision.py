"""A child's life, from the start until nothing of it is left.

Owns the two pipes, the readers, and the decision that a child must end: at its own exit, at the timeout, when it fills the
disk, or on an order. Leaves out what the end means (`verdict`) and what is done about it (`attempt`).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import trio

from nexusd import failpoints
from nexusd.runner.capture import Log, Progress, copy_output
from nexusd.runner.pipes import open_pipe
from nexusd.runner.process import Child, open_child
from nexusd.runner.workdir import is_overfull

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from nexusd.runner.pipes import Pipe
    from nexusd.store.jobs import ProcessIdentity, Usage

MEASURE_INTERVAL_SECONDS: Final = 1.0
BRIEF_SECONDS: Final = 0.2


class End(Enum):
    """Why the waiting for a child was over."""

    EXIT = auto()
    QUOTA = auto()
    TIMEOUT = auto()
    CANCEL = auto()
    STOP = auto()


class Orders:
    """What the pool may ask of a running attempt. Whoever waits for one hears of the next as well."""

    def __init__(self) -> None:
        self.cancel = False
        self.stop = False
        self.hurry = False
        """No grace any more."""
        self._news = trio.Event()

    def give(self, *, cancel: bool = False, stop: bool = False, hurry: bool = False) -> None:
        """Ask for what is true, besides what was asked for before."""
        self.cancel |= cancel
        self.stop |= stop
        self.hurry |= hurry
        self.wake()

    def wake(self) -> None:
        """Have whoever waits look again."""
        self._news.set()
        self._news = trio.Event()

    async def wait_news(self) -> None:
        """Return when something was asked or has happened since the call."""
        await self._news.wait()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait: for the child, between TERM and KILL, and for its pipes once its tree is dead; and for how much."""

    timeout_seconds: float
    terminate_grace_seconds: float
    drain_seconds: float
    work_max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom to tell.

    `started` is called at once with the process that carries the attempt, `lasts` when it has run for BRIEF_SECONDS or tells of
    progress, `progress` at most five times a second.
    """

    started: Callable[[ProcessIdentity], None]
    lasts: Callable[[], Awaitable[None]]
    progress: Callable[[float, str | None], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Start:
    """A child that is to be let go by entering `opened`, and its two pipes. Leaving that leaves nothing of the child."""

    child: Child
    output: Pipe
    said: Pipe
    opened: AbstractAsyncContextManager[object]


@contextmanager
def start_cold(child: Child, group_parent: Path | None) -> Iterator[Start]:
    """Make the pipes of a child that is not started yet."""
    with open_pipe() as output, open_pipe() as said:
        yield Start(child, output, said, open_child(child, output, said, group_parent))


async def supervise(start: Start, orders: Orders, log: Log, patience: Patience, listener: Listener) -> tuple[End, Usage]:
    """Run a child to its end and return why and how it ended.

    Raises OSError when it cannot be started. Ordering: on return every process of the attempt is dead.
    """
    child = start.child
    holding = _Holding(child, orders, patience)
    progress = Progress(log, listener.progress)
    telling = trio.CancelScope()
    result: tuple[End, Usage] | OSError
    async with trio.open_nursery() as tasks:
        tasks.start_soon(copy_output, start.output, log, name="copy output")
        await failpoints.reach("runner.spawn.before")
        try:
            async with start.opened:
                await failpoints.reach("runner.spawn.after")
                listener.started(child.identity)
                tasks.start_soon(_tell, telling, child.outlives_daemon, listener, progress, name="tell of the child")
                tasks.start_soon(progress.read, start.said, name="read progress")
                tasks.start_soon(holding.watch_exit, name="watch the child")
                result = await holding.run()
        except OSError as error:  # a nursery would make a group of it
            result = error
        telling.cancel()
        tasks.cancel_scope.deadline = trio.current_time() + patience.drain_seconds
    if isinstance(result, OSError):
        raise result
    if child.refusal is not None:
        raise child.refusal
    return result


async def _tell(scope: trio.CancelScope, is_urgent: bool, listener: Listener, progress: Progress) -> None:
    with scope:
        if not is_urgent:  # most jobs are over by then, and their process is stored with the outcome
            with trio.move_on_after(BRIEF_SECONDS):
                await progress.wait_news()
        await listener.lasts()
        await progress.run()


class _Holding:
    """The wait for a child's end, and the ending of it."""

    def __init__(self, child: Child, orders: Orders, patience: Patience) -> None:
        self._child = child
        self._orders = orders
        self._patience = patience
        self._deadline = trio.current_time() + patience.timeout_seconds
        self._has_exited = False
        self._watching = trio.CancelScope()
        self._watched = trio.Event()

    async def watch_exit(self) -> None:
        """Wait for the child's own end; tell `run` of it."""
        with self._watching:
            await self._child.wait_exited()
            self._has_exited = True
            self._orders.wake()
        self._watched.set()

    async def run(self) -> tuple[End, Usage]:
        """Return why and how the child ended; nothing of it is left."""
        end = await self._wait_end()
        await _reach_end(end)
        if end is not End.EXIT:
            await self._child.terminate()
            with trio.move_on_after(self._patience.terminate_grace_seconds):
                while not (self._has_exited or self._orders.hurry):
                    await self._orders.wait_news()
        self._watching.cancel()
        if not self._watched.is_set():
            await self._watched.wait()  # two tasks cannot wait for one process
        usage = await self._child.end()
        await failpoints.reach("runner.tree-dead.after")
        if end is End.EXIT and await self._is_overfull():
            end = End.QUOTA
        return end, usage

    async def _wait_end(self) -> End:
        """Return the first reason to stop waiting; an exit beats the rest, since there is nothing left to end then."""
        while (end := self._find_end()) is None:
            # The kernel tells nobody how much is written, so the folder is measured again and again.
            with trio.move_on_at(min(self._deadline, trio.current_time() + MEASURE_INTERVAL_SECONDS)) as waiting:
                await self._orders.wait_news()
            if waiting.cancelled_caught and await self._is_overfull():
                return End.EXIT if self._has_exited else End.QUOTA
        return end

    def _find_end(self) -> End | None:
        reasons = {
            End.EXIT: self._has_exited,
            End.CANCEL: self._orders.cancel,
            End.STOP: self._orders.stop,
            End.TIMEOUT: trio.current_time() >= self._deadline,
        }
        return next((end for end, holds in reasons.items() if holds), None)

    async def _is_overfull(self) -> bool:
        bound = self._patience.work_max_bytes
        return bound is not None and await is_overfull(self._child.spawn.workdir, bound)


async def _reach_end(end: End) -> None:
    match end:
        case End.EXIT:
            await failpoints.reach("runner.child-exit.after")
        case End.QUOTA:
            await failpoints.reach("runner.quota.after")
        case End.TIMEOUT:
            await failpoints.reach("runner.timeout.after")
        case End.CANCEL:
            await failpoints.reach("runner.cancel.after")
        case End.STOP:
            await failpoints.reach("runner.stop.after")
