"""A child's life, from the spawn until nothing of it is left.

Owns the two pipes, the readers, and the decision that a child must end: at its own exit, at the timeout, or on an order.
Leaves out what the end means (`verdict`) and what is done about it (`attempt`).
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

import trio

from nexusd import failpoints
from nexusd.runner.capture import Log, Progress, copy_output
from nexusd.runner.process import Child, Spawn, open_child

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nexusd.store.jobs import ProcessIdentity, Usage


class End(Enum):
    """Why the waiting for a child was over."""

    EXIT = auto()
    TIMEOUT = auto()
    CANCEL = auto()
    STOP = auto()


@dataclass(frozen=True, slots=True)
class Orders:
    """What the pool may ask of a running attempt."""

    cancel: trio.Event = field(default_factory=trio.Event)
    stop: trio.Event = field(default_factory=trio.Event)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait: for the child, between TERM and KILL, and for its pipes once its tree is dead."""

    timeout_seconds: float
    terminate_grace_seconds: float
    drain_seconds: float


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom to tell. `progress` is called at most five times a second."""

    started: Callable[[ProcessIdentity], Awaitable[None]]
    progress: Callable[[float, str | None], Awaitable[None]]


class _Pipe:
    """A pipe to a child: we read `stream`, the child gets `child_end`."""

    def __init__(self) -> None:
        reading, self.child_end = os.pipe()
        self.stream = trio.lowlevel.FdStream(reading)

    def close_child_end(self) -> None:
        if self.child_end >= 0:
            os.close(self.child_end)
            self.child_end = -1

    async def aclose(self) -> None:
        self.close_child_end()
        await self.stream.aclose()


async def supervise(spawn: Spawn, orders: Orders, log: Log, patience: Patience, listener: Listener) -> tuple[End, Usage]:
    """Run a child to its end and return why and how it ended.

    Raises OSError when it cannot be started. Ordering: on return every process of the attempt is dead.
    """
    deadline = trio.current_time() + patience.timeout_seconds
    progress = Progress(log, listener.progress)
    async with contextlib.AsyncExitStack() as stack:
        output, said = await _open_pipe(stack), await _open_pipe(stack)
        child = await stack.enter_async_context(open_child(spawn, output.child_end, said.child_end))
        output.close_child_end()
        said.close_child_end()
        async with trio.open_nursery() as telling:
            telling.start_soon(listener.started, child.identity, name="tell of the process")
            telling.start_soon(progress.run, name="tell of progress")
            async with trio.open_nursery() as reading:
                reading.start_soon(copy_output, output.stream, log, name="copy output")
                reading.start_soon(progress.read, said.stream, name="read progress")
                end = await _wait_end(child, orders, deadline)
                await _reach_end(end)
                if end is not End.EXIT:
                    await child.terminate(patience.terminate_grace_seconds)
                usage = await child.end()
                await failpoints.reach("runner.tree-dead.after")
                reading.cancel_scope.deadline = trio.current_time() + patience.drain_seconds
            telling.cancel_scope.cancel()
    return end, usage


async def _open_pipe(stack: contextlib.AsyncExitStack) -> _Pipe:
    pipe = _Pipe()
    stack.push_async_callback(pipe.aclose)
    return pipe


async def _wait_end(child: Child, orders: Orders, deadline: float) -> End:
    """Return the first reason to stop waiting; an exit beats the rest, since there is nothing left to end then."""
    reasons: set[End] = set()

    async def note(wait: Callable[[], Awaitable[None]], reason: End) -> None:
        await wait()
        reasons.add(reason)
        waiting.cancel_scope.cancel()

    with trio.CancelScope(deadline=deadline):
        async with trio.open_nursery() as waiting:
            waiting.start_soon(note, child.wait_exited, End.EXIT)
            waiting.start_soon(note, orders.cancel.wait, End.CANCEL)
            waiting.start_soon(note, orders.stop.wait, End.STOP)
    return next((reason for reason in (End.EXIT, End.CANCEL, End.STOP) if reason in reasons), End.TIMEOUT)


async def _reach_end(end: End) -> None:
    match end:
        case End.EXIT:
            await failpoints.reach("runner.child-exit.after")
        case End.TIMEOUT:
            await failpoints.reach("runner.timeout.after")
        case End.CANCEL:
            await failpoints.reach("runner.cancel.after")
        case End.STOP:
            await failpoints.reach("runner.stop.after")
