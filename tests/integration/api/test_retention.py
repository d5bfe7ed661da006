"""The retention as clients meet it: what the status says, what a stream says, and that it keeps no idle daemon from ending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
import trio

from nexusd.store import retention
from tests.support.clocks import SkippingClock
from tests.support.daemons import JOBS, open_daemon, wait_until
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import DONE, scripted
from tests.support.stores import ask

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

MARK: Final = "SELECT pruned_through FROM event_retention"


@pytest.fixture
def clock() -> SkippingClock:
    """Return the clock of the test's run: it must be named by the test itself as well."""
    return SkippingClock()


async def test_a_start_prunes_and_the_status_and_the_streams_say_so(home: Path) -> None:
    async with open_daemon(home) as daemon:
        job_id = await daemon.submit(scripted(DONE))
        await daemon.wait_status(job_id)
        status = (await daemon.client.get("/v1/status")).json()
        assert status["events"] == {"prunedThrough": 0, "highestId": 4}
        assert status["limits"]["eventRetentionSeconds"] == 7 * 86_400
        assert status["limits"]["eventRetentionCount"] == 1_000_000
    async with open_daemon(home, event_retention_seconds=0, event_retention_count=1) as daemon:
        await wait_until(lambda: ask(daemon.state / "nexusd.db", MARK) == [(3,)])
        status = (await daemon.client.get("/v1/status")).json()
        assert status["events"] == {"prunedThrough": 3, "highestId": 4}
        assert (status["limits"]["eventRetentionSeconds"], status["limits"]["eventRetentionCount"]) == (0, 1)
        async with daemon.follow(f"{JOBS}/{job_id}/events", 2) as stream:
            reset, last = await stream.rest()
        assert (reset.event, reset.data["oldestAvailable"]) == ("reset", 4)
        assert last.data["job"]["status"] == "done"
        assert ask(daemon.state / "nexusd.db", "SELECT id, type FROM events") == [(4, "content_job.done")]


async def test_pruning_keeps_no_idle_daemon_from_ending(home: Path, clock: SkippingClock) -> None:
    """A write without an event is nothing that happened: else a few old events a minute would keep it for a week."""
    async with open_daemon(home, idle_exit_seconds=1000) as daemon:
        job_id = await daemon.submit(scripted(DONE))
        await daemon.wait_status(job_id)
        clock.skip(600)
        assert await daemon.database.write(retention.prune, 2) == 2
        clock.skip(600)
        with trio.fail_after(HANG_SECONDS):
            await daemon.stopping.wait()


async def test_a_task_that_prunes_is_part_of_the_daemon(home: Path, clock: SkippingClock) -> None:
    async with open_daemon(home, event_retention_seconds=60, event_retention_count=0) as daemon:
        job_id = await daemon.submit(scripted(DONE))
        await daemon.wait_status(job_id)
        ask(daemon.state / "nexusd.db", "UPDATE events SET created_at = '2020-01-01T00:00:00.000Z'")
        clock.skip(600)
        await wait_until(lambda: ask(daemon.state / "nexusd.db", MARK) == [(4,)])
