"""A child's life, from the start until nothing of it is left.

Owns the two pipes, the readers, and the decision that a child must end: at its own exit, at the timeout, when it fills the
disk, or on an order. Leaves out what the end means (`verdict`) and what is done about it (`attempt`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from nexusd.runner.capture import Log, Progress, copy_output
from nexusd.runner.pipes import open_pipe
from nexusd.runner.process import Child, open_child
from nexusd.runner.workdir import is_above

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from nexusd.store.jobs import ProcessIdentity, Usage

MEASURE_INTERVAL_SECONDS: Final = 1.0


class End(Enum):
    """Why the waiting for a child was over."""

    EXIT = auto()
    QUOTA = auto()
    TIMEOUT = auto()
    CANCEL = auto()
    STOP = auto()


@dataclass(frozen=True, slots=True)
class Orders:
    """What the pool may ask of a running attempt."""

    cancel: trio.Event = field(default_factory=trio.Event)
    stop: trio.Event = field(default_factory=trio.Event)
    hurry: trio.Event = field(default_factory=trio.Event)
    """No grace any more."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait: for the child, between TERM and KILL, and for its pipes once its tree is dead; and for how much."""

    timeout_seconds: float
    terminate_grace_seconds: float
    drain_seconds: float
    work_max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom to tell. `progress` is called at most five times a second."""

    started: Callable[[ProcessIdentity], Awaitable[None]]
    progress: Callable[[float, str | None], Awaitable[None]]


async def supervise(
    child: Child, orders: Orders, log: Log, patience: Patience, listener: Listener, group_parent: Path | None
) -> tuple[End, Usage]:
    """Run a child to its end and return why and how it ended.

    Raises OSError when it cannot be started. Ordering: on return every process of the attempt is dead.
    """
    deadline = trio.current_time() + patience.timeout_seconds
    progress = Progress(log, listener.progress)
    result: tuple[End, Usage] | OSError
    async with open_pipe() as output, open_pipe() as said, trio.open_nursery() as telling:
        telling.start_soon(progress.run, name="tell of progress")
        async with trio.open_nursery() as reading:
            reading.start_soon(copy_output, output.stream, log, name="copy output")
            try:
                async with open_child(child, output, said, group_parent):
                    telling.start_soon(listener.started, child.identity, name="tell of the process")
                    reading.start_soon(progress.read, said.stream, name="read progress")
                    result = await _hold(child, orders, patience, deadline)
            except OSError as error:  # a nursery would make a group of it
                result = error
            reading.cancel_scope.deadline = trio.current_time() + patience.drain_seconds
        telling.cancel_scope.cancel()
    if isinstance(result, OSError):
        raise result
    if child.refusal is not None:
        raise child.refusal
    return result


async def _hold(child: Child, orders: Orders, patience: Patience, deadline: float) -> tuple[End, Usage]:
    reasons: dict[End, Callable[[], Awaitable[None]]] = {
        End.EXIT: child.wait_exited,
        End.CANCEL: orders.cancel.wait,
        End.STOP: orders.stop.wait,
        End.QUOTA: partial(_wait_overfull, child, patience),
    }
    end = await _wait_first(reasons, deadline) or End.TIMEOUT
    if end is not End.EXIT:
        await child.terminate()
        grace = trio.current_time() + patience.terminate_grace_seconds
        await _wait_first({End.EXIT: child.wait_exited, End.STOP: orders.hurry.wait}, grace)
    usage = await child.end()
    if end is End.EXIT and await _is_overfull(child, patience):
        end = End.QUOTA
    return end, usage


async def _wait_first(waits: Mapping[End, Callable[[], Awaitable[None]]], deadline: float) -> End | None:
    """Return the name of the first wait that is over, of several that which stands first; None at the deadline.

    So an exit beats the rest: there is nothing left to end then.
    """
    reasons: set[End] = set()

    async def note(wait: Callable[[], Awaitable[None]], reason: End) -> None:
        await wait()
        reasons.add(reason)
        waiting.cancel_scope.cancel()

    with trio.CancelScope(deadline=deadline):
        async with trio.open_nursery() as waiting:
            for reason, wait in waits.items():
                waiting.start_soon(note, wait, reason)
    return next((reason for reason in waits if reason in reasons), None)


async def _wait_overfull(child: Child, patience: Patience) -> None:
    """Return when the child's folder holds more than it may. The kernel tells nobody, so it is looked at again and again."""
    while True:
        await trio.sleep(MEASURE_INTERVAL_SECONDS)
        if await _is_overfull(child, patience):
            return


async def _is_overfull(child: Child, patience: Patience) -> bool:
    if patience.work_max_bytes is None:
        return False
    return await trio.to_thread.run_sync(is_above, child.spawn.workdir, patience.work_max_bytes, abandon_on_cancel=True)
