"""What a client is told about the future, and about why: on a job, in the status, and at `why`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from nexusd.contract.base import format_time
from nexusd.contract.why import Why
from nexusd.domain.reasons import ADVICE
from nexusd.domain.states import ErrorCode
from tests.support.daemons import JOBS, Daemon, check_problem, open_daemon
from tests.support.scripted import DONE, OTHER, SCRIPTED, Gate, scripted
from tests.support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def gate(home: Path) -> Iterator[Gate]:
    """Return a gate that jobs can wait at."""
    with Gate(home / "gate") as gate:
        yield gate


async def explain(daemon: Daemon, job_id: str) -> dict[str, Any]:
    """Return why a job stands as it does, checked for what holds of every answer."""
    answer = await daemon.client.get(f"{JOBS}/{job_id}/why")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    told = Why.model_validate(found)
    assert (told.job_id, told.status) == (job_id, (await daemon.get(job_id))["status"])
    assert told.summary == told.reasons[0].message
    assert all(None not in reason.values() for reason in found["reasons"])
    return found


def codes(why: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in why["reasons"]]


def lengthen(daemon: Daemon, job_id: str, seconds: int) -> None:
    """Let a job that is done have taken so many seconds."""
    finished = datetime.now(UTC) - timedelta(hours=1)
    started = finished - timedelta(seconds=seconds)
    times = [format_time(started), format_time(finished)]
    ask(daemon.state / "nexusd.db", "UPDATE content_jobs SET started_at = ?, finished_at = ? WHERE id = ?", *times, job_id)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_estimates_come_of_what_was_done_and_stand_on_the_job_and_in_the_status(home: Path, gate: Gate) -> None:
    async with open_daemon(home, running_jobs=1) as daemon:
        held = await daemon.submit(scripted(("wait", gate.path), DONE))
        await daemon.wait_status(held, "running")
        first, last = [await daemon.submit(scripted(DONE)) for _ in range(2)]
        job = await daemon.get(last)
        assert (job["queuePosition"], job["estimatedStartAt"], job["estimatedFinishAt"]) == (2, None, None)
        queue = (await daemon.client.get("/v1/status")).json()["queue"]
        assert queue == {"length": 2, "estimatedEmptyAt": None}
        gate.let_through()
        for job_id in (held, first, last):
            await daemon.wait_status(job_id)
            lengthen(daemon, job_id, 600)
        assert (await daemon.client.get("/v1/status")).json()["queue"] == {"length": 0, "estimatedEmptyAt": None}
        held = await daemon.submit(scripted(("wait", gate.path), DONE))
        running = await daemon.wait_status(held, "running")
        took = moment(running["estimatedFinishAt"]) - moment(running["startedAt"])
        assert timedelta(seconds=600) <= took <= timedelta(seconds=601)
        assert running["estimatedStartAt"] is None
        await daemon.submit(scripted(DONE))
        last = await daemon.submit(scripted(DONE))
        job = await daemon.get(last)
        started = moment(running["startedAt"])
        for name, seconds in (("estimatedStartAt", 1200), ("estimatedFinishAt", 1800)):
            assert timedelta(seconds=seconds) <= moment(job[name]) - started <= timedelta(seconds=seconds + 1), name
        queue = (await daemon.client.get("/v1/status")).json()["queue"]
        assert queue["length"] == 2
        assert timedelta(seconds=1800) <= moment(queue["estimatedEmptyAt"]) - started <= timedelta(seconds=1801)
        gate.let_through()
        done = await daemon.wait_status(last)
        assert (done["queuePosition"], done["estimatedStartAt"], done["estimatedFinishAt"]) == (None, None, None)


async def test_without_its_renderer_a_job_waits_and_says_so(home: Path) -> None:
    async with open_daemon(home, running_jobs_per_type={"other": 0}) as daemon:
        done = await daemon.submit(scripted(DONE, job_type="scripted"))
        await daemon.wait_status(done)
        job_id = await daemon.submit(scripted(DONE, job_type="other"))
        [reason] = (await explain(daemon, job_id))["reasons"]
        assert (reason["code"], reason["limit"], reason["allowed"], reason["heldBy"]) == ("limit_reached", "job_type", 0, [])
        ask(
            daemon.state / "nexusd.db", "UPDATE content_jobs SET job_type = 'other' WHERE id = ?", done
        )  # so durations are known
    async with open_daemon(home, specs=(SCRIPTED,)) as daemon:
        [reason] = (await explain(daemon, job_id))["reasons"]
        assert (reason["code"], reason["jobType"]) == ("renderer_missing", "other")
        assert "install" in reason["remedy"]
        job = await daemon.get(job_id)
        assert (job["queuePosition"], job["estimatedStartAt"], job["estimatedFinishAt"]) == (1, None, None)
        assert (await daemon.client.get("/v1/status")).json()["queue"] == {"length": 1, "estimatedEmptyAt": None}


async def test_why_a_job_waits_for_others(home: Path, gate: Gate) -> None:
    wait = ("wait", gate.path)
    async with open_daemon(home, running_jobs=2, running_jobs_per_type={"other": 1}) as daemon:
        one = await daemon.submit(scripted(wait, DONE, job_type="other", timeoutSeconds=1234))
        running = await daemon.wait_status(one, "running")
        alike = await daemon.submit(scripted(DONE, job_type="other"))
        [reason] = (await explain(daemon, alike))["reasons"]
        assert reason | {"message": ""} == {
            "code": "limit_reached",
            "message": "",
            "limit": "job_type",
            "allowed": 1,
            "heldBy": [one],
        }
        two = await daemon.submit(scripted(("progress", 0.25, "a quarter"), wait, DONE))
        await daemon.wait_job(two, lambda job: job["progress"] == 0.25)
        first, last = [await daemon.submit(scripted(DONE)) for _ in range(2)]
        why = await explain(daemon, first)
        assert codes(why) == ["limit_reached"]  # the one ahead is in nobody's way: its type is full
        assert (why["reasons"][0]["limit"], why["reasons"][0]["heldBy"]) == ("total", [one, two])
        why = await explain(daemon, last)
        assert codes(why) == ["limit_reached", "waiting_turn"]
        assert (why["reasons"][1]["position"], why["reasons"][1]["ahead"]) == (3, 1)
        [reason] = (await explain(daemon, two))["reasons"]
        assert (reason["code"], reason["attempt"], reason["progress"]) == ("running", 1, 0.25)
        [reason] = (await explain(daemon, one))["reasons"]
        assert (reason["since"], "progress" in reason) == (running["startedAt"], False)
        assert moment(reason["timeoutAt"]) - moment(reason["since"]) == timedelta(seconds=1234)
        gate.let_through(2)
        for job_id in (one, alike, two, first, last):
            await daemon.wait_status(job_id)
            assert codes(await explain(daemon, job_id)) == ["done"]


async def test_why_a_job_that_is_tried_again_waits(home: Path) -> None:
    async with open_daemon(home) as daemon:
        later = "2999-01-01T00:00:00.000Z"
        again = await daemon.submit(scripted())
        await daemon.wait_status(again)
        ask(daemon.state / "nexusd.db", "DROP TRIGGER content_jobs_move_legally")
        ask(
            daemon.state / "nexusd.db", "UPDATE content_jobs SET status = 'queued', available_at = ? WHERE id = ?", later, again
        )
        [reason] = (await explain(daemon, again))["reasons"]
        assert (reason["code"], reason["until"], reason["lastOutcome"]) == ("backing_off", later, "no_output")
        assert (await daemon.get(again))["estimatedStartAt"] == later


async def test_why_a_job_failed_and_what_to_do(home: Path) -> None:
    async with open_daemon(home) as daemon:
        job_id = await daemon.submit(scripted(("say", "line 3: no such arrow"), ("exit", 65), maxAttempts=2))
        await daemon.wait_status(job_id)
        [reason] = (await explain(daemon, job_id))["reasons"]
        assert reason == {
            "code": "failed",
            "message": "It failed with invalid_input after 1 attempt, the last one with exit code 65. "
            "It says: line 3: no such arrow",
            "errorCode": "invalid_input",
            "errorMessage": "line 3: no such arrow",
            "attemptsUsed": 1,
            "maxAttempts": 2,
            "triedAgain": False,
            "exitCode": 65,
            "advice": ADVICE[ErrorCode.INVALID_INPUT],
        }


async def test_why_a_job_was_cancelled_and_who_is_asked_about_none(home: Path, gate: Gate) -> None:
    async with open_daemon(home, running_jobs=1, terminate_grace_seconds=60) as daemon:
        job_id = await daemon.submit(scripted(("deafen",), ("progress", 0.5, ""), ("wait", gate.path), DONE))
        await daemon.wait_job(job_id, lambda job: job["progress"] == 0.5)
        await daemon.client.post(f"{JOBS}/{job_id}/cancel")
        why = await explain(daemon, job_id)
        assert codes(why) == ["cancelling", "running"]
        gate.let_through()
        job = await daemon.wait_status(job_id)
        queued = await daemon.submit(scripted(DONE))
        if job["status"] == "cancelled":
            [reason] = (await explain(daemon, job_id))["reasons"]
            assert (reason["code"], reason["requestedAt"]) == ("cancelled", job["cancelRequestedAt"])
        await daemon.wait_status(queued)
        await daemon.add_company("other")
        for path in (f"{JOBS}/nobodys/why", f"/v1/companies/other/content-jobs/{job_id}/why"):
            check_problem(await daemon.client.get(path), 404, "not-found")
        check_problem(await daemon.client.get(f"{JOBS}/{job_id}/why?verbose=1"), 422, "invalid-request", ["?verbose"])


async def test_while_the_daemon_stops_nothing_starts(home: Path, gate: Gate) -> None:
    async with open_daemon(home, running_jobs=1) as daemon:
        running = await daemon.submit(scripted(("wait", gate.path), DONE))
        await daemon.wait_status(running, "running")
        queued = await daemon.submit(scripted(DONE))
        daemon.hub.stop()  # the first thing a stop does: requests are still answered
        assert codes(await explain(daemon, queued)) == ["stopping", "limit_reached"]
        assert codes(await explain(daemon, running)) == ["stopping", "running"]


async def test_a_tool_that_is_missing_is_told_before_the_job_fails(home: Path, gate: Gate) -> None:
    async with open_daemon(home, running_jobs=1) as daemon:
        held = await daemon.submit(scripted(("wait", gate.path), DONE))
        await daemon.wait_status(held, "running")
        queued = await daemon.submit(scripted(DONE, job_type="other"))
    lame = replace(OTHER, missing=lambda: "the program lame is missing: apt install lame")
    async with open_daemon(home, specs=(SCRIPTED, lame), running_jobs=1) as daemon:
        await daemon.wait_status(held, "running")
        why = await explain(daemon, queued)
        assert codes(why) == ["renderer_unavailable", "limit_reached"]
        assert why["reasons"][0]["remedy"] == "the program lame is missing: apt install lame"
        gate.let_through()
        await daemon.wait_status(held)
