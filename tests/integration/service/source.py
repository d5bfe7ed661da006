"""A database that something happens in, the feed that passes it on, and readers of its streams."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from nexusd.contract.base import utc_now
from nexusd.service.companies import CompanyService
from nexusd.service.feed import Feed
from nexusd.service.streams import StreamService
from nexusd.service.topics import WINDOW, Window
from nexusd.store import companies, jobs
from tests.support.frames import Frame, split_frames
from tests.support.patience import HANG_SECONDS
from tests.support.stores import Store, new_job, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from nexusd.service.streams import Stream
    from nexusd.store.jobs import Claim

LONG = "x" * 255
"""A task id that makes an event about a kibibyte long."""


@dataclass
class Source:
    """An open store with the companies `default` and `other`, and what reads it."""

    store: Store
    feed: Feed
    companies: CompanyService
    streams: StreamService
    other_id: str

    async def submit(self, count: int = 1, company: str = "default", **fields: Any) -> list[str]:
        """Store jobs in one commit and return their ids."""
        company_id = self.store.company_id if company == "default" else self.other_id
        return await self.store.submit(*(new_job(**fields) for _ in range(count)), company_id=company_id)

    async def report(self, claim: Claim, times: int = 1) -> None:
        """Report progress, one commit each."""
        for number in range(times):
            await self.store.database.write(jobs.report_progress, claim, number / times, None, utc_now())

    async def prune(self, through: int) -> None:
        """Delete events, as the retention does."""

        def unit(connection: Any) -> None:
            connection.exec_driver_sql(f"UPDATE event_retention SET pruned_through = {through}")
            connection.exec_driver_sql(f"DELETE FROM events WHERE id <= {through}")

        await self.store.database.write(unit)

    def ids(self, sql: str = "") -> list[int]:
        """Return the ids of all events, or of those after WHERE."""
        return [number for (number,) in self.store.ask(f"SELECT id FROM events {sql and 'WHERE ' + sql} ORDER BY id")]

    async def wait_passed_on(self) -> None:
        """Return when the feed has passed on everything that is committed."""
        with trio.fail_after(HANG_SECONDS):
            while self.feed.cursor < self.store.hub.highest_event_id:  # noqa: ASYNC110 - it tells nobody
                await trio.sleep(0.001)


@asynccontextmanager
async def open_source(
    home: Path, *, window: Window = WINDOW, keep_alive_seconds: float = 600, **limits: int
) -> AsyncGenerator[Source, None]:
    """Open a fresh database and follow it."""
    with trio.fail_after(HANG_SECONDS):
        async with open_store(home / "nexusd.db") as store, trio.open_nursery() as nursery:
            other = await store.database.write(companies.create, "other", None, utc_now())
            feed = Feed(store.database, store.hub, window=window, keep_alive_seconds=keep_alive_seconds)
            known = CompanyService(store.database)
            await nursery.start(feed.run)
            yield Source(store, feed, known, StreamService(store.database, feed, known, **limits), other.id)
            nursery.cancel_scope.cancel()


@dataclass
class Reader:
    """Reads a stream frame by frame."""

    stream: Stream
    pieces: list[bytes] = field(default_factory=list)
    """What has come, as it came."""
    _pending: list[Frame] = field(default_factory=list)

    _unread: bytes = b""

    def __post_init__(self) -> None:
        self._decode(self.stream.first)

    def _decode(self, piece: bytes) -> None:
        whole, end, self._unread = (self._unread + piece).rpartition(b"\n\n")
        self._pending += split_frames((whole + end).decode().split("\n")[:-1])

    async def take(self, count: int = 1) -> list[Frame]:
        """Return the next `count` frames."""
        while len(self._pending) < count:
            self.pieces.append(await anext(self.stream.rest))
            self._decode(self.pieces[-1])
        found, self._pending = self._pending[:count], self._pending[count:]
        return found

    async def take_ids(self, count: int) -> list[int | None]:
        """Return the ids of the next `count` frames."""
        return [frame.id for frame in await self.take(count)]

    async def rest(self) -> list[Frame]:
        """Return every frame up to the end."""
        async for piece in self.stream.rest:
            self._decode(piece)
        assert not self._unread
        found, self._pending = self._pending, []
        return found

    async def __aenter__(self) -> Reader:
        return self

    async def __aexit__(self, *_failure: object) -> None:
        async with aclosing(self.stream.rest):
            pass


async def follow(source: Source, company: str | None = "default", after: int | None = None, **more: Any) -> Reader:
    """Follow a company, or all."""
    types = more.pop("types", None)
    return Reader(await source.streams.open_company(company, types, after, **more))


async def follow_job(source: Source, job_id: str, after: int | None = None) -> Reader:
    """Follow a job."""
    stream = await source.streams.open_job("default", job_id, after)
    assert stream is not None
    return Reader(stream)
