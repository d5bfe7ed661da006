"""One attempt: from the claim, through the child, to the outcome in the store.

Owns the order after the claim: work directory → child → the child's whole tree is dead → results durable → outcome committed.
Whatever goes wrong in between becomes an outcome; only the loss of the daemon itself leaves a row `running`, for recovery.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import random
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

import trio

from nexusd import failpoints
from nexusd.contract.base import utc_now
from nexusd.domain.retry import Done, Failed, Outcome, spawn_failure
from nexusd.domain.states import ErrorCode
from nexusd.errors import NexusdError, NotFound, OutputRefused, StorageFull, Unavailable
from nexusd.runner.capture import Log
from nexusd.runner.results import store_results
from nexusd.runner.supervision import Listener, Orders, Patience, start_cold, supervise
from nexusd.runner.verdict import judge
from nexusd.runner.workdir import fill_workdir, find_inputs, open_workdir
from nexusd.runner.workshop import cpu_bound
from nexusd.store import jobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from nexusd.contract.assets import Asset
    from nexusd.renderers.spec import RendererSpec
    from nexusd.runner.spares import Spare, Spares
    from nexusd.runner.supervision import Start
    from nexusd.runner.workdir import Inputs
    from nexusd.runner.workshop import Workshop
    from nexusd.store.jobs import Claim, ProcessIdentity, Usage

logger = logging.getLogger("nexusd.runner")

INSIST_SECONDS: Final = 1.0
COPY_MAX_BYTES: Final = 32 * 1024 * 1024
"""Of assets that are copied to a warm spare. A sandbox that is made for the job is shown them where they lie."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do, and where: in a directory of the attempt's own, or in that of a spare."""

    spec: RendererSpec
    argv: Sequence[str]
    inputs: Inputs
    workdir: Path
    spare: Spare | None = None


