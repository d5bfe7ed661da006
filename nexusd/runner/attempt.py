"""One attempt: from the claim, through the child, to the outcome in the store.

Owns the order after the claim: work directory → child → the child's whole tree is dead → results durable → outcome committed.
Whatever goes wrong in between becomes an outcome; only the loss of the daemon itself leaves a row `running`, for recovery.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import trio

from nexusd import failpoints
from nexusd.contract.base import utc_now
from nexusd.domain.retry import Done, Failed, Outcome, spawn_failure
from nexusd.domain.states import ErrorCode
from nexusd.errors import NexusdError, NotFound, OutputRefused, StorageFull, Unavailable
from nexusd.runner import tree
from nexusd.runner.capture import Log
from nexusd.runner.process import ProcessLimits, Spawn
from nexusd.runner.results import store_results
from nexusd.runner.supervision import Listener, Orders, Patience, supervise
from nexusd.runner.verdict import judge
from nexusd.runner.workdir import TEMPORARY_NAME, fill_workdir, open_workdir
from nexusd.store import jobs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from nexusd.contract.assets import Asset
    from nexusd.renderers.registry import Registry
    from nexusd.renderers.spec import RendererSpec
    from nexusd.storage import Provider
    from nexusd.store.database import Database
    from nexusd.store.jobs import Claim, ProcessIdentity, Usage

logger = logging.getLogger("nexusd.runner")

INSIST_SECONDS: Final = 1.0
CHILD_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """The bounds of every attempt. Seconds and bytes; `output_max_bytes` None = no bound."""

    terminate_grace_seconds: float
    drain_seconds: float
    log_max_bytes: int
    output_max_bytes: int | None


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every attempt works with."""

    database: Database
    storage: Provider
    registry: Registry
    work_directory: Path
    log_directory: Path
    limits: AttemptLimits


class Attempt:
    """The attempt that a claim is the right to. `cancel` and `stop` may be called at any time; `run` is called once."""

    def __init__(self, claim: Claim, workshop: Workshop) -> None:
        self._claim = claim
        self._job_id = claim.job.id
        self._workshop = workshop
        self._orders = Orders()

    def cancel(self) -> None:
        """Ask the child to end because the job was cancelled."""
        self._orders.cancel.set()

    def stop(self) -> None:
        """Ask the child to end because the daemon stops."""
        self._orders.stop.set()

    async def run(self) -> None:
        """Carry the job to an outcome, and store that.

        Raises Unavailable when the outcome cannot be stored and the daemon stops.
        """
        claim, database = self._claim, self._workshop.database
        outcome, usage, results = await self._execute(claim)
        logger.info(
            "attempt ended", extra={"job": self._job_id, "attempt": claim.job.attempt, "outcome": type(outcome).__name__}
        )
        await failpoints.reach("runner.settle.before")
        settled = await self._insist(
            lambda: database.write(jobs.settle, claim, outcome, usage, results, random.random(), utc_now())
        )
        await failpoints.reach("runner.settle.after")
        if settled is None:
            logger.error("attempt was not the live one any more; its outcome is dropped", extra={"job": self._job_id})

    async def _execute(self, claim: Claim) -> tuple[Outcome, Usage, Sequence[Asset]]:
        """Return what came of it: never raises but for cancellation."""
        usage = jobs.UNKNOWN_USAGE
        try:
            async with open_workdir(self._workshop.work_directory / claim.attempt_id) as workdir:
                spec = self._spec(claim)
                outcome, usage = await self._render(claim, spec, workdir)
                if isinstance(outcome, Done):
                    workshop = self._workshop
                    bound = workshop.limits.output_max_bytes
                    await failpoints.reach("runner.results.before")
                    results = await store_results(workdir, claim, spec, workshop.database, workshop.storage, bound)
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
        logger.error("attempt failed inside the daemon", extra={"job": self._job_id}, exc_info=error)
        told = str(error) if isinstance(error, NexusdError) else f"the daemon could not run this job: {error!r}"
        return Failed(ErrorCode.INTERNAL, told)

    def _spec(self, claim: Claim) -> RendererSpec:
        spec = self._workshop.registry.get(claim.job.job_type)
        assert spec is not None, "the pool offers only job types of the registry"
        return spec

    async def _render(self, claim: Claim, spec: RendererSpec, workdir: Path) -> tuple[Outcome, Usage]:
        workshop, limits = self._workshop, self._workshop.limits
        job_input = await fill_workdir(workdir, claim, workshop.database, workshop.storage)
        argv = list(spec.command(job_input))
        log = Log(workshop.log_directory / self._job_id / f"{claim.job.attempt}.log", limits.log_max_bytes)
        try:
            end, usage = await supervise(
                self._spawn(claim, spec, argv, workdir),
                self._orders,
                log,
                Patience(
                    timeout_seconds=claim.job.timeout_seconds or spec.default_timeout_seconds,
                    terminate_grace_seconds=limits.terminate_grace_seconds,
                    drain_seconds=limits.drain_seconds,
                ),
                Listener(
                    started=lambda process: self._record_process(claim, process),
                    progress=lambda fraction, message: self._report(claim, fraction, message),
                ),
            )
        except OSError as error:
            return spawn_failure(error, argv[0]), jobs.UNKNOWN_USAGE
        finally:
            log.close()
        return judge(end, usage, log.tail(), spec.unavailable_reason), usage

    def _spawn(self, claim: Claim, spec: RendererSpec, argv: Sequence[str], workdir: Path) -> Spawn:
        return Spawn(
            attempt_id=claim.attempt_id,
            argv=argv,
            workdir=workdir,
            environment={
                tree.MARK: claim.attempt_id,
                "PATH": CHILD_PATH,
                "LANG": "C.UTF-8",
                "HOME": str(workdir),
                "TMPDIR": str(workdir / TEMPORARY_NAME),
            },
            limits=ProcessLimits(spec.memory_max_bytes, self._workshop.limits.output_max_bytes),
        )

    async def _insist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write until it is written: an outcome that is known must not be lost to a disk that is full for a while.

        Raises Unavailable once the daemon stops and a last try fails too: recovery will find the row still `running`.
        """
        while True:
            is_last = self._orders.stop.is_set()
            try:
                return await write()
            except Unavailable as trouble:
                logger.warning("an outcome cannot be stored yet", extra={"job": self._job_id, "reason": str(trouble)})
                if is_last:
                    raise
            with trio.move_on_after(INSIST_SECONDS):
                await self._orders.stop.wait()

    async def _record_process(self, claim: Claim, process: ProcessIdentity) -> None:
        with contextlib.suppress(Unavailable):  # recovery finds the process by its mark as well
            await self._workshop.database.write(jobs.record_process, claim.attempt_id, process)

    async def _report(self, claim: Claim, fraction: float, message: str | None) -> None:
        with contextlib.suppress(Unavailable):  # the next step tells more
            await self._workshop.database.write(jobs.report_progress, claim, fraction, message, utc_now())
