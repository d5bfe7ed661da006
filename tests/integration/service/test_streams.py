"""Streams without HTTP: what a reader gets while nothing happens, and while everything does."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio

from nexusd.contract.base import utc_now
from nexusd.contract.events import EventType
from nexusd.hub import Hub
from nexusd.service.companies import CompanyService
from nexusd.service.streams import Frame, StreamService
from nexusd.store import companies, submissions
from nexusd.store.database import Database, open_database
from nexusd.store.submissions import NewJob
from tests.support.frames import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = pytest.mark.slow


class Source:
    """A database that something happens in."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self.database = database
        self.hub = hub

    def streams(self, keep_alive_seconds: float = 600) -> StreamService:
        """Return the service."""
        return StreamService(self.database, self.hub, CompanyService(self.database), keep_alive_seconds)

    async def submit(self, slug: str, count: int = 1) -> str:
        """Store jobs and return the id of the first."""
        company = await self.database.read(companies.get, slug)
        jobs = [NewJob("scripted", "{}")] * count
        accepted = await self.database.write(submissions.create, company.id, jobs, None, utc_now())
        return accepted[0].job_id


@asynccontextmanager
async def open_source(home: Path) -> AsyncGenerator[Source, None]:
    """Open a fresh database with the companies a and b."""
    hub = Hub()
    with trio.fail_after(HANG_SECONDS):
        async with open_database(home / "nexusd.db", hub.publish, write_queue_length=100) as database:
            for slug in ("a", "b"):
                await database.write(companies.create, slug, None, utc_now())
            yield Source(database, hub)


async def take_ids(stream: AsyncGenerator[list[Frame], None], count: int) -> list[int | None]:
    """Return the ids of at least `count` frames."""
    found: list[int | None] = []
    while len(found) < count:
        found += [frame.id for frame in await anext(stream)]
    return found


async def test_a_keep_alive_carries_the_id_past_what_the_stream_leaves_out(home: Path) -> None:
    async with open_source(home) as source:
        streams = source.streams(keep_alive_seconds=0.05)
        only_done = frozenset({EventType.JOB_DONE})
        async with aclosing(await streams.open_company("a", only_done, None)) as stream:
            assert await anext(stream) == [Frame(0)]
            await source.submit("a", 3)  # not of the types
            await source.submit("b", 4)  # not of the company
            kept: list[Frame] = []
            while Frame(7) not in kept:
                kept += await anext(stream)
            assert all((frame.event, frame.data) == (None, None) for frame in kept)
            assert await anext(stream) == [Frame(7)]  # and again, with nothing new
        job_id = await source.submit("a")
        async with aclosing(await streams.open_job("a", job_id, 8) or nothing()) as of_job:
            assert await anext(of_job) == [Frame(8)]


async def nothing() -> AsyncGenerator[list[Frame], None]:
    """A stream that has nothing to tell."""
    return
    yield


async def test_what_is_committed_while_a_stream_opens_is_neither_lost_nor_told_twice(home: Path) -> None:
    """The seam between what is read and what is waited for, hit from both sides many times."""
    async with open_source(home) as source:
        streams = source.streams()
        finished = trio.Event()
        seen: list[list[int | None]] = []

        async def write() -> None:
            for number in range(60):
                await source.submit("a" if number % 3 else "b", 1 + number % 4)
            finished.set()

        async def read() -> None:
            while not finished.is_set():
                async with aclosing(await streams.open_company("a", None, None)) as stream:
                    [first] = await anext(stream)
                    ids: list[int | None] = [first.id]
                    with trio.move_on_after(0.02):
                        while True:
                            ids += [frame.id for frame in await anext(stream)]
                    seen.append(ids)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            for _ in range(3):
                nursery.start_soon(read)
        async with aclosing(await streams.open_company("a", None, 0)) as stream:
            everything = await take_ids(stream, sum(1 + number % 4 for number in range(60) if number % 3))
        assert len(everything) == len(set(everything))
        assert sum(len(ids) for ids in seen) > len(seen) > 3
        for start, *rest in seen:
            after = [identity for identity in everything if identity is not None and identity > (start or 0)]
            assert rest == after[: len(rest)]


async def test_a_wake_up_that_is_lost_costs_latency_and_nothing_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_source(home) as source:
        streams = source.streams(keep_alive_seconds=0.05)
        async with aclosing(await streams.open_company("a", None, 0)) as stream:
            await source.submit("a")
            assert await take_ids(stream, 1) == [1]
            with monkeypatch.context() as patch:
                patch.setattr(source.hub, "publish", lambda _: None)
                patch.setattr(source.database._writer, "_announce", lambda _: None)
                await source.submit("a", 2)
            frames: list[Frame] = []
            while not any(frame.event for frame in frames):
                frames += await anext(stream)
            assert [frame.id for frame in frames if frame.event] == [2, 3]


async def test_a_stopping_daemon_ends_streams_and_says_so(home: Path) -> None:
    async with open_source(home) as source:
        ended: list[Any] = []
        waiting = 0

        async def read(company: str) -> None:
            nonlocal waiting
            async with aclosing(await source.streams().open_company(company, None, None)) as stream:
                await anext(stream)
                waiting += 1
                if waiting == 20:
                    source.hub.stop()
                ended.append([frame async for frames in stream for frame in frames])

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(read, "ab"[number % 2])
        assert ended == [[Frame(None, "server.stopping", '{"retryAfterSeconds":1}')]] * 20
