"""The pool: keeps as many attempts running as the limits allow, for as long as there is work.

Woken by the hub and by the end of an attempt; every look reads the store anew, so a wake-up that is lost or doubled changes
nothing. What to start is decided by `domain.schedule`; the pool does the reading before it and the starting after it.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

import trio

from nexusd.contract.base import utc_now
from nexusd.domain.schedule import Limits, QueuedJob, RunningJob, choose
from nexusd.errors import Unavailable
from nexusd.runner.attempt import Attempt, Workshop
from nexusd.store import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexusd.hub import Hub

logger = logging.getLogger("nexusd.runner")

LOOK_INTERVAL_SECONDS: Final = 0.01
"""Between two looks at the store, so that a flood of submissions is not answered by a flood of reads. A slot that comes free
is not kept waiting."""
TROUBLE_SECONDS: Final = 1.0


class Pool:
    """The attempts that run. Made once, run once."""

    def __init__(self, workshop: Workshop, hub: Hub, limits: Limits) -> None:
        self._workshop = workshop
        self._hub = hub
        self._limits = limits
        self._running: dict[str, tuple[RunningJob, Attempt]] = {}
        self._news = trio.Event()
        self._freed = trio.Event()
        self._job_types: Sequence[str] = [
            spec.job_type for spec in workshop.registry if limits.per_job_type.get(spec.job_type) != 0
        ]

    async def run(self, stopping: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until `stopping` is set, then put back what runs and return.

        Cancellation: the children are killed, their rows stay `running` for recovery to find.
        """
        async with trio.open_nursery() as watching:
            watching.start_soon(self._watch_hub, name="watch the hub")
            watching.start_soon(self._watch_stop, stopping, name="watch for the stop")
            async with trio.open_nursery() as attempts:
                task_status.started()
                while not stopping.is_set():
                    await self._look(attempts)
                for _, attempt in self._running.values():
                    attempt.stop()
            watching.cancel_scope.cancel()

    async def _look(self, attempts: trio.Nursery) -> None:
        self._news, self._freed = trio.Event(), trio.Event()
        looked_at = trio.current_time()
        try:
            patience = await self._act(attempts)
        except Unavailable as trouble:
            logger.warning("the store cannot be read just now", extra={"reason": str(trouble)})
            patience = TROUBLE_SECONDS
        with trio.move_on_after(patience):
            await self._news.wait()
        with trio.move_on_at(looked_at + LOOK_INTERVAL_SECONDS):
            await self._freed.wait()

    async def _act(self, attempts: trio.Nursery) -> float:
        """Pass on the cancels, start what may start, and return how long until a job that backs off may."""
        job_types = self._job_types if len(self._running) < self._limits.total else ()
        if not job_types and not self._running:
            return math.inf
        now = utc_now()
        # The jobs that run may still be `queued` in the store for a moment: as many heads as there are slots are enough.
        outlook = await self._workshop.database.read(queries.look, job_types, self._limits.total, now)
        for job_id in outlook.cancel_requests:
            if job_id in self._running:
                self._running[job_id][1].cancel()
        queued = [job for job in outlook.heads if job.id not in self._running]
        for job in choose(queued, [running for running, _ in self._running.values()], self._limits):
            self._start(job, attempts)
        later = outlook.next_available_at
        return math.inf if later is None else max(0.0, (later - now).total_seconds())

    def _start(self, job: QueuedJob, attempts: trio.Nursery) -> None:
        attempt = Attempt(job.id, self._workshop)
        self._running[job.id] = (RunningJob(job.company_id, job.job_type), attempt)
        attempts.start_soon(self._run_attempt, job, attempt, name=f"attempt at {job.id}")

    async def _run_attempt(self, job: QueuedJob, attempt: Attempt) -> None:
        try:
            await attempt.run()
        except Unavailable as trouble:  # the claim could not be stored, or at the stop the outcome: the row is as it was
            logger.warning("a job's state cannot be stored just now", extra={"job": job.id, "reason": str(trouble)})
            await trio.sleep(TROUBLE_SECONDS)
        finally:
            del self._running[job.id]
            self._news.set()
            self._freed.set()

    async def _watch_hub(self) -> None:
        cursor = 0
        while not self._hub.is_stopping:
            cursor = await self._hub.wait_newer(cursor)
            self._news.set()

    async def _watch_stop(self, stopping: trio.Event) -> None:
        await stopping.wait()
        self._news.set()