class Attempt:
    """The attempt that a claim is the right to. `cancel` and `stop` may be called at any time; `run` is called once."""

    def __init__(self, claim: Claim, workshop: Workshop, spares: Spares) -> None:
        self._claim = claim
        self._spares = spares
        self.job_id = claim.job.id
        self._workshop = workshop
        self._orders = Orders()
        self._carrier: tuple[ProcessIdentity, str] | None = None
        """The process, while it is not recorded."""

    def cancel(self) -> None:
        """Ask the child to end because the job was cancelled."""
        self._orders.give(cancel=True)

    def stop(self, *, hurry: bool = False) -> None:
        """Ask the child to end because the daemon stops; with `hurry`, without any grace."""
        self._orders.give(stop=True, hurry=hurry)

    async def run(self, settling: Callable[[], None]) -> None:
        """Carry the job to an outcome, and store that. `settling` is called when nothing is left but to store it.

        Raises Unavailable when the outcome cannot be stored and the daemon stops.
        Ordering: what is written after that call is written after the outcome.
        """
        claim, database = self._claim, self._workshop.database
        outcome, usage, results = await self._execute(claim)
        logger.info(
            "attempt ended", extra={"job": self.job_id, "attempt": claim.job.attempt, "outcome": type(outcome).__name__}
        )
        await failpoints.reach("runner.settle.before")
        settling()
        settled = await self._insist(
            lambda: database.write(jobs.settle, claim, outcome, usage, results, random.random(), utc_now(), self._carrier)
        )
        self._workshop.tell_log(self.job_id)
        await failpoints.reach("runner.settle.after")
        if settled is None:
            logger.error("attempt was not the live one any more; its outcome is dropped", extra={"job": self.job_id})

    async def _execute(self, claim: Claim) -> tuple[Outcome, Usage, Sequence[Asset]]:
        """Return what came of it: never raises but for cancellation."""
        workshop, usage = self._workshop, jobs.UNKNOWN_USAGE
        try:
            spec = self._spec(claim)
            inputs = await find_inputs(claim, workshop.database)
            if (refusal := spec.network_refusal(workshop.network_job_types)) is not None:
                return Failed(ErrorCode.RENDERER_UNAVAILABLE, f"the renderer {refusal}"), usage, ()
            async with self._open_work(spec, inputs) as work:
                outcome, usage = await self._render(work)
                if not isinstance(outcome, Done):
                    return outcome, usage, ()
                slug, bound = await workshop.slug(claim.job.company_id), workshop.limits.output_max_bytes
                await failpoints.reach("runner.results.before")
                results = await store_results(work.workdir, claim, spec, slug, workshop.storage, bound)
                await failpoints.reach("runner.results.after")
                return outcome, usage, results
        except Exception as error:  # the border of an attempt
            return self._explain(error), usage, ()

    @asynccontextmanager
    async def _open_work(self, spec: RendererSpec, inputs: Inputs) -> AsyncIterator[Work]:
        """Make a work directory, or take a spare with its own. What is in it goes on leaving, or soon after."""
        argv = list(spec.command(inputs.job_input))
        spare = self._spares.take(spec, argv) if inputs.asset_bytes <= COPY_MAX_BYTES else None
        if spare is None:
            async with open_workdir(self._workshop.work_directory / self._claim.attempt_id) as workdir:
                yield Work(spec, argv, inputs, workdir)
            return
        try:
            yield Work(spec, argv, inputs, spare.workdir, spare)
        finally:
            self._spares.give_up(spare)

    def _explain(self, error: Exception) -> Failed:
        match error:
            case OutputRefused(code=code):
                return Failed(ErrorCode(code), str(error))
            case StorageFull() | OSError(errno=errno.ENOSPC | errno.EDQUOT):
                return Failed(ErrorCode.STORAGE_FULL, str(error))
            case Unavailable():
                return Failed(ErrorCode.INTERRUPTED, str(error))
            case NotFound():
                return Failed(ErrorCode.INVALID_INPUT, str(error))
        logger.error("attempt failed inside the daemon", extra={"job": self.job_id}, exc_info=error)
        told = str(error) if isinstance(error, NexusdError) else f"the daemon could not run this job: {error!r}"
        return Failed(ErrorCode.INTERNAL, told)

    def _spec(self, claim: Claim) -> RendererSpec:
        spec = self._workshop.registry.get(claim.job.job_type)
        assert spec is not None, "the pool offers only job types of the registry"
        return spec

    async def _render(self, work: Work) -> tuple[Outcome, Usage]:
        claim, workshop, limits = self._claim, self._workshop, self._workshop.limits
        can_show = work.spare is None and workshop.containment.can_show_files  # a spare's sandbox is closed already
        shown = await fill_workdir(work.workdir, work.inputs, workshop.storage, can_show=can_show)
        timeout_seconds = claim.job.timeout_seconds or work.spec.default_timeout_seconds
        path = workshop.log_directory / self.job_id / f"{claim.job.attempt}.log"
        log = Log(path, limits.log_max_bytes, lambda: workshop.tell_log(self.job_id))
        try:
            with self._start(work, shown, cpu_bound(timeout_seconds)) as start:
                end, usage = await supervise(
                    start,
                    self._orders,
                    log,
                    Patience(timeout_seconds, limits.terminate_grace_seconds, limits.drain_seconds, limits.work_max_bytes),
                    Listener(
                        started=self._remember_process,
                        lasts=lambda: self._record_process(claim),
                        progress=lambda fraction, message: self._report(claim, fraction, message),
                    ),
                )
        except OSError as error:
            return spawn_failure(error, work.argv[0]), jobs.UNKNOWN_USAGE
        finally:
            log.close()
        if work.spare is not None:
            usage = work.spare.without_warming(usage)
        return judge(end, usage, log.tail(), work.spec.unavailable_reason), usage

    @contextmanager
    def _start(self, work: Work, shown: Sequence[tuple[Path, str]], cpu_seconds: int) -> Iterator[Start]:
        """Raises OSError when there is no such program."""
        if work.spare is not None:
            yield work.spare.start(cpu_seconds)
            return
        workshop = self._workshop
        spawn = workshop.make_spawn(self._claim.attempt_id, work.spec, work.argv, work.workdir)
        spawn = replace(spawn, shown=shown, limits=replace(spawn.limits, cpu_seconds=cpu_seconds))
        with start_cold(workshop.containment.make_child(spawn), workshop.containment.group_parent) as start:
            yield start

    async def _insist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write until it is written: an outcome that is known must not be lost to a disk that is full for a while.

        Raises Unavailable once the daemon stops and a last try fails too: recovery will find the row still `running`.
        """
        while True:
            is_last = self._orders.stop
            try:
                return await write()
            except Unavailable as trouble:
                logger.warning("an outcome cannot be stored yet", extra={"job": self.job_id, "reason": str(trouble)})
                if is_last:
                    raise
            with trio.move_on_after(INSIST_SECONDS):
                while not self._orders.stop:
                    await self._orders.wait_news()

    def _remember_process(self, process: ProcessIdentity) -> None:
        self._carrier = process, self._workshop.containment.level.value

    async def _record_process(self, claim: Claim) -> None:
        assert self._carrier is not None
        with contextlib.suppress(Unavailable):  # recovery finds the process by its mark as well
            await self._workshop.database.write(jobs.record_process, claim.attempt_id, *self._carrier)
            self._carrier = None

    async def _report(self, claim: Claim, fraction: float, message: str | None) -> None:
        with contextlib.suppress(Unavailable):  # the next step tells more
            await self._workshop.database.write(jobs.report_progress, claim, fraction, message, utc_now())
