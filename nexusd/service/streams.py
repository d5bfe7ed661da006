"""Event streams: from a cursor, through what is stored, to what happens next; exact, whatever is in between.

A stream is a loop of two steps: read the store after the cursor, wait until the hub knows of something newer. It holds no
state but the cursor, so a restart of the daemon is no event for it. Frames come in lists: what is pending is one write.

Invariants:
1. Every event of the scope after the cursor is given once, in the order of ids.
2. A cursor outside of what is kept is answered by a `reset` frame and a start anew, never by a silent gap.
3. The cursor moves over events of other scopes too, and keep-alives tell it, so a quiet stream does not fall behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from nexusd.contract.events import EventType, JobEvent, ResetEvent, StoppingEvent
from nexusd.domain.states import TERMINAL
from nexusd.store import events, queries
from nexusd.store.events import Bounds, Scope, StoredEvent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from nexusd.hub import Hub
    from nexusd.service.companies import CompanyService
    from nexusd.store.database import Database

KEEP_ALIVE_SECONDS: Final = 15.0
TERMINAL_TYPES: Final = frozenset(events.type_for(status).value for status in TERMINAL)


@dataclass(frozen=True, slots=True)
class Frame:
    """One SSE frame. Without `event` and `data` it is a keep-alive that carries the cursor."""

    id: int | None = None
    event: str | None = None
    data: str | None = None


class StreamService:
    """The streams of all companies."""

    def __init__(
        self, database: Database, hub: Hub, companies: CompanyService, keep_alive_seconds: float = KEEP_ALIVE_SECONDS
    ) -> None:
        self._database = database
        self._hub = hub
        self._companies = companies
        self._keep_alive_seconds = keep_alive_seconds

    async def open_job(self, company: str, job_id: str, after: int | None) -> AsyncGenerator[list[Frame], None] | None:
        """Return the frames of one job up to its terminal one; None when a resumed stream has nothing left to tell.

        Without `after`, the first frame is the job as it stands. Raises NotFound.
        """
        company_id = (await self._companies.get(company)).id
        scope = Scope(job_id=job_id)
        snapshot = await self._database.read(queries.get_snapshot, company_id, job_id)
        bounds = snapshot.bounds
        if after is not None and bounds.refusal(after) is None:
            is_over = snapshot.job.status.is_terminal
            if is_over and not await self._database.read(events.read_after, after, scope):
                return None
            return self._follow(scope, after, [], _name_for_job, ends=True)
        job = snapshot.job
        data = JobEvent(company_id=job.company_id, job_id=job.id, created_at=job.updated_at, job=job)
        first = [*_resets(bounds, after), Frame(bounds.highest, "status", data.model_dump_json(by_alias=True))]
        if job.status.is_terminal:
            return _just(first)
        return self._follow(scope, bounds.highest, first, _name_for_job, ends=True)

    async def open_company(
        self, company: str, types: frozenset[EventType] | None, after: int | None
    ) -> AsyncGenerator[list[Frame], None]:
        """Return the frames of a company, for ever; from `after`, or from now.

        Raises NotFound.
        """
        company_id = (await self._companies.get(company)).id
        bounds = await self._database.read(events.get_bounds)
        scope = Scope(company_id=company_id, types=None if types is None else frozenset(kind.value for kind in types))
        if after is not None and bounds.refusal(after) is None:
            return self._follow(scope, after, [], _name_for_company, ends=False)
        first = _resets(bounds, after) or [Frame(bounds.highest)]
        return self._follow(scope, bounds.highest, first, _name_for_company, ends=False)

    async def _follow(
        self, scope: Scope, cursor: int, first: list[Frame], name: Callable[[StoredEvent], str], *, ends: bool
    ) -> AsyncGenerator[list[Frame], None]:
        if first:
            yield first
        while not self._hub.is_stopping:
            found, cursor = await self._database.read(events.read_on, cursor, scope)
            if found:
                yield [Frame(event.id, name(event), event.data) for event in found]
            if ends and found and found[-1].type in TERMINAL_TYPES:
                return
            if self._hub.highest_event_id > cursor:
                continue
            with trio.move_on_after(self._keep_alive_seconds) as waiting:
                await self._hub.wait_newer(cursor)
            if waiting.cancelled_caught:
                yield [Frame(cursor)]
        yield [Frame(event="server.stopping", data=StoppingEvent().model_dump_json(by_alias=True))]


def _resets(bounds: Bounds, after: int | None) -> list[Frame]:
    """Return the frame that says that a cursor cannot be resumed from, if there is anything to say."""
    reason = None if after is None else bounds.refusal(after)
    if after is None or reason is None:
        return []
    event = ResetEvent(reason=reason, requested=after, resumed_from=bounds.highest, oldest_available=bounds.pruned_through + 1)
    return [Frame(bounds.highest, "reset", event.model_dump_json(by_alias=True))]


def _name_for_job(event: StoredEvent) -> str:
    return "progress" if event.type == EventType.JOB_PROGRESS else "status"


def _name_for_company(event: StoredEvent) -> str:
    return event.type


async def _just(frames: list[Frame]) -> AsyncGenerator[list[Frame], None]:
    yield frames
