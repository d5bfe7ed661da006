"""The queue over HTTP: paused, resumed, looked at; and every way to say it wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio

from tests.support.daemons import Daemon, check_problem, open_daemon
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import DONE, OTHER, SCRIPTED, Gate, scripted
from tests.support.stores import ask

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


async def post(daemon: Daemon, verb: str, **body: Any) -> dict[str, Any]:
    answer = await daemon.client.post(f"/v1/queue/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    state: dict[str, Any] = answer.json()
    for path in ("/v1/queue", "/v1/status"):
        assert (await daemon.client.get(path)).json()["paused"] == state["paused"]
    return state


def paused(state: dict[str, Any]) -> list[tuple[str | None, str | None]]:
    return [(pause["jobType"], pause["reason"]) for pause in state["paused"]]


async def test_a_queue_is_paused_and_resumed_while_jobs_run_and_wait(home: Path) -> None:
    with Gate(home / "gate") as gate:
        async with open_daemon(home, running_jobs=1) as daemon:
            running = await daemon.submit(scripted(("wait", gate.path), DONE))
            await daemon.wait_status(running, "running")
            state = await post(daemon, "pause", reason="new tools")
            assert (paused(state), state["running"], state["queued"]) == ([(None, "new tools")], 1, 0)
            waiting = await daemon.submit(scripted(DONE))
            gate.let_through()
            assert (await daemon.wait_status(running))["status"] == "done"
            again = await post(daemon, "pause")
            assert again["paused"] == state["paused"]
            assert (again["running"], again["queued"]) == (0, 1)
            state = await post(daemon, "resume")
            assert state["paused"] == []
            assert (await daemon.wait_status(waiting))["status"] == "done"


async def test_one_job_type_is_paused_and_the_others_go_on(home: Path) -> None:
    async with open_daemon(home) as daemon:
        await post(daemon, "pause", jobType="scripted", reason="ü")
        waiting = await daemon.submit(scripted(DONE, priority=9))
        other = await daemon.submit(scripted(DONE, job_type="other"))
        assert (await daemon.wait_status(other))["status"] == "done"
        assert (await daemon.get(waiting))["status"] == "queued"
        await post(daemon, "pause", jobType=None)
        state = await post(daemon, "pause", jobType="other")
        assert paused(state) == [(None, None), ("other", None), ("scripted", "ü")]
        assert paused(await post(daemon, "resume")) == [("other", None), ("scripted", "ü")]
        assert paused(await post(daemon, "resume", jobType="other")) == [("scripted", "ü")]
        assert paused(await post(daemon, "resume", jobType="other")) == [("scripted", "ü")]
        assert (await daemon.get(waiting))["status"] == "queued"
        await post(daemon, "pause")
        assert (await post(daemon, "resume", all=True))["paused"] == []
        assert (await daemon.wait_status(waiting))["status"] == "done"


WRONG: Final[list[tuple[str, dict[str, Any], list[str]]]] = [
    ("pause", {"jobType": ""}, ["/jobType"]),
    ("pause", {"jobType": "nothing"}, ["/jobType"]),
    ("pause", {"jobType": "Upper"}, ["/jobType"]),
    ("pause", {"jobType": 5}, ["/jobType"]),
    ("pause", {"job_type": "scripted"}, ["/job_type"]),
    ("pause", {"reason": ""}, ["/reason"]),
    ("pause", {"reason": "x" * 501}, ["/reason"]),
    ("pause", {"reason": 5}, ["/reason"]),
    ("pause", {"all": True}, ["/all"]),
    ("resume", {"jobType": "nothing"}, ["/jobType"]),
    ("resume", {"jobType": ""}, ["/jobType"]),
    ("resume", {"reason": "x"}, ["/reason"]),
    ("resume", {"all": "yes"}, ["/all"]),
    ("resume", {"all": 1}, ["/all"]),
    ("resume", {"all": True, "jobType": "scripted"}, ["/all"]),
]


async def test_what_cannot_be_meant_is_refused_and_changes_nothing(home: Path) -> None:
    async with open_daemon(home) as daemon:
        before = await post(daemon, "pause", jobType="scripted")
        for verb, body, names in WRONG:
            answer = await daemon.client.post(f"/v1/queue/{verb}", json=body)
            check_problem(answer, 422, "invalid-request", names)
        assert (await daemon.client.get("/v1/queue")).json() == before


async def test_a_job_type_without_a_renderer_can_be_paused_for_its_jobs_and_resumed(home: Path) -> None:
    async with open_daemon(home) as daemon:
        await post(daemon, "pause", jobType="other")
        await daemon.submit(scripted(DONE, job_type="other"))
    async with open_daemon(home, specs=[SCRIPTED]) as daemon:
        assert paused((await daemon.client.get("/v1/queue")).json()) == [("other", None)]
        assert (await post(daemon, "resume", jobType="other"))["paused"] == []
        assert paused(await post(daemon, "pause", jobType="other")) == [("other", None)]


async def test_the_limits_in_force_are_shown_and_hold(home: Path) -> None:
    specs = [replace(SCRIPTED, slots=9), replace(OTHER, slots=2)]
    limits: dict[str, Any] = {"running_jobs": 3, "running_jobs_per_company": 2, "slots_per_type": {"scripted": 1}}
    with Gate(home / "gate") as gate:
        async with open_daemon(home, specs=specs, **limits) as daemon:
            shown = (await daemon.client.get("/v1/status")).json()["limits"]
            assert (shown["runningJobs"], shown["runningJobsPerCompany"], shown["slotsPerType"]) == (3, 2, {"other": 2})
            mine = [await daemon.submit(scripted(("wait", gate.path), DONE)) for _ in range(3)]
            for job_id in mine[:2]:
                await daemon.wait_status(job_id, "running")
            await daemon.add_company("acme")
            heavy = await daemon.submit(scripted(("wait", gate.path), DONE, job_type="other"), "acme")
            assert (
                len(await wait_started(daemon, 2)) == 2
            )  # a slot is free, but neither the third of mine nor theirs may have it
            gate.let_through()
            assert (await wait_started(daemon, 3))[2:] == [heavy]
            assert (await daemon.get(mine[2]))["status"] == "queued"
            gate.let_through(3)
            assert (await daemon.wait_status(mine[2]))["status"] == "done"


async def wait_started(daemon: Daemon, count: int) -> list[str]:
    """Return the jobs that were started, in that order, once there are so many."""
    query = "SELECT job_id FROM events WHERE type = 'content_job.running' ORDER BY id"
    with trio.fail_after(HANG_SECONDS):
        while True:
            cursor = daemon.hub.highest_event_id
            started = [job_id for (job_id,) in ask(daemon.state / "nexusd.db", query)]
            if len(started) >= count:
                return started
            await daemon.hub.wait_newer(cursor)
