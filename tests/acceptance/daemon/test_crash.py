"""kill -9, again and again: what was acknowledged is there, what ran goes on, and nothing is left over."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.connections import DIED, UnixConnection
from tests.support.daemons import DEFAULT, JOBS, Program, living_children
from tests.support.frames import iter_frames
from tests.support.scripted import DONE, Gate, scripted

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
ROUNDS = 20
CLIENTS = 4


def test_no_acknowledged_job_is_ever_lost(home: Path) -> None:
    acknowledged: dict[str, str] = {}
    with Program(home, environment={"NEXUSD_RUNNING_JOBS_PER_TYPE": '{"other": 0}'}) as program:
        for round_number in range(ROUNDS):
            program.start()
            enough = threading.Event()

            def submit(client_number: int, round_number: int = round_number, enough: threading.Event = enough) -> None:
                with closing(UnixConnection(program.socket)) as connection:
                    for number in range(1000):
                        key = f"{round_number}/{client_number}/{number}"
                        body = json.dumps(scripted(job_type="other", sourceTaskId=key))
                        headers = {"Content-Type": "application/json", "Idempotency-Key": key, "Host": "nexusd"}
                        try:
                            connection.request("POST", JOBS, body, headers)
                            answer = connection.getresponse()
                            accepted = json.loads(answer.read())
                        except DIED:
                            return
                        assert answer.status == 202
                        acknowledged[key] = accepted["jobId"]
                        if number == 1 + round_number % 5:
                            enough.set()

            threads = [threading.Thread(target=submit, args=(number,)) for number in range(CLIENTS)]
            for thread in threads:
                thread.start()
            enough.wait(30)
            program.kill()
            for thread in threads:
                thread.join()
        program.start()
        stored = dict(program.query("SELECT source_task_id, id FROM content_jobs"))
        keys = dict(program.query("SELECT key, job_id FROM idempotency_keys"))
        assert len(acknowledged) >= ROUNDS * 2
        assert acknowledged.items() <= stored.items()
        assert keys == stored
        assert program.query("SELECT count(*) FROM events WHERE type = 'content_job.queued'") == [(len(stored),)]
        with program.client() as client:
            key, job_id = next(iter(acknowledged.items()))
            body = scripted(job_type="other", sourceTaskId=key)
            again = client.post(JOBS, json=body, headers={"Idempotency-Key": key})
            assert (again.status_code, again.json()["jobId"]) == (202, job_id)
        assert program.query("PRAGMA integrity_check") == [("ok",)]
        assert program.stop() == 0


def test_a_job_that_ran_when_the_daemon_was_killed_runs_again_and_alone(home: Path) -> None:
    roll = home / "roll"
    with Program(home) as program, Gate(home / "gate") as gate:
        program.start()
        steps = [("deafen",), ("fork",), ("enlist", str(roll)), ("progress", 0.5, None), ("wait", gate.path), DONE]
        with program.client() as client:
            job_id = client.post(JOBS, json=scripted(*steps)).json()["jobId"]
            with client.stream("GET", f"{JOBS}/{job_id}/events") as stream:
                assert any(frame.event == "progress" or frame.data["job"]["progress"] for frame in iter_frames(stream))
        first = json.loads(roll.read_text())["pids"]
        assert set(living_children(program.state)) >= set(first)
        program.kill()
        program.start()
        gate.let_through()
        assert program.follow_until(job_id)["status"] == "done"
        with program.client() as client:
            job = client.get(f"{JOBS}/{job_id}").json()
        assert (job["attempt"], job["attemptsUsed"], len(job["assets"])) == (2, 1, 1)
        assert [attempt["outcome"] for attempt in job["attempts"]] == ["crashed", "done"]
        earlier, later = [json.loads(line) for line in roll.read_text().splitlines()]
        assert earlier["pids"] == first
        assert later["living"] == []  # the second attempt looked: nothing of the first was alive any more
        assert living_children(program.state) == []
        assert list((program.state / "work").iterdir()) == []
        assert program.stop() == 0
        assert "Traceback" not in program.log


def test_a_job_that_kills_the_daemon_each_time_is_given_up(home: Path) -> None:
    with Program(home, environment={"NEXUSD_RUNNING_JOBS": "1"}) as program, Gate(home / "gate") as gate:
        job_id = ""
        for _ in range(3):
            program.start()
            if not job_id:
                with program.client() as client:
                    job_id = client.post(JOBS, json=scripted(("wait", gate.path), DONE)).json()["jobId"]
            program.follow_until(job_id, "running")
            program.kill()
        program.start()
        job = program.follow_until(job_id)
        assert (job["status"], job["errorCode"], job["attemptsUsed"]) == ("failed", "poisoned", 0)
        assert program.stop() == 0


def test_what_was_paused_before_a_crash_is_paused_after_it(home: Path) -> None:
    with Program(home) as program:
        program.start()
        with program.client() as client:
            before = client.post("/v1/queue/pause", json={"jobType": "scripted", "reason": "why"}).json()["paused"]
            waiting = client.post(JOBS, json=scripted(DONE, priority=9)).json()["jobId"]
        program.kill()
        program.start()
        with program.client() as client:
            assert client.get("/v1/queue").json() == {"paused": before, "running": 0, "queued": 1}
            other = client.post(JOBS, json=scripted(DONE, job_type="other")).json()["jobId"]
            assert program.follow_until(other)["status"] == "done"
            assert client.get(f"{JOBS}/{waiting}").json()["status"] == "queued"
            assert client.post("/v1/queue/resume", json={"jobType": "scripted"}).json()["paused"] == []
            assert program.follow_until(waiting)["status"] == "done"
        assert program.stop() == 0


@pytest.mark.parametrize("how", ["TERM", "KILL"])
def test_a_stream_is_resumed_exactly_across_the_end_of_the_daemon(home: Path, how: str) -> None:
    with Program(home, environment={"NEXUSD_RUNNING_JOBS": "1"}) as program, Gate(home / "gate") as gate:
        program.start()
        with program.client() as client:
            job_id = client.post(JOBS, json=scripted(("wait", gate.path), DONE)).json()["jobId"]
            other = client.post(JOBS, json=scripted(DONE)).json()["jobId"]
            seen = []
            with client.stream("GET", f"{DEFAULT}/events?after=0") as stream:
                for frame in iter_frames(stream):
                    seen.append(frame)
                    if frame.event == "content_job.running":
                        break
        if how == "TERM":
            assert program.stop() == 0
        else:
            program.kill()
        program.start()
        gate.let_through(2)
        program.follow_until(other)
        cursor = {"Last-Event-ID": str(seen[-1].id)}
        with program.client() as client, client.stream("GET", f"{DEFAULT}/events", headers=cursor) as stream:
            for frame in iter_frames(stream):
                seen.append(frame)
                if frame.event == "content_job.done" and frame.data["jobId"] == other:
                    break
        stored = program.query("SELECT id, type, data FROM events WHERE id <= ? ORDER BY id", seen[-1].id)
        assert [(frame.id, frame.event, frame.data) for frame in seen] == [(i, t, json.loads(data)) for i, t, data in stored]
        of_job = [frame.event for frame in seen if frame.data["jobId"] == job_id and frame.event != "asset.created"]
        assert of_job == [f"content_job.{status}" for status in ("queued", "running", "queued", "running", "done")]
        assert program.stop() == 0
