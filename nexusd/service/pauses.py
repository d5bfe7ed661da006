"""The queue: paused, resumed, looked at. A change wakes the pool by the hub."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from nexusd.contract.base import utc_now
from nexusd.errors import InvalidParam, InvalidRequest
from nexusd.store import pauses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nexusd.contract.pauses import PauseRequest, QueueState, ResumeRequest
    from nexusd.hub import Hub
    from nexusd.renderers.registry import Registry
    from nexusd.store.database import Database


class PauseService:
    """The pauses of the one queue, which all companies share."""

    def __init__(self, database: Database, hub: Hub, registry: Registry) -> None:
        self._database = database
        self._hub = hub
        self._registry = registry

    async def get(self) -> QueueState:
        """Return what is paused, and how many jobs run and wait."""
        return await self._database.read(pauses.get_state)

    async def pause(self, request: PauseRequest) -> QueueState:
        """Let nothing start any more, of one job type or at all.

        Raises InvalidRequest for a job type nobody has heard of, Unavailable.
        Ordering: on return the pause is on disk, and nothing of it is claimed until it is lifted.
        """
        await self._refuse_unknown(request.job_type)
        with self._waking_pool():
            await self._database.write(pauses.pause, request.job_type, request.reason, utc_now())
        return await self.get()

    async def resume(self, request: ResumeRequest) -> QueueState:
        """Lift one pause, or all.

        Raises InvalidRequest for a job type nobody has heard of, or one beside `all`; Unavailable.
        """
        if request.all and request.job_type is not None:
            wrong = InvalidParam("/all", "lifts every pause: leave out jobType, or this")
            raise InvalidRequest("either one job type or all can be resumed", (wrong,))
        await self._refuse_unknown(request.job_type)
        with self._waking_pool():
            if request.all:
                await self._database.write(pauses.resume_all)
            else:
                await self._database.write(pauses.resume, request.job_type)
        return await self.get()

    @contextmanager
    def _waking_pool(self) -> Iterator[None]:
        """Cancellation: the change is made all the same, and the pool is told; its next unit comes after this one."""
        try:
            yield
        finally:
            self._hub.publish_queue()

    async def _refuse_unknown(self, job_type: str | None) -> None:
        """A misspelt job type would pause nothing in silence. One whose renderer is gone may still have jobs, or a pause."""
        if job_type is None or self._registry.get(job_type) is not None:
            return
        if not await self._database.read(pauses.is_heard_of, job_type):
            known = ", ".join(spec.job_type for spec in self._registry)
            wrong = InvalidParam("/jobType", f"no renderer and no job is of type {job_type!r}; renderers: {known}")
            raise InvalidRequest("this daemon has never heard of that job type", (wrong,))
