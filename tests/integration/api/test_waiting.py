"""Waiting for a job's end: answered when it comes, not before, and not by looking again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from nexusd.domain.retry import Done
from nexusd.domain.schedule import Limits
from nexusd.renderers.registry import Registry
from nexusd.service.catalogue import Catalogue
from nexusd.service.jobs import JobService
from nexusd.service.waiting import WaitService
from nexusd.store.outlook import Circumstances
from tests.integration.service.source import Source, open_source
from tests.support.daemons import JOBS, check_problem, open_daemon
from tests.support.scripted import DONE, Gate, scripted
from tests.support.stores import make_asset

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


async def test_the_answer_comes_with_the_end(home: Path) -> None:
    async with open_daemon(home) as daemon:
        with Gate(home / "gate") as gate:
            job_id = await daemon.submit(scripted(("progress", 0.5, None), ("wait", gate.path), DONE))
            await daemon.wait_job(job_id, lambda job: job["progress"] == 0.5)
            answer = await daemon.client.get(f"{JOBS}/{job_id}/wait", params={"timeout": 0.05})
            assert (answer.status_code, answer.content) == (204, b"")
            async with trio.open_nursery() as nursery:
                told: list[Any] = []

                async def wait() -> None:
                    told.append((await daemon.client.get(f"{JOBS}/{job_id}/wait")).json())

                for _ in range(3):
                    nursery.start_soon(wait)
                await daemon.client.get("/v1/health")
                assert told == []
                gate.let_through()
        assert [job["status"] for job in told] == ["done"] * 3
        assert told[0] == await daemon.get(job_id)
        assert (await daemon.client.get(f"{JOBS}/{job_id}/wait", params={"timeout": 0})).json() == told[0]
        await daemon.add_company("other")
        check_problem(await daemon.client.get(f"/v1/companies/other/content-jobs/{job_id}/wait"), 404, "not-found")


async def test_a_stop_answers_at_once(home: Path) -> None:
    async with open_daemon(home, running_jobs_per_type={"scripted": 0}) as daemon:
        job_id = await daemon.submit(scripted(DONE))

        async def stop() -> None:
            while (await daemon.client.get("/v1/status")).json()["requestsOpen"] < 2:
                pass
            daemon.stopping.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop)
            answer = await daemon.client.get(f"{JOBS}/{job_id}/wait", params={"timeout": 600})
        assert answer.status_code == 204


def waiter(source: Source) -> WaitService:
    """Return the service."""
    jobs = JobService(
        source.store.database, source.companies, Catalogue(Registry()), Circumstances(Limits(1), frozenset()), source.store.hub
    )
    return WaitService(source.feed, source.companies, jobs)


async def test_nothing_is_read_while_nothing_ends(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_source(home) as source:
        [job_id] = await source.submit()
        claim = await source.store.claim(job_id)
        service = waiter(source)
        reads = 0
        get = JobService.get

        async def count(*arguments: Any) -> Any:
            nonlocal reads
            reads += 1
            return await get(*arguments)

        monkeypatch.setattr(JobService, "get", count)
        over: list[str] = []

        async def wait() -> None:
            job = await service.wait("default", job_id, 600)
            assert job is not None
            over.append(job.status)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(wait)
            await source.report(claim, 20)
            await source.wait_passed_on()
            assert (reads, over) == (5, [])
            await source.store.settle(claim, Done(), [make_asset(source.store.company_id, job_id=job_id)])
        assert (reads, over) == (10, ["done"] * 5)
        assert not source.feed._topics


async def test_an_end_that_the_retention_took_from_the_feed_is_noticed_too(home: Path) -> None:
    async with open_source(home) as source:
        [job_id] = await source.submit()
        claim = await source.store.claim(job_id)
        service = waiter(source)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(service.wait, "default", job_id, 600)
            while not source.feed._topics:  # noqa: ASYNC110 - nobody tells
                await trio.sleep(0.001)

            def lose(connection: Any) -> None:
                connection.exec_driver_sql("UPDATE event_retention SET pruned_through = 4")

            result = [make_asset(source.store.company_id, job_id=job_id)]
            async with trio.open_nursery() as writing:  # one group, so that the feed sees both or nothing
                writing.start_soon(source.store.settle, claim, Done(), result)
                writing.start_soon(source.store.database.write, lose)
