"""Following a log without HTTP: pieces, silence, lost wake-ups, and where one stands."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trio

from nexusd.contract.logs import LogQuery, split_position, to_position
from nexusd.domain.retry import Done, Stopped
from nexusd.domain.states import JobStatus
from nexusd.service import log_following
from nexusd.service.companies import CompanyService
from nexusd.service.log_following import PIECE_BYTES, End, News, Piece, Silence, Stop
from nexusd.service.logs import LogService
from tests.support.clocks import SkippingClock
from tests.support.patience import HANG_SECONDS
from tests.support.stores import Store, make_asset, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


@pytest.fixture
def clock() -> SkippingClock:
    """Return the clock of the test's run: it must be named by the test itself as well."""
    return SkippingClock()


@dataclass
class Source:
    """A job, and its logs as a runner would write them."""

    store: Store
    directory: Path
    job_id: str

    async def open(self, position: int | None = None, *, keep_alive_seconds: float = 600, **query: Any) -> Any:
        """Return what is told."""
        service = LogService(
            self.store.database, self.store.hub, CompanyService(self.store.database), self.directory, keep_alive_seconds
        )
        return await service.open_follow("default", self.job_id, LogQuery(follow=True, **query), position)

    def write(self, attempt: int, body: bytes, *, tell: bool = True) -> None:
        """Let an attempt write."""
        folder = self.directory / self.job_id
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{attempt}.log").open("ab") as file:
            file.write(body)
        if tell:
            self.store.hub.publish_log(self.job_id)

    async def run(self, attempt: int, body: bytes, *, is_last: bool = False) -> None:
        """Let an attempt run to its end."""
        claim = await self.store.claim(self.job_id)
        assert claim.job.attempt == attempt
        self.write(attempt, body)
        results = [make_asset(self.store.company_id, job_id=self.job_id)] if is_last else []
        await self.store.settle(claim, Done() if is_last else Stopped(), results)
        self.store.hub.publish_log(self.job_id)


@asynccontextmanager
async def open_source(home: Path) -> AsyncGenerator[Source, None]:
    """Open a store with one queued job."""
    with trio.fail_after(2000 + HANG_SECONDS):  # the clock may be put forward
        async with open_store(home / "nexusd.db") as store:
            [job_id] = await store.submit()
            yield Source(store, home / "logs", job_id)


async def take(news: AsyncGenerator[News, None], count: int) -> bytes:
    """Return the next bytes, as many at least."""
    found = b""
    while len(found) < count:
        piece = await anext(news)
        assert isinstance(piece, Piece)
        found += piece.body
    return found


def test_a_place_is_one_number() -> None:
    assert to_position(1, 0) == 0
    assert to_position(1, 17) == 17
    assert to_position(3, 17) == 2 * 2**40 + 17
    assert to_position(8000, 2**40 - 1) < 2**53
    for place in ((1, 0), (1, 2**40 - 1), (2, 0), (99, 12345)):
        assert split_position(to_position(*place)) == place


async def test_a_piece_is_bounded_and_asked_for(home: Path) -> None:
    async with open_source(home) as source:
        claim = await source.store.claim(source.job_id)
        source.write(1, b"a" * (PIECE_BYTES - 1) + "ü".encode() + b"b" * PIECE_BYTES)
        async with aclosing(await source.open()) as news:
            first = await anext(news)
            source.write(1, b"!")  # what is written before the next is asked for is joined to it
            rest = [await anext(news), await anext(news)]
        assert first == Piece(1, 0, b"a" * (PIECE_BYTES - 1))
        assert rest[0].offset == PIECE_BYTES - 1
        assert [len(piece.body) for piece in rest] == [PIECE_BYTES, 3]
        assert b"".join(piece.body for piece in rest) == "ü".encode() + b"b" * PIECE_BYTES + b"!"
        async with aclosing(await source.open(raw=True)) as news:
            assert len((await anext(news)).body) == PIECE_BYTES
        await source.store.settle(claim, Done(), [make_asset(source.store.company_id, job_id=source.job_id)])
        async with aclosing(await source.open()) as news:
            assert [await anext(news), await anext(news)] == [first, rest[0]]  # what has ended is cut at characters as well
        assert source.store.hub._logs == {}


