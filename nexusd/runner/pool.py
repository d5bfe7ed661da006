"""The pool: keeps as many attempts running as the limits allow, for as long as there is work.

Woken by the end of an attempt, by what is asked of the queue, and, while there is room, by every commit; each look reads the
store anew, so a wake-up that is lost or doubled changes nothing. What to start is decided by `domain.schedule` and claimed by
`store.dispatch`; the pool runs the attempts.
"""

from __future__ import annotations

import logging
import math
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from nexusd import failpoints
from nexusd.contract.base import utc_now
from nexusd.domain.schedule import Limits, RunningJob
from nexusd.errors import Unavailable
from nexusd.runner.attempt import Attempt
from nexusd.store import dispatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexusd.hub import Hub
    from nexusd.runner.spares import Spares
    from nexusd.runner.workshop import Workshop

logger = logging.getLogger("nexusd.runner")

LOOK_INTERVAL_SECONDS: Final = 0.01
"""Between two looks at the store, so that a flood of submissions is not answered by a flood of reads. A slot that comes free
is not kept waiting."""
TROUBLE_SECONDS: Final = 1.0
LOW_DISK_SECONDS: Final = 2.0
"""Between two looks at a disk that is nearly full: nobody tells when it has room again."""


class Pool:
    """The attempts that run. Made once, run once."""

    def __init__(self, workshop: Workshop, spares: Spares, hub: Hub, limits: Limits, drain_seconds: float) -> None:
        self._workshop = workshop
        self._spares = spares
        self._hub = hub
        self._limits = limits
        self._drain_seconds = drain_seconds
        self._is_draining = False
        self._asked = self._heard = 0
        """What the hub counts of what is asked of the queue: by now, and at the last look at who was cancelled."""
        self._running: dict[Attempt, RunningJob] = {}
        self._settling: set[Attempt] = set()
        self._news = trio.Event()
        self._freed = trio.Event()
        self._job_types: Sequence[str] = [
            spec.job_type for spec in workshop.registry if limits.per_job_type.get(spec.job_type) != 0
        ]

    async def run(
        self, stopping: trio.Event, hurrying: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Work until `stopping` is set, let run what runs for a while, then put it back and return.

        With `hurrying` nothing is waited for any more. Cancellation: the children are killed, their rows stay `running` for
        recovery to find.
        """
        async with trio.open_nursery() as watching:
            watching.start_soon(self._watch_hub, name="watch the hub")
            watching.start_soon(self._watch_queue, name="watch what is asked of the queue")
            for told in (stopping, hurrying):
                watching.start_soon(self._watch_stop, told, name="watch for the stop")
            async with trio.open_nursery() as attempts:
                task_status.started()
                while not stopping.is_set():
                    await self._look(attempts)
                await self._drain(attempts, hurrying)
            watching.cancel_scope.cancel()

    async def _drain(self, attempts: trio.Nursery, hurrying: trio.Event) -> None:
        """Start nothing more; cancels are passed on as before."""
        self._is_draining = True
        with trio.move_on_after(self._drain_seconds):
            while self._running and not hurrying.is_set():
                await self._look(attempts)
        await failpoints.reach("runner.stop.before")
        while self._running:
            for attempt in self._running:
                attempt.stop(hurry=hurrying.is_set())
            self._news = trio.Event()
            await self._news.wait()

    async def _look(self, attempts: trio.Nursery) -> None:
        self._news, self._freed = trio.Event(), trio.Event()
        looked_at = trio.current_time()
        try:
            patience = await self._act(attempts)
        except Unavailable as trouble:
            logger.warning("the store cannot be used just now", extra={"reason": str(trouble)})
            patience = TROUBLE_SECONDS
        if not self._news.is_set():
            with trio.move_on_after(patience):
                await self._news.wait()
        if not self._freed.is_set():
            with trio.move_on_at(looked_at + LOOK_INTERVAL_SECONDS):
                await self._freed.wait()

    async def _act(self, attempts: trio.Nursery) -> float:
        """Start what may start, pass on the cancels, and return how long until a job that backs off may start."""
        patience = math.inf
        has_room = self._has_room()
        if has_room and self._workshop.room.is_low():
            has_room, patience = False, LOW_DISK_SECONDS
        if has_room:
            patience, cancelled = await self._take_turn(attempts)
        elif self._running and self._heard < self._asked:
            asked = self._asked
            cancelled = await self._workshop.database.read(dispatch.find_cancel_requests)
            self._heard = asked
        else:
            cancelled = []
        if cancelled:
            await failpoints.reach("runner.cancel.before")
        for attempt in self._running:
            if attempt.job_id in cancelled:
                attempt.cancel()
        self._spares.tell_room(self._has_room())
        return patience

    def _has_room(self) -> bool:
        if self._is_draining or not self._job_types:
            return False
        return self._limits.free_slots(self._holders()) > 0

    def _holders(self) -> list[RunningJob]:
        """Return who holds slots: not one whose outcome goes before the next claim, to the same writer."""
        return [job for attempt, job in self._running.items() if attempt not in self._settling]

    async def _take_turn(self, attempts: trio.Nursery) -> tuple[float, list[str]]:
        now = utc_now()
        holders = self._holders()
        turn = await self._workshop.database.write(dispatch.take_turn, self._job_types, holders, self._limits, now)
        if turn.claims:
            await failpoints.reach("runner.claim.after")
        for claim in turn.claims:
            attempt = Attempt(claim, self._workshop, self._spares)
            self._running[attempt] = RunningJob(claim.job.company_id, claim.job.job_type)
            attempts.start_soon(self._run_attempt, attempt, name=f"attempt at {attempt.job_id}")
        later = turn.next_available_at
        return (math.inf if later is None else max(0.0, (later - now).total_seconds())), turn.cancel_requests

    async def _run_attempt(self, attempt: Attempt) -> None:
        try:
            await attempt.run(partial(self._free_slot, attempt))
        except Unavailable as trouble:  # at the stop the outcome could not be stored: recovery will find the row
            logger.warning("an outcome is not stored", extra={"job": attempt.job_id, "reason": str(trouble)})
        finally:
            del self._running[attempt]
            self._settling.discard(attempt)
            self._wake()

    def _free_slot(self, attempt: Attempt) -> None:
        self._settling.add(attempt)
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._freed.set()

    async def _watch_hub(self) -> None:
        cursor = 0
        while True:
            cursor = await self._hub.wait_commit(cursor)
            if self._has_room():  # else nothing but a cancel is of interest, and that is asked of the queue
                self._news.set()

    async def _watch_queue(self) -> None:
        while True:
            self._asked = await self._hub.wait_queue(self._asked)
            self._news.set()

    async def _watch_stop(self, told: trio.Event) -> None:
        await told.wait()
        self._news.set()
