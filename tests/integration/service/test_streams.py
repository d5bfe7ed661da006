"""Streams without HTTP: what a reader gets while nothing happens, and while everything does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from nexusd.contract.events import EventType
from nexusd.domain.retry import Done
from nexusd.errors import DatabaseBusy, NotFound
from nexusd.service import feed as feeds
from nexusd.service.topics import Window
from nexusd.service.views import PIECE_MAX_BYTES, Packed
from nexusd.store import events
from tests.integration.service.source import LONG, Reader, follow, follow_job, open_source
from tests.support.frames import Frame
from tests.support.holds import holding_at
from tests.support.stores import make_asset

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.service.streams import Stream

pytestmark = pytest.mark.slow


async def test_a_keep_alive_carries_the_id_past_what_the_stream_leaves_out(home: Path) -> None:
    async with open_source(home, keep_alive_seconds=0.05) as source:
        async with await follow(source, types=frozenset({EventType.JOB_DONE})) as reader:
            assert await reader.take() == [Frame(0)]
            await source.submit(3)  # not of the types
            await source.submit(4, "other")  # not of the company
            kept: list[Frame] = []
            while Frame(7) not in kept:
                kept += await reader.take()
            assert all((frame.event, frame.data) == (None, None) for frame in kept)
            assert await reader.take() == [Frame(7)]  # and again, with nothing new
        [job_id] = await source.submit()
        async with await follow_job(source, job_id, 8) as reader:
            assert await reader.take() == [Frame(8)]


async def test_a_reader_who_comes_to_a_quiet_feed_gets_signs_of_life_too(home: Path) -> None:
    async with open_source(home, keep_alive_seconds=0.05) as source:
        await trio.testing.wait_all_tasks_blocked()  # nobody is there, and the feed waits without an end
        async with await follow(source) as reader:
            assert await reader.take(3) == [Frame(0)] * 3


async def test_what_is_committed_while_a_stream_opens_is_neither_lost_nor_told_twice(home: Path) -> None:
    """The seam between what is read and what is waited for, hit from both sides many times."""
    async with open_source(home) as source:
        finished = trio.Event()
        seen: list[list[int | None]] = []

        async def write() -> None:
            for number in range(60):
                await source.submit(1 + number % 4, "default" if number % 3 else "other")
            finished.set()

        async def read() -> None:
            while not finished.is_set():
                async with await follow(source) as reader:
                    [first] = await reader.take()
                    ids: list[int | None] = [first.id]
                    with trio.move_on_after(0.02):
                        while True:
                            ids += await reader.take_ids(1)
                    seen.append(ids)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            for _ in range(3):
                nursery.start_soon(read)
        everything = source.ids(f"company_id = '{source.store.company_id}'")
        async with await follow(source, after=0) as reader:
            assert await reader.take_ids(len(everything)) == everything
        assert sum(len(ids) for ids in seen) > len(seen) > 3
        for start, *rest in seen:
            after = [identity for identity in everything if identity > (start or 0)]
            assert rest == after[: len(rest)]


@pytest.mark.parametrize("kind", ["job", "company", "all"])
async def test_there_is_no_seam_between_the_snapshot_and_what_follows(home: Path, kind: str) -> None:
    async with open_source(home) as source:
        [job_id] = await source.submit()
        claim = await source.store.claim(job_id)
        opened: list[Reader] = []

        async def open_it() -> None:
            if kind == "job":
                opened.append(await follow_job(source, job_id))
            else:
                opened.append(await follow(source, "default" if kind == "company" else None, with_snapshot=True))

        async with await follow(source, None) as beside, trio.open_nursery() as nursery:  # so that the feed is at work already
            await beside.take()
            with holding_at("service.snapshot.after") as hold:
                nursery.start_soon(open_it)
                await hold.reached.wait()
                await source.report(claim, 2)
                await beside.take(2)  # the feed has passed them on
                await source.report(claim)
            await source.store.settle(claim, Done(), [make_asset(source.store.company_id, job_id=job_id)])
        async with opened[0] as reader:
            first = await reader.take(1 if kind == "job" else 2)
            assert [frame.id for frame in first] == ([2] if kind == "job" else [None, 2])
            assert first[0].data["job"]["status"] == "running"
            wanted = source.ids("id > 2 AND asset_id IS NULL" if kind == "job" else "id > 2")
            assert await reader.take_ids(len(wanted)) == wanted
            if kind == "job":
                assert await reader.rest() == []


async def test_a_snapshot_is_all_that_is_not_over_in_the_order_it_will_run(home: Path) -> None:
    async with open_source(home, snapshot_max_jobs=4) as source:
        [late, over, runs] = await source.submit(3)
        [early] = await source.submit(priority=5)
        [other] = await source.submit(company="other", priority=3)
        await source.store.settle(await source.store.claim(over), Done(), [make_asset(source.store.company_id, job_id=over)])
        await source.store.claim(runs)
        highest = source.ids()[-1]

        async def tell(company: str | None) -> tuple[list[str], Frame]:
            async with await follow(source, company, with_snapshot=True) as reader:
                frames: list[Frame] = []
                while not frames or frames[-1].event != "snapshot.end":
                    frames += await reader.take()
            assert {(frame.id, frame.event) for frame in frames[:-1]} == {(None, "snapshot")}
            assert all(frame.data["job"]["id"] == frame.data["jobId"] for frame in frames[:-1])
            return [frame.data["jobId"] for frame in frames[:-1]], frames[-1]

        def end(jobs: int, *, complete: bool) -> Frame:
            return Frame(highest, "snapshot.end", {"jobs": jobs, "complete": complete, "resumedFrom": highest})

        assert await tell("default") == ([runs, early, late], end(3, complete=True))
        assert await tell("other") == ([other], end(1, complete=True))
        assert await tell(None) == ([runs, early, other, late], end(4, complete=True))
        [next_id] = await source.submit()
        highest = source.ids()[-1]
        assert await tell(None) == ([runs, early, other, late], end(4, complete=False))
        async with await follow(source, after=highest - 1, with_snapshot=True) as reader:  # resumed: it knows
            [frame] = await reader.take()
            assert (frame.id, frame.event, frame.data["jobId"]) == (highest, "content_job.queued", next_id)


async def test_a_large_snapshot_is_held_small_and_sent_in_pieces(home: Path) -> None:
    async with open_source(home) as source:
        jobs = await source.submit(1000, source_task_id=LONG)
        async with await follow(source, with_snapshot=True) as reader:
            frames = await reader.take(1001)
            assert [frame.data["jobId"] for frame in frames[:-1]] == jobs
            assert frames[-1].event == "snapshot.end"
            sizes = [len(reader.stream.first), *map(len, reader.pieces)]
            assert sum(sizes) > 900_000
            assert max(sizes) == PIECE_MAX_BYTES
            packed = Packed([reader.stream.first, *reader.pieces])
            assert len(packed._packed) < sum(sizes) / 8
            assert list(Packed([])) == []


async def test_a_wake_up_that_is_lost_costs_latency_and_nothing_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_source(home, keep_alive_seconds=0.05) as source, await follow(source, after=0) as reader:
        await source.submit()
        assert await reader.take_ids(1) == [1]
        with monkeypatch.context() as patch:
            patch.setattr(source.store.hub, "publish", lambda _: None)
            patch.setattr(source.store.database._writer, "_announce", lambda _: None)
            await source.submit(2)
        frames: list[Frame] = []
        while sum(1 for frame in frames if frame.event) < 2:
            frames += await reader.take()
        assert [frame.id for frame in frames if frame.event] == [2, 3]


async def test_trouble_with_the_database_passes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_source(home) as source, await follow(source) as reader:
        await reader.take()
        troubles = 3
        read_on = events.read_on

        def fail(*arguments: Any) -> Any:
            nonlocal troubles
            if troubles:
                troubles -= 1
                raise DatabaseBusy("on purpose")
            return read_on(*arguments)

        monkeypatch.setattr(feeds, "TROUBLE_SECONDS", 0.001)
        monkeypatch.setattr(events, "read_on", fail)
        await source.submit(2)
        assert await reader.take_ids(2) == [1, 2]
        assert troubles == 0


async def test_a_stopping_daemon_ends_streams_and_says_so(home: Path) -> None:
    async with open_source(home) as source:
        ended: list[list[Frame]] = []
        waiting = 0

        async def read(company: str) -> None:
            nonlocal waiting
            async with await follow(source, company) as reader:
                await reader.take()
                waiting += 1
                if waiting == 20:
                    source.store.hub.stop()
                ended.append(await reader.rest())

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(read, ("default", "other")[number % 2])
        stopping = Frame(None, "server.stopping", {"retryAfterSeconds": 1})
        assert ended == [[stopping]] * 20
        await source.submit(3)
        async with await follow(source) as reader:  # and who comes now is told how things stand
            assert await reader.rest() == [Frame(3), stopping]
        async with await follow(source, after=1) as reader:
            assert await reader.rest() == [stopping]


async def test_a_stream_of_all_companies_and_of_some_types(home: Path) -> None:
    async with open_source(home) as source:
        done = frozenset({EventType.JOB_DONE, EventType.ASSET_CREATED})
        async with await follow(source, None) as every, await follow(source, None, types=done) as some:
            assert await every.take() == await some.take() == [Frame(0)]
            [job_id] = await source.submit()
            await source.submit(2, "other")
            claim = await source.store.claim(job_id)
            await source.store.settle(claim, Done(), [make_asset(source.store.company_id, job_id=job_id)])
            assert await every.take_ids(6) == [1, 2, 3, 4, 5, 6]
            assert [frame.event for frame in await some.take(2)] == ["asset.created", "content_job.done"]
        async with await follow(source, None, 2) as later:
            assert await later.take_ids(4) == [3, 4, 5, 6]


async def test_what_many_are_sent_is_made_once(home: Path) -> None:
    async with open_source(home) as source:
        readers = [await follow(source) for _ in range(3)]
        others = [await follow(source, None), await follow(source, types=frozenset({EventType.JOB_QUEUED}))]
        for reader in [*readers, *others]:
            await reader.take()
        await source.submit()
        for reader in [*readers, *others]:
            assert await reader.take_ids(1) == [1]
        assert len({id(reader.pieces[-1]) for reader in [*readers, *others]}) == 1
        await source.submit(5)
        for reader in readers:
            assert await reader.take_ids(5) == [2, 3, 4, 5, 6]
        assert len({id(reader.pieces[-1]) for reader in readers}) == 1
        for reader in [*readers, *others]:
            async with reader:
                pass


async def test_one_read_serves_all_and_nobody_is_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_source(home, window=Window(max_events=100)) as source:
        deaf = [await follow(source) for _ in range(50)]
        for reader in deaf:
            await reader.take()
        reads = 0
        read = source.store.database.read

        async def count(*arguments: Any) -> Any:
            nonlocal reads
            reads += 1
            return await read(*arguments)

        async with await follow(source) as quick:
            await quick.take()
            monkeypatch.setattr(source.store.database, "read", count)
            for number in range(1, 301):
                await source.submit()
                assert await quick.take_ids(1) == [number]
        assert reads <= 300
        for reader in deaf:
            async with reader:
                pass


async def test_who_leaves_leaves_nothing_behind(home: Path) -> None:
    async with open_source(home) as source:
        [job_id] = await source.submit()
        opened: list[Stream] = []
        for number in range(30):
            reader = await follow_job(source, job_id) if number % 3 else await follow(source)
            if number % 2:
                await reader.take()
            opened.append(reader.stream)
        assert len(source.feed._topics) == 2
        for stream in opened:  # whether or not anything was read after the first piece
            await stream.rest.aclose()
        assert not source.feed._topics
        assert not source.feed._by_subject
        with pytest.raises(NotFound):
            await source.streams.open_job("default", "nothing", None)
        with pytest.raises(NotFound):
            await source.streams.open_job("default", "nothing", 0)
        with pytest.raises(NotFound):
            await source.streams.open_job("other", job_id, None)
        assert not source.feed._topics


async def test_the_stream_of_a_job_ends_with_it_however_it_is_read(home: Path) -> None:
    async with open_source(home) as source:
        [job_id] = await source.submit()
        claim = await source.store.claim(job_id)
        live = await follow_job(source, job_id)
        from_history = await follow_job(source, job_id, 1)
        assert await live.take_ids(1) == await from_history.take_ids(1) == [2]
        await source.store.settle(claim, Done(), [make_asset(source.store.company_id, job_id=job_id)])
        assert [frame.id for frame in await live.rest()] == [frame.id for frame in await from_history.rest()] == [4]
        for after, ids in ((None, [4]), (0, [1, 2, 4]), (2, [2 + 2]), (3, [4])):
            assert [frame.id for frame in await (await follow_job(source, job_id, after)).rest()] == ids
        assert await source.streams.open_job("default", job_id, 4) is None
        await source.submit()
        assert await source.streams.open_job("default", job_id, 5) is None
        frames = await (await follow_job(source, job_id, 99)).rest()
        assert [(frame.id, frame.event) for frame in frames] == [(None, "reset"), (5, "status")]
        assert not source.feed._topics
