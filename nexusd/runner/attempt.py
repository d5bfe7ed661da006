"""One attempt: from the claim, through the child, to the outcome in the store.

Owns the order after the claim: work directory → child → the child's whole tree is dead → results durable → outcome committed.
Whatever goes wrong in between becomes an outcome; only the loss of the daemon itself leaves a row `running`, for recovery.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import math
import os
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

import trio

from nexusd import failpoints
from nexusd.contract.base import utc_now
from nexusd.domain.caps import Caps
from nexusd.domain.retry import Done, Failed, Outcome, spawn_failure
from nexusd.domain.states import ErrorCode
from nexusd.errors import NexusdError, NotFound, OutputRefused, StorageFull, Unavailable
from nexusd.renderers.job import CAPS_VARIABLE
from nexusd.runner.capture import Log
from nexusd.runner.limits import ProcessLimits
from nexusd.runner.process import Spawn
from nexusd.runner.programs import find_program
from nexusd.runner.results import store_results
from nexusd.runner.supervision import Listener, Orders, Patience, supervise
from nexusd.runner.verdict import judge
from nexusd.runner.workdir import fill_workdir, open_workdir
from nexusd.storage.room import UNBOUNDED
from nexusd.store import companies, jobs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from nexusd.contract.assets import Asset
    from nexusd.renderers.registry import Registry
    from nexusd.renderers.spec import RendererSpec
    from nexusd.runner.containment import Containment
    from nexusd.storage import Provider
    from nexusd.storage.room import Room
    from nexusd.store.database import Database
    from nexusd.store.jobs import Claim, ProcessIdentity, Usage

logger = logging.getLogger("nexusd.runner")

INSIST_SECONDS: Final = 1.0
CHILD_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_NO_NETWORK: Final = "the renderer asks for the network: allow it with the setting network_job_types = [{!r}]"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """The bounds of every attempt. Seconds and bytes; None = no bound."""

    terminate_grace_seconds: float
    drain_seconds: float
    log_max_bytes: int
    output_max_bytes: int | None
    work_max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every attempt works with."""

    database: Database
    storage: Provider
    registry: Registry
    work_directory: Path
    log_directory: Path
    limits: AttemptLimits
    containment: Containment
    caps: Caps = field(default_factory=Caps)
    network_job_types: frozenset[str] = frozenset()
    """The job types whose renderers get the network when they ask for it."""
    room: Room = UNBOUNDED
    """Where there must be some for anything to start."""
    slugs: dict[str, str] = field(default_factory=dict)
    tell_log: Callable[[str], None] = lambda _job_id: None
    """To be called when the log of a job has grown, and when an attempt's end is stored: its log is whole then."""

    async def slug(self, company_id: str) -> str:
        """Return a company's slug: asked for once, since no company is ever renamed."""
        if company_id not in self.slugs:
            self.slugs[company_id] = (await self.database.read(companies.get, company_id)).slug
        return self.slugs[company_id]


class Attempt:
    """The attempt that a claim is the right to. `cancel` and `stop` may be called at any time; `run` is called once."""

    def __init__(self, claim: Claim, workshop: Workshop) -> None:
        self._claim = claim
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
        usage = jobs.UNKNOWN_USAGE
        try:
            async with open_workdir(self._workshop.work_directory / claim.attempt_id) as workdir:
                spec = self._spec(claim)
                outcome, usage = await self._render(claim, spec, workdir)
                if isinstance(outcome, Done):
                    workshop = self._workshop
                    slug, bound = await workshop.slug(claim.job.company_id), workshop.limits.output_max_bytes
                    await failpoints.reach("runner.results.before")
                    results = await store_results(workdir, claim, spec, slug, workshop.storage, bound)
                    await failpoints.reach("runner.results.after")
                    return outcome, usage, results
                return outcome, usage, ()
        except Exception as error:  # the border of an attempt
            return self._explain(error), usage, ()

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

    async def _render(self, claim: Claim, spec: RendererSpec, workdir: Path) -> tuple[Outcome, Usage]:
        workshop, limits = self._workshop, self._workshop.limits
        if spec.network and spec.job_type not in workshop.network_job_types:
            return Failed(ErrorCode.RENDERER_UNAVAILABLE, _NO_NETWORK.format(spec.job_type)), jobs.UNKNOWN_USAGE
        can_show = workshop.containment.can_show_files
        inputs = await fill_workdir(workdir, claim, workshop.database, workshop.storage, can_show=can_show)
        argv = list(spec.command(inputs.job_input))
        timeout_seconds = claim.job.timeout_seconds or spec.default_timeout_seconds
        path = workshop.log_directory / self.job_id / f"{claim.job.attempt}.log"
        log = Log(path, limits.log_max_bytes, lambda: workshop.tell_log(self.job_id))
        try:
            spawn = replace(self._spawn(claim, spec, argv, workdir, timeout_seconds), shown=inputs.shown)
            end, usage = await supervise(
                workshop.containment.make_child(spawn),
                self._orders,
                log,
                Patience(timeout_seconds, limits.terminate_grace_seconds, limits.drain_seconds, limits.work_max_bytes),
                Listener(
                    started=self._remember_process,
                    lasts=lambda: self._record_process(claim),
                    progress=lambda fraction, message: self._report(claim, fraction, message),
                ),
                workshop.containment.group_parent,
            )
        except OSError as error:
            return spawn_failure(error, argv[0]), jobs.UNKNOWN_USAGE
        finally:
            log.close()
        return judge(end, usage, log.tail(), spec.unavailable_reason), usage

    def _spawn(self, claim: Claim, spec: RendererSpec, argv: Sequence[str], workdir: Path, timeout_seconds: float) -> Spawn:
        """Raises OSError when there is no such program."""
        program = find_program(argv[0], CHILD_PATH)
        return Spawn(
            attempt_id=claim.attempt_id,
            argv=(program, *argv[1:]),
            workdir=workdir,
            environment={
                "PATH": CHILD_PATH,
                "LANG": "C.UTF-8",
                CAPS_VARIABLE: json.dumps(self._workshop.caps._asdict()),
                **spec.environment,
            },
            limits=ProcessLimits(
                memory_bytes=spec.memory_max_bytes,
                file_bytes=self._workshop.limits.output_max_bytes,
                # of each process: all processors for the whole time, so that only what escaped the timeout meets it
                cpu_seconds=math.ceil(timeout_seconds * (os.cpu_count() or 1)) + 1,
                processes=spec.processes_max,
            ),
            reads=(*spec.reads, program),
            network=spec.network,
        )

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
