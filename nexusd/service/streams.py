"""Event streams: from a cursor, through what is stored, to what happens next; exact, whatever is in between.

A stream is made of bytes, ready to be sent: pieces of any number of frames. Until it is live it reads the database, a page or a
snapshot at a time, at the speed of whoever takes it; from then on it takes from the feed what all live streams share.

Invariants
1. Every event of the scope after the cursor is given once, in the order of ids.
2. A cursor outside of what is kept, at the beginning or amid a stream, is answered by a `reset` frame and the present state,
   never by a silent gap.
3. The cursor moves over events of other scopes too, and keep-alives tell it, so a quiet stream does not fall behind.
4. A stream that nobody takes from holds one piece, and perhaps a snapshot, packed. One that was live and fell off the feed's
   log ends with a `lagging` frame; it resumes by id.

State → what performs it: to begin anew `_begin`, history `_read_on`, live the loop of `_follow` itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nexusd import failpoints
from nexusd.contract.events import LaggingEvent, StoppingEvent
from nexusd.contract.sse import encode_frame
from nexusd.service.feed import TERMINAL_TYPES, encode_event
from nexusd.service.views import SNAPSHOT_MAX_JOBS, CompanyView, JobView
from nexusd.store import events, queries

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nexusd.contract.events import EventType
    from nexusd.service.companies import CompanyService
    from nexusd.service.feed import Feed
    from nexusd.service.topics import Place
    from nexusd.service.views import Beginning, View
    from nexusd.store.database import Database
    from nexusd.store.events import Page, Scope


@dataclass(frozen=True, slots=True)
class Stream:
    """An open stream: its first piece, and those that follow. Whoever has it must close `rest`, read or not."""

    first: bytes
    rest: AsyncGenerator[bytes, None]


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of history as one piece. With `refused`, the cursor is not one to go on from."""

    piece: bytes
    cursor: int
    refused: bool
    is_over: bool


class StreamService:
    """The streams of all companies."""

    def __init__(
        self,
        database: Database,
        feed: Feed,
        companies: CompanyService,
        *,
        snapshot_max_jobs: int = SNAPSHOT_MAX_JOBS,
    ) -> None:
        self._database = database
        self._feed = feed
        self._companies = companies
        self._snapshot_max_jobs = snapshot_max_jobs

    async def open_job(self, company: str, job_id: str, after: int | None) -> Stream | None:
        """Open the stream of one job, up to its terminal frame; None when a resumed one has nothing left to tell.

        Without `after`, the first frame is the job as it stands. Raises NotFound.
        """
        view = JobView((await self._companies.get(company)).id, job_id)
        if after is not None:
            job = (await self._database.read(queries.get_snapshot, view.company_id, job_id)).job
            if job.status.is_terminal:
                page = await self._database.read(events.read_on, after, view.scope, 1)
                if not page.events and page.refusal is None:
                    return None
        return await self._open(view, after)

    async def open_company(
        self, company: str | None, types: frozenset[EventType] | None, after: int | None, *, with_snapshot: bool = False
    ) -> Stream:
        """Open the stream of a company, or of all of them, for ever; from `after`, or from now.

        With a snapshot it begins with every job that is not over, unless it is resumed. Raises NotFound.
        """
        company_id = None if company is None else (await self._companies.get(company)).id
        names = None if types is None else frozenset(kind.value for kind in types)
        return await self._open(CompanyView(company_id, names, with_snapshot, self._snapshot_max_jobs), after)

    async def _open(self, view: View, after: int | None) -> Stream:
        """Open a stream as far as its first piece, so that what is wrong is known before an answer begins."""
        rest = self._follow(view, after)
        return Stream(await anext(rest), rest)

    async def _follow(self, view: View, after: int | None) -> AsyncGenerator[bytes, None]:
        feed = self._feed
        anew, refused = after is None, None
        with feed.subscribe(view.scope) as place:
            place.cursor = after or 0
            while anew or not feed.is_over:
                if anew:
                    begun = await self._begin(view, refused)
                    for piece in begun.pieces:
                        yield piece
                    if begun.is_over:
                        return
                    anew = False
                    place.join(begun.cursor)
                elif not place.live:
                    page = await self._read_on(place.cursor, view.scope)
                    if page.refused:
                        anew, refused = True, place.cursor
                        continue
                    yield page.piece
                    if page.is_over:
                        return
                    place.join(page.cursor)
                elif (pending := place.take()) is not None:
                    yield pending
                elif place.is_at_end:
                    return
                elif place.is_cut:
                    place.leave()
                elif place.is_lost:
                    yield _encode_lagging(place)
                    return
                elif await place.wait() and not feed.is_over:
                    place.cursor = max(place.cursor, feed.cursor)
                    yield encode_frame(place.cursor)
        yield STOPPING

    async def _begin(self, view: View, refused: int | None) -> Beginning:
        begun = await view.begin(self._database, refused)
        await failpoints.reach("service.snapshot.after")
        return begun

    async def _read_on(self, cursor: int, scope: Scope) -> _Page:
        return await self._database.read(lambda connection: _encode_page(events.read_on(connection, cursor, scope), scope))


STOPPING: Final = encode_frame(None, "server.stopping", StoppingEvent().model_dump_json(by_alias=True))


def _encode_lagging(place: Place) -> bytes:
    event = LaggingEvent(cursor=place.cursor, behind=place.behind)
    return encode_frame(place.cursor, "lagging", event.model_dump_json(by_alias=True))


def _encode_page(page: Page, scope: Scope) -> _Page:
    return _Page(
        piece=b"".join([encode_event(event, scope) for event in page.events]),
        cursor=page.cursor,
        refused=page.refusal is not None,
        is_over=scope.job_id is not None and any(event.type in TERMINAL_TYPES for event in page.events),
    )
