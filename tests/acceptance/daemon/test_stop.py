"""How the daemon ends: when told, when idle, and never while something is left to do."""

from __future__ import annotations

import json
import signal
import socket
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.daemons import JOBS, Program, living_children
from tests.support.frames import iter_frames
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import DONE, Gate, scripted

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_stop_puts_back_what_runs_and_leaves_nothing(home: Path, number: signal.Signals) -> None:
    roll = home / "roll"
    with Program(home, environment={"NEXUSD_RUNNING_JOBS": "3"}) as program, Gate(home / "gate") as gate:
        program.start()
        steps = [("fork",), ("enlist", str(roll)), ("progress", 0.5, None), ("wait", gate.path), DONE]
        with program.client() as client:
            ids = [client.post(JOBS, json=scripted(*steps)).json()["jobId"] for _ in range(4)]
            for job_id in ids[:3]:
                with client.stream("GET", f"{JOBS}/{job_id}/events") as stream:
                    assert any(frame.event == "progress" or frame.data["job"]["progress"] for frame in iter_frames(stream))
            with client.stream("GET", f"{JOBS}/{ids[0]}/events") as stream:
                frames = iter_frames(stream)
                next(frames)
                began = time.monotonic()
                program.send(number)
                program.send(number)  # impatience leaves nothing behind
                assert [frame.event for frame in frames][-1] == "server.stopping"
        assert program.wait() == 0
        assert time.monotonic() - began < 10
        assert {"STOPPING=1"} <= set(program.notices())
        assert not program.socket.exists()
        assert living_children(program.state) == []
        assert list((program.state / "work").iterdir()) == []
        rows = program.query("SELECT status, attempt, attempts_used, crashes FROM content_jobs ORDER BY id")
        assert rows == [("queued", 1, 0, 0)] * 3 + [("queued", 0, 0, 0)]
        assert program.query("SELECT DISTINCT outcome FROM job_attempts") == [("stopped",)]
        assert "Traceback" not in program.log
        assert " ERROR " not in program.log
        program.start()
        gate.let_through(4)
        assert [program.follow_until(job_id)["status"] for job_id in ids] == ["done"] * 4
        assert program.stop() == 0


def test_under_nohup_the_end_of_the_terminal_is_not_its_own(home: Path) -> None:
    with Program(home) as program:
        program.spawn(wrapper=["nohup"])
        program.wait_notice("READY=1")
        program.send(signal.SIGHUP)
        with program.client() as client:
            job_id = client.post(JOBS, json=scripted(DONE)).json()["jobId"]
            assert program.follow_until(job_id)["status"] == "done"
            assert client.get("/v1/health").status_code == 200
        assert program.stop() == 0
        assert "SIGHUP" not in program.log


def test_an_idle_daemon_ends_by_itself(home: Path) -> None:
    with Program(home) as program:
        program.start("--idle-exit", "1s")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as kept_alive:
            kept_alive.connect(str(program.socket))
            kept_alive.sendall(b"GET /v1/health HTTP/1.1\r\nHost: nexusd\r\n\r\n")
            assert b"200 OK" in kept_alive.recv(65536)
            assert program.wait() == 0
            assert kept_alive.recv(65536) == b""
        assert "nothing to do" in program.log
        assert not program.socket.exists()


def test_a_daemon_with_work_or_a_reader_is_not_idle(home: Path) -> None:
    idle = 0.8  # long enough for a busy machine to come to the next request
    with (
        Program(home, environment={"NEXUSD_RUNNING_JOBS": "1"}) as program,
        Gate(home / "gate") as gate,
        program_client(program) as client,
    ):
        program.start("--idle-exit", f"{idle * 1000:.0f}ms")
        running = client.post(JOBS, json=scripted(("wait", gate.path), DONE)).json()["jobId"]
        queued = client.post(JOBS, json=scripted(("wait", gate.path), DONE)).json()["jobId"]
        stays(program, idle * 1.6)
        gate.let_through()
        program.follow_until(running)
        stays(program, idle * 1.6)
        with client.stream("GET", f"{JOBS}/{queued}/events") as stream:
            gate.let_through()
            assert [frame.data["job"]["status"] for frame in iter_frames(stream)][-1] == "done"
        with client.stream("GET", "/v1/companies/default/events") as stream:
            frames = iter_frames(stream)
            next(frames)
            stays(program, idle * 1.6)
        assert program.wait() == 0
        assert "Traceback" not in program.log


def test_a_paused_job_keeps_the_daemon_and_one_without_a_renderer_does_not(home: Path) -> None:
    idle = 0.8
    with Program(home) as program, program_client(program) as client:
        program.start("--idle-exit", f"{idle * 1000:.0f}ms")
        assert client.post("/v1/queue/pause", json={}).status_code == 200
        assert client.post(JOBS, json=scripted(DONE)).status_code == 202
        stays(program, idle * 1.6)
        assert program.stop() == 0
        program.query("UPDATE content_jobs SET job_type = 'gone'")
        program.start("--idle-exit", f"{idle * 1000:.0f}ms")
        assert program.wait() == 0
        assert program.query("SELECT status FROM content_jobs") == [("queued",)]


