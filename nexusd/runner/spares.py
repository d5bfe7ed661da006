"""Warm spares: children that are started before there is a job for them, so that a job need not wait for its engine.

A spare is a child like any other, in its own sandbox and its own work directory, whose engine has been loaded and warmed after
its start (see `renderers.child`). It serves one job and ends, so no job can leave anything behind for the next one. There is a
spare only for what was asked for lately: a job of a kind makes one wanted, and one that nobody took is given up.

    wanted ──a slot is free──▶ warming ──▶ waiting ──take──▶ taken ──the attempt's end──▶ gone
                                  └──────────┴──idle, no room, dead──────────────────────▶ gone

Owns which spares there are, and their processes for as long as they live; an attempt borrows one. Leaves out what is done with
it (`attempt`).

Invariants: one spare at a time is warmed, and only while a slot is free, so that getting ready never takes the processor from
jobs that wait. All spares together hold no more memory than the rules allow, by what each kind was seen to take. A spare that
does not get warm makes its kind unwanted for a while; its jobs start cold, as they would without spares. Leaving `run` leaves
no process.
"""

from __future__ import annotations

import logging
import math
import os
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

import trio

from nexusd.domain.ids import new_id
from nexusd.renderers.child import SPARE
from nexusd.renderers.job import JOB_FD_VARIABLE
from nexusd.renderers.spec import CHILD
from nexusd.runner import limits, tree
from nexusd.runner.limits import ProcessLimits
from nexusd.runner.pipes import open_pipe
from nexusd.runner.process import open_child
from nexusd.runner.supervision import Start
from nexusd.runner.workdir import open_workdir

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from nexusd.renderers.spec import RendererSpec
    from nexusd.runner.pipes import Pipe
    from nexusd.runner.process import Child
    from nexusd.runner.workshop import Workshop
    from nexusd.store.jobs import Usage

logger = logging.getLogger("nexusd.runner")

WARM_SECONDS: Final = 60.0
ASSUMED_BYTES: Final = 100 * 1024 * 1024
"""What a spare is taken to need before one of its kind was measured."""
READY: Final = b"\n"
THERE_IS_A_JOB: Final = b"\n"
SAID_MAX_BYTES: Final = 4000
SAID_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class SpareRules:
    """How many spares there may be. `per_job_type` is for each engine of a job type, in place of what its renderer says."""

    idle_seconds: float
    memory_max_bytes: int
    per_job_type: Mapping[str, int] = field(default_factory=dict)


class Kind(NamedTuple):
    """What a spare can be used for: the jobs of one type that are started by one command line."""

    job_type: str
    argv: tuple[str, ...]

    @property
    def engine(self) -> str:
        """The engine, `MODULE:FUNCTION`."""
        return self.argv[len(CHILD)]


class Pipes:
    """What comes from a spare, and the pipe by which it is told of its job: it gets `waiting`, we write to `telling`."""

    def __init__(self, output: Pipe, said: Pipe) -> None:
        self.output = output
        self.said = said
        self.waiting, self.telling = os.pipe()

    def close_waiting(self) -> None:
        """Leave the waiting to the spare, so that telling one that has ended fails."""
        if self.waiting >= 0:
            os.close(self.waiting)
            self.waiting = -1

    def close(self) -> None:
        """Close what is still open of the pipe to the spare."""
        self.close_waiting()
        os.close(self.telling)


