"""A story of several lives of a daemon: one is broken on purpose, the next makes it good. What clients are told is noted."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.connections import follow, post, send
from tests.support.daemons import ASSETS, DEFAULT, JOBS, living_children
from tests.support.forks import ForkedProgram
from tests.support.frames import iter_frames
from tests.support.oracle import Told, check
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import DONE, Gate, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.forks import Forge

ENOUGH = 20
"""More than the attempts that any job here may have."""


class Story:
    """The lives of one daemon, its one gate, and what clients were told."""

    def __init__(self, program: ForkedProgram, gate: Gate) -> None:
        self.program = program
        self.gate = gate
        self.acknowledged: list[str] = []
        self.cancels: list[tuple[str, str]] = []
        self.events: dict[int, tuple[int, str, Any]] = {}
        self._asking: list[threading.Thread] = []

    def spawn(self, failpoints: str = "") -> None:
        """Begin a life, with these failpoints."""
        self.program.notices()  # of a life that nobody listened to: its being ready is not this one's
        if failpoints:
            self.program.environment["NEXUSD_FAILPOINTS"] = failpoints
            self.program.spawn("--unsafe-failpoints")
        else:
            self.program.environment.pop("NEXUSD_FAILPOINTS", None)
            self.program.spawn()

    def start(self, failpoints: str = "") -> None:
        """Begin a life and wait until it is ready."""
        self.spawn(failpoints)
        self.program.wait_notice("READY=1")

    def post(self, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any] | None:
        """Ask; return the status and the document of the answer, None when the daemon died over it."""
        return post(self.program.socket, path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def post_json(self, path: str, document: object, **headers: str) -> tuple[int, Any] | None:
        """Ask with a document."""
        return self.post(path, json.dumps(document).encode(), Content_Type="application/json", **headers)

    def submit(self, *steps: tuple[Any, ...], key: str | None = None, **fields: Any) -> str | None:
        """Submit a job; return its id, None when that was not answered."""
        headers = {} if key is None else {"Idempotency_Key": key}
        if (answer := self.post_json(JOBS, scripted(*steps, **fields), **headers)) is None:
            return None
        status, accepted = answer
        assert status == 202, accepted
        job_id: str = accepted["jobId"]
        self.acknowledged.append(job_id)
        return job_id

    def submit_held(self, *last: tuple[Any, ...], **fields: Any) -> str:
        """Submit a job that waits at the gate, and return its id once it does: its child has a pid then."""
        job_id = self.submit(("progress", 0.5, None), ("wait", self.gate.path), *(last or (DONE,)), **fields)
        assert job_id is not None
        with self.program.client() as client, client.stream("GET", f"{JOBS}/{job_id}/events") as stream:
            assert any(frame.event == "progress" or frame.data["job"]["progress"] for frame in iter_frames(stream))
        return job_id

    def cancel(self, job_id: str) -> None:
        """Cancel a job, and note what that was answered with, if it was."""
        match self.post(f"{JOBS}/{job_id}/cancel"):
            case (200 | 202, told):
                self.cancels.append((job_id, told["outcome"]))
            case (409, problem):
                self.cancels.append((job_id, problem["jobStatus"]))

    def begin_cancel(self, job_id: str) -> None:
        """Cancel a job by somebody else, who waits for the answer as long as it takes."""
        asking = threading.Thread(target=self.cancel, args=(job_id,))
        self._asking.append(asking)
        asking.start()

    def upload(self, content: bytes = b"hello") -> str | None:
        """Upload a file; return its id, None when that was not answered."""
        answer = self.post(f"{ASSETS}?filename=a.txt", content, Content_Type="text/plain")
        return None if answer is None else answer[1]["id"]

    def send(self, method: str, path: str) -> tuple[int, Any] | None:
        """Ask without a body."""
        return send(self.program.socket, method, path)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Follow all events until the daemon ends or the block does, and note them."""
        begun = threading.Event()

        def watch() -> None:
            for frame in follow(self.program.socket, f"{DEFAULT}/events?after=0"):
                begun.set()
                if frame is not None and frame.event is not None and frame.id is not None:
                    self.events[frame.id] = (frame.id, frame.event, frame.data)
            begun.set()

        watcher = threading.Thread(target=watch)
        watcher.start()
        self._asking.append(watcher)
        assert begun.wait(HANG_SECONDS)
        yield

    def kill_children(self) -> None:
        """Kill every child from outside."""
        for pid in living_children(self.program.state):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def wait_killed(self) -> None:
        """Wait until the daemon has killed itself, which is the proof that the failpoint was reached."""
        assert self.program.wait() == -signal.SIGKILL, self.program.log

    def join(self) -> None:
        """Wait for everybody who still waits for an answer: those who ask a daemon that ended know by now."""
        for asking in self._asking:
            asking.join(HANG_SECONDS)
            assert not asking.is_alive()
        self._asking.clear()

    def finish(self) -> dict[str, dict[str, Any]]:
        """Live on without failpoints until every job is over and another one too; return the jobs, all found right."""
        self.start()
        self.join()
        check(self.program.state, at_rest=False)
        self.gate.let_through(ENOUGH)
        further = self.submit(DONE)
        assert further is not None
        ids = [job_id for (job_id,) in self.program.query("SELECT id FROM content_jobs")]
        jobs = {}
        for job_id in ids:
            self.program.follow_until(job_id)
            with self.program.client() as client:
                jobs[job_id] = client.get(f"{JOBS}/{job_id}").json()
        assert jobs[further]["status"] == "done", jobs.pop(further)
        jobs.pop(further)
        assert self.post("/v1/storage/gc", Content_Type="") is not None
        assert self.program.stop() == 0, self.program.log
        assert "Traceback" not in self.program.log
        check(self.program.state, Told(self.acknowledged, self.cancels, self.events.values()), is_collected=True)
        assert living_children(self.program.home) == []
        return jobs


@contextmanager
def open_story(home: Path, forge: Forge) -> Iterator[Story]:
    """Begin a story in `home`. On leaving, nothing of it lives."""
    program = ForkedProgram(home, forge=forge)
    with program, Gate(home / "gate") as gate:
        yield Story(program, gate)