def program_client(program: Program) -> httpx.Client:
    """Return a client of a program that may not have started yet."""
    transport = httpx.HTTPTransport(uds=str(program.socket))
    return httpx.Client(transport=transport, base_url="http://nexusd", timeout=HANG_SECONDS)


def stays(program: Program, seconds: float) -> None:
    """Check that it does not end: that something does not happen can only be waited for."""
    with pytest.raises(TimeoutError):
        program.wait(seconds)


def test_the_log_of_an_ordinary_life_is_plain(home: Path) -> None:
    with Program(home, module="nexusd", environment={"NEXUSD_LOG_FORMAT": "json"}) as program:
        program.start()
        with program.client() as client:
            good = {"jobType": "diagram", "input": {"source": "a -> b"}}
            assert client.get("/v1/status").json()["pid"] == program.pid
            job_id = client.post(JOBS, json=good).json()["jobId"]
            assert program.follow_until(job_id)["status"] == "done"
            client.post(JOBS, json=[])
            client.get("/nowhere")
            client.post("/v1/companies/default/assets", content=b"x")
            with client.stream("GET", "/v1/companies/default/events"):
                pass  # and gone
        assert program.stop() == 0
        lines = [json.loads(line) for line in program.log.splitlines()]
        assert [line["message"] for line in lines if line["logger"] == "nexusd"] == ["ready", "told to stop", "stopped"]
        assert not [line for line in lines if "exception" in line or line["level"] in {"WARNING", "ERROR", "CRITICAL"}]


def test_a_stop_lets_running_jobs_end_and_answers_meanwhile(home: Path) -> None:
    with Program(home, environment={"NEXUSD_STOP_DRAIN_SECONDS": "60"}) as program, Gate(home / "gate") as gate:
        program.start()
        with program.client() as client:
            ended, cancelled = (submit_held(client, gate) for _ in range(2))
            waiting = client.post(JOBS, json=scripted(DONE)).json()["jobId"]
            program.send(signal.SIGTERM)
            program.wait_notice("STOPPING=1")
            assert client.get("/v1/health").status_code == 503
            assert client.post(f"{JOBS}/{cancelled}/cancel").json()["outcome"] == "cancelling"
            while client.get(f"{JOBS}/{cancelled}").json()["status"] == "running":
                pass  # streams are over, so it is asked again
            assert client.post(f"{JOBS}/{waiting}/cancel").status_code == 200
            assert program.process is not None
            assert program.process.poll() is None
            gate.let_through()
        assert program.wait() == 0
        rows = dict(program.query("SELECT id, status FROM content_jobs"))
        assert rows == {ended: "done", cancelled: "cancelled", waiting: "cancelled"}


def test_a_second_signal_hurries(home: Path) -> None:
    environment = {"NEXUSD_STOP_DRAIN_SECONDS": "600", "NEXUSD_TERMINATE_GRACE_SECONDS": "600"}
    with Program(home, environment=environment) as program, Gate(home / "gate") as gate:
        program.start()
        with program.client() as client:
            submit_held(client, gate, ("deafen",))
        program.send(signal.SIGTERM)
        program.wait_notice("STOPPING=1")
        began = time.monotonic()
        program.send(signal.SIGTERM)
        assert program.wait() == 0
        assert time.monotonic() - began < 10
        assert program.query("SELECT status, attempt, attempts_used FROM content_jobs") == [("queued", 1, 0)]
        assert living_children(program.state) == []


def test_the_time_for_running_jobs_is_bounded(home: Path) -> None:
    environment = {"NEXUSD_STOP_DRAIN_SECONDS": "1", "NEXUSD_TERMINATE_GRACE_SECONDS": "1"}
    with Program(home, environment=environment) as program, Gate(home / "gate") as gate:
        program.start()
        with program.client() as client:
            submit_held(client, gate, ("deafen",))
        began = time.monotonic()
        assert program.stop() == 0
        assert 2 <= time.monotonic() - began < 12
        assert program.query("SELECT status, attempts_used FROM content_jobs") == [("queued", 0)]


def submit_held(client: httpx.Client, gate: Gate, *before: tuple[str]) -> str:
    """Submit a job that waits at the gate, and return its id when it does."""
    steps = [*before, ("progress", 0.5, None), ("wait", gate.path), DONE]
    job_id: str = client.post(JOBS, json=scripted(*steps)).json()["jobId"]
    with client.stream("GET", f"{JOBS}/{job_id}/events") as stream:
        assert any(frame.event == "progress" or frame.data["job"]["progress"] for frame in iter_frames(stream))
    return job_id