class Spare:
    """One spare, from the moment it is started."""

    def __init__(self, kind: Kind, child: Child, pipes: Pipes) -> None:
        self.kind = kind
        self.child = child
        self.pipes = pipes
        self.memory_bytes: int | None = None
        """Resident, when it was warm; None before."""
        self.is_taken = False
        self.let_go = trio.Event()
        """Set to have it ended."""
        self.watching = trio.CancelScope()
        """Around the wait for its end; the deadline is when nobody wants it any more."""
        self.unwatched = trio.Event()
        self.cpu_seconds = 0.0
        """What it has used before it got its job."""

    @property
    def workdir(self) -> Path:
        """Where its job is to be put."""
        return self.child.spawn.workdir

    def start(self, cpu_seconds: int) -> Start:
        """Return it as something to supervise; its job must be in its work directory. `cpu_seconds` bounds what that uses."""
        return Start(self.child, self.pipes.output, self.pipes.said, self._hand_over(cpu_seconds))

    @asynccontextmanager
    async def _hand_over(self, cpu_seconds: int) -> AsyncIterator[None]:
        """Raises OSError when it has ended before."""
        try:
            self.watching.cancel()
            await self.unwatched.wait()  # two tasks cannot wait for one process
            bound = ProcessLimits(cpu_seconds=cpu_seconds + math.ceil(self.cpu_seconds))
            limits.apply(self.child.pids, bound, counts_processes=False)
            os.write(self.pipes.telling, THERE_IS_A_JOB)
            yield
        finally:
            await self.child.end()

    def without_warming(self, usage: Usage) -> Usage:
        """Return what its job alone has used of the processor. The memory's peak may be that of the warming."""
        if usage.cpu_seconds is None:
            return usage
        return replace(usage, cpu_seconds=max(0.0, round(usage.cpu_seconds - self.cpu_seconds, 6)))


