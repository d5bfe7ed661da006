"""Readers that are slower than what happens: those who were live are told, those who read history go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from nexusd.service.topics import Window
from tests.integration.service.source import LONG, follow, follow_job, open_source
from tests.support.frames import Frame

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("window", [Window(max_events=10), Window(max_bytes=10_000)], ids=["events", "bytes"])
async def test_a_live_reader_that_falls_behind_is_told_and_resumes(home: Path, window: Window) -> None:
    async with open_source(home, window=window) as source, await follow(source) as quick:
        await quick.take()
        async with await follow(source) as reader:
            assert await reader.take() == [Frame(0)]
            await source.submit()
            assert await reader.take_ids(1) == await quick.take_ids(1) == [1]  # it is live
            for number in range(2, 32):
                await source.submit(source_task_id=LONG)
                assert await quick.take_ids(1) == [number]  # nobody but the slow one pays
            assert await reader.rest() == [Frame(1, "lagging", {"cursor": 1, "behind": 30})]
        async with await follow(source, after=1) as reader:
            assert await reader.take_ids(30) == list(range(2, 32))


async def test_up_to_its_bound_a_reader_may_be_slow(home: Path) -> None:
    async with (
        open_source(home, window=Window(max_events=10)) as source,
        await follow(source) as reader,
        await follow(source) as quick,
    ):
        await reader.take()
        await quick.take()
        await source.submit()
        assert await reader.take_ids(1) == await quick.take_ids(1) == [1]
        for number in range(2, 12):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(quick.take)  # that one waits already when something comes
                await trio.testing.wait_all_tasks_blocked()
                await source.submit()
            assert source.feed.cursor == number
        assert await reader.take_ids(10) == list(range(2, 12))
        await source.submit()
        assert await reader.take_ids(1) == [12]


async def test_who_reads_history_is_never_too_slow(home: Path) -> None:
    async with open_source(home, window=Window(max_events=10)) as source:
        await source.submit(300, source_task_id=LONG)
        async with await follow(source, after=0) as reader:
            assert await reader.take_ids(1) == [1]
            for _ in range(30):
                await source.submit()
            await source.wait_passed_on()
            assert await reader.take_ids(329) == list(range(2, 331))
            await source.submit()
            assert await reader.take_ids(1) == [331]


async def test_history_that_is_pruned_under_its_reader_is_told_and_starts_anew(home: Path) -> None:
    async with open_source(home) as source:
        jobs = await source.submit(300, source_task_id=LONG)
        async with await follow(source, after=0) as reader:
            assert await reader.take_ids(40) == list(range(1, 41))
            await source.prune(250)
            frames: list[Frame] = []
            while not frames or frames[-1].event != "reset":
                frames += await reader.take()
            last = 40 + len(frames[:-1])  # what was in memory already
            assert [frame.id for frame in frames[:-1]] == list(range(41, last + 1))
            assert frames[-1] == Frame(
                None, "reset", {"reason": "pruned", "requested": last, "resumedFrom": 300, "oldestAvailable": 251}
            )
            snapshot = await reader.take(301)
            assert [frame.data["jobId"] for frame in snapshot[:-1]] == jobs
            assert snapshot[-1] == Frame(300, "snapshot.end", {"jobs": 300, "complete": True, "resumedFrom": 300})
            await source.submit()
            assert await reader.take_ids(1) == [301]


@pytest.mark.parametrize("kind", ["job", "company"])
async def test_live_readers_are_told_when_the_retention_was_faster_than_the_feed(home: Path, kind: str) -> None:
    async with open_source(home) as source:
        [job_id] = await source.submit()
        claim = await source.store.claim(job_id)
        reader = await follow_job(source, job_id) if kind == "job" else await follow(source)
        async with reader:
            await reader.take()
            await source.report(claim)
            assert await reader.take_ids(1) == [3]

            def lose(connection: Any) -> None:
                connection.exec_driver_sql(
                    "INSERT INTO events (company_id, job_id, type, data, created_at) "
                    "SELECT company_id, job_id, type, data, created_at FROM events"
                )
                connection.exec_driver_sql("UPDATE event_retention SET pruned_through = 6")
                connection.exec_driver_sql("DELETE FROM events WHERE id <= 6")

            await source.store.database.write(lose)
            [reset, state] = await reader.take(2)
            told = {"reason": "pruned", "requested": 3, "resumedFrom": 6, "oldestAvailable": 7}
            assert reset == Frame(None, "reset", told)
            assert (state.event, state.data["jobId"]) == ("status" if kind == "job" else "snapshot", job_id)
            if kind == "company":
                assert await reader.take() == [Frame(6, "snapshot.end", {"jobs": 1, "complete": True, "resumedFrom": 6})]
            await source.report(claim)
            assert await reader.take_ids(1) == [7]