async def test_what_comes_soon_after_a_piece_is_joined(
    home: Path, clock: SkippingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_following, "PIECE_INTERVAL_SECONDS", 1000.0)
    async with open_source(home) as source:
        await source.store.claim(source.job_id)
        source.write(1, b"a")
        async with aclosing(await source.open(keep_alive_seconds=10_000)) as news, trio.open_nursery() as nursery:
            assert await take(news, 1) == b"a"

            async def write() -> None:
                for body in (b"b", b"c", b"d"):
                    source.write(1, body)
                    for _ in range(50):  # more than who looks at once would need for it
                        await trio.to_thread.run_sync(int)
                clock.skip(1000)

            nursery.start_soon(write)
            assert await anext(news) == Piece(1, 1, b"bcd")


async def test_silence_says_where_one_stands(home: Path) -> None:
    async with open_source(home) as source:
        async with aclosing(await source.open(keep_alive_seconds=0.02)) as news:
            assert await anext(news) == Silence(0)
            await source.store.claim(source.job_id)
            source.write(1, b"abc")
            told = [await anext(news)]
            while not isinstance(told[-1], Piece):
                told.append(await anext(news))
            assert told[-1] == Piece(1, 0, b"abc")
            assert [await anext(news), await anext(news)] == [Silence(3)] * 2
        async with aclosing(await source.open(3, keep_alive_seconds=0.02)) as news:
            assert await anext(news) == Silence(3)


async def test_a_wake_up_that_is_lost_costs_latency_and_nothing_else(home: Path) -> None:
    async with open_source(home) as source:
        claim = await source.store.claim(source.job_id)
        async with aclosing(await source.open(keep_alive_seconds=0.05)) as news:
            source.write(1, b"abc", tell=False)
            assert await take(news, 3) == b"abc"
            source.write(1, b"def", tell=False)
            told = [each async for each in until(news, Piece)]
            assert told[-1] == Piece(1, 3, b"def")
            await source.store.settle(claim, Done(), [make_asset(source.store.company_id, job_id=source.job_id)])
            assert [each async for each in until(news, End)][-1] == End(6, 1, JobStatus.DONE)


async def until(news: AsyncGenerator[News, None], kind: type[News]) -> AsyncGenerator[News, None]:
    """Yield what is told up to the first of a kind."""
    async for each in news:
        yield each
        if isinstance(each, kind):
            return


async def test_attempts_that_came_and_went_unseen_are_all_told(home: Path) -> None:
    async with open_source(home) as source:
        before_any = await source.open()
        await source.run(1, b"one")
        of_the_latest = await source.open()
        await source.run(2, b"two")
        await source.run(3, b"")  # it never wrote
        await source.run(4, b"four", is_last=True)
        one, two = Piece(1, 0, b"one"), Piece(2, 0, b"two")
        end = [Piece(4, 0, b"four"), End(3 * 2**40 + 4, 4, JobStatus.DONE)]
        assert [each async for each in before_any] == [one, two, *end]
        assert [each async for each in of_the_latest] == [one, two, *end]
        assert [each async for each in await source.open()] == end
        assert [each async for each in await source.open(0)] == [one, two, *end]
        assert [each async for each in await source.open(2**40)] == [two, *end]
        assert [each async for each in await source.open(attempt=3)] == [End(2 * 2**40, 3, JobStatus.DONE)]
        assert await source.open(3 * 2**40 + 4) is None


async def test_a_stopping_daemon_ends_it_wherever_it_waits(home: Path) -> None:
    async with open_source(home) as source:
        queued = await source.open()
        told: list[News] = []

        async def read(news: AsyncGenerator[News, None]) -> None:
            told.extend([each async for each in news])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, queued)
            await trio.testing.wait_all_tasks_blocked()
            await source.store.claim(source.job_id)
            nursery.start_soon(read, await source.open())
            await trio.testing.wait_all_tasks_blocked()
            source.store.hub.stop()
        assert told == [Stop(), Stop()]


@pytest.mark.parametrize("tell", [True, False])
async def test_bytes_that_come_between_two_looks_are_not_missed(home: Path, tell: bool) -> None:
    """The seam between the look at the file and the wait: written after the one, told before the other."""
    async with open_source(home) as source:
        claim = await source.store.claim(source.job_id)
        source.write(1, b"a")
        async with aclosing(await source.open()) as news:
            assert await take(news, 1) == b"a"
            source.write(1, b"b", tell=tell)  # the follower stands at its yield: it has not looked again
            if not tell:
                await source.store.settle(claim, Stopped())
                source.store.hub.publish_log(source.job_id)
            assert await take(news, 1) == b"b"