class Spares:
    """The spares of a daemon. Made once, run once; as long as it does not run there are none."""

    def __init__(self, workshop: Workshop, rules: SpareRules) -> None:
        self._workshop = workshop
        self._rules = rules
        self._spares: list[Spare] = []
        self._wanted: dict[Kind, float] = {}
        """Until when, by the clock of trio. What was asked for last comes last."""
        self._refused: dict[Kind, float] = {}
        """Until when a kind that failed is left alone."""
        self._measured: dict[Kind, int] = {}
        self._has_room = True
        self._news = trio.Event()

    def __iter__(self) -> Iterator[Spare]:
        """Go through those that are warming or waiting."""
        return iter([spare for spare in self._spares if not spare.is_taken])

    def take(self, spec: RendererSpec, argv: Sequence[str]) -> Spare | None:
        """Return a warm spare for such a job, or None, and have another one made when there is time.

        Whoever takes one has to call `give_up` in the end.
        """
        kind = Kind(spec.job_type, tuple(argv))
        if self._bound(kind) == 0:
            return None
        until = trio.current_time() + self._rules.idle_seconds
        self._wanted.pop(kind, None)
        self._wanted[kind] = until
        self._wake()
        warm = [spare for spare in self if spare.kind == kind and spare.memory_bytes is not None]
        for spare in warm:
            spare.watching.deadline = until
        if not warm:
            return None
        warm[0].is_taken = True
        return warm[0]

    def bound(self, spec: RendererSpec) -> int:
        """Return how many spares each engine of a renderer may have; none where it may use the network."""
        if spec.network or self._rules.memory_max_bytes == 0:
            return 0
        return self._rules.per_job_type.get(spec.job_type, spec.spares)

    def give_up(self, spare: Spare) -> None:
        """End a spare and remove its work directory, soon."""
        spare.is_taken = True
        spare.let_go.set()

    def tell_room(self, has_room: bool) -> None:
        """Say whether a slot is free."""
        if has_room and not self._has_room:
            self._wake()
        self._has_room = has_room

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Make spares when they are wanted, for ever. Cancellation: all of them are ended, those that are taken too."""
        async with trio.open_nursery() as keeping:
            task_status.started()
            while True:
                self._news = trio.Event()
                kind = self._choose()
                if kind is None:
                    await self._news.wait()
                else:
                    settled = trio.Event()
                    keeping.start_soon(self._keep, kind, settled, name=f"spare of {kind.engine}")
                    await settled.wait()

    def _wake(self) -> None:
        self._news.set()

    def _bound(self, kind: Kind) -> int:
        """Return how many of a kind there may be; none of what is not an engine of ours."""
        spec = self._workshop.registry.get(kind.job_type)
        return self.bound(spec) if spec is not None and kind.argv[: len(CHILD)] == CHILD else 0

    def _choose(self) -> Kind | None:
        """Return the kind of which there are too few, the one that was asked for last before others."""
        now = trio.current_time()
        if not self._has_room or self._workshop.room.is_low():
            return None
        for kind in reversed(self._wanted):
            is_wanted = self._wanted[kind] > now >= self._refused.get(kind, -math.inf)
            if is_wanted and sum(spare.kind == kind for spare in self) < self._bound(kind):
                return kind if self._make_way(kind) else None
        return None

    def _make_way(self, kind: Kind) -> bool:
        """Tell whether one more fits into the memory; if not, give up one of a kind that was asked for longer ago."""
        held = sum(self._memory(spare) for spare in self._spares if not spare.is_taken or spare.let_go.is_set())
        if held + self._measured.get(kind, ASSUMED_BYTES) <= self._rules.memory_max_bytes:
            return True
        older = takewhile(lambda other: other != kind, self._wanted)
        victim = next((spare for other in older for spare in self if spare.kind == other), None)
        if victim is not None:
            self.give_up(victim)  # its end is news
        return False

    def _memory(self, spare: Spare) -> int:
        return spare.memory_bytes or self._measured.get(spare.kind, ASSUMED_BYTES)

    async def _keep(self, kind: Kind, settled: trio.Event) -> None:
        """Be a spare's life; `settled` is set when it waits, or has failed."""
        try:
            async with open_workdir(self._workshop.work_directory / new_id()) as workdir:
                with self._make(kind, workdir) as spare:
                    pipes = spare.pipes
                    async with open_child(spare.child, pipes.output, pipes.said, self._workshop.containment.group_parent):
                        pipes.close_waiting()
                        if await self._warm(spare):
                            settled.set()
                            await self._wait(spare)
                        else:
                            self._refuse(kind, await _read_complaint(pipes.output))
        except OSError as error:
            self._refuse(kind, str(error))
        finally:
            settled.set()
            self._wake()

    @contextmanager
    def _make(self, kind: Kind, workdir: Path) -> Iterator[Spare]:
        """Make a spare that is not started yet, and count it."""
        workshop = self._workshop
        spec = workshop.registry.get(kind.job_type)
        assert spec is not None, "only what has a renderer is wanted"
        with open_pipe() as output, open_pipe() as said, closing(Pipes(output, said)) as pipes:
            spawn = workshop.make_spawn(workdir.name, spec, (*kind.argv, SPARE), workdir)
            environment = {**spawn.environment, JOB_FD_VARIABLE: str(pipes.waiting)}
            child = workshop.containment.make_child(replace(spawn, inherited=(pipes.waiting,), environment=environment))
            spare = Spare(kind, child, pipes)
            self._spares.append(spare)
            try:
                yield spare
            finally:
                self._spares.remove(spare)

    async def _warm(self, spare: Spare) -> bool:
        """Wait until it is warm; tell whether it got so."""
        with trio.move_on_after(WARM_SECONDS):
            if await spare.pipes.said.receive(1) == READY:
                program = spare.child.pids[-1]
                memory, spare.cpu_seconds = await trio.to_thread.run_sync(tree.measure_family, program)
                spare.memory_bytes = self._measured[spare.kind] = memory
                return True
        return False

    async def _wait(self, spare: Spare) -> None:
        """Wait until it is taken and given up again, nobody wants it any more, or it has died."""
        spare.watching.deadline = self._wanted[spare.kind]
        with spare.watching:
            async with trio.open_nursery() as watching:
                for ended in (spare.child.wait_exited, spare.let_go.wait):
                    watching.start_soon(_cancel_after, ended, watching.cancel_scope)
        spare.unwatched.set()
        if not spare.is_taken:
            self.give_up(spare)
        await spare.let_go.wait()

    def _refuse(self, kind: Kind, reason: str) -> None:
        """Leave a kind alone for a while: its jobs start cold."""
        self._refused[kind] = trio.current_time() + self._rules.idle_seconds
        logger.warning("a spare does not get warm", extra={"engine": kind.engine, "reason": reason})


async def _cancel_after(wait: Callable[[], Awaitable[None]], scope: trio.CancelScope) -> None:
    await wait()
    scope.cancel()


async def _read_complaint(output: Pipe) -> str:
    with trio.move_on_after(SAID_SECONDS):
        said = await output.receive(SAID_MAX_BYTES)
        return said.decode("utf-8", "replace").strip() or "it ended without a word"
    return "it took too long"
