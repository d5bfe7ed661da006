"""A browser's own EventSource, unmodified, on our streams: in order, resumed after a crash, ended for good by a 204.

The page lies at the daemon's own address: from anywhere else a browser sends an Origin, and is refused.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.browser import open_forwarder, open_page
from tests.support.daemons import DEFAULT, JOBS, Program
from tests.support.scripted import DONE, Gate, scripted

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.debian]

PAGE: Final = "http://nexusd/v1/health"
WAITING: Final = scripted(DONE, job_type="other")
CLOSED: Final = 2


def add_waiting(program: Program, count: int) -> None:
    """Submit jobs that wait."""
    with program.client() as client:
        assert client.post(f"{JOBS}/batch", json={"items": [WAITING] * count}).status_code == 202


def test_a_page_gets_exactly_the_rest_after_a_crash(home: Path) -> None:
    with Program(home, environment={"NEXUSD_RUNNING_JOBS_PER_TYPE": '{"other": 0}'}) as program:
        program.start()
        add_waiting(program, 300)
        with open_forwarder(program.socket) as forwarder, open_page(home, forwarder) as page:
            page.visit(PAGE)
            page.follow(f"{DEFAULT}/events?after=0", "content_job.queued", "reset", "lagging", "snapshot.end")
            page.wait("seen.length >= 300")
            program.kill()
            page.wait("errors.length >= 1")
            program.start()
            add_waiting(program, 200)
            page.wait("seen.length >= 500")
            add_waiting(program, 1)
            page.wait("seen.length >= 501")
            seen, errors = page.run("seen"), page.run("errors")
        rows = program.query("SELECT id, type, data FROM events ORDER BY id")
        assert seen == [[event_id, kind, json.loads(data)] for event_id, kind, data in rows]
        assert CLOSED not in errors
        heads = [head for head in forwarder.heads if b"/events" in head]
        assert b"Last-Event-ID" not in heads[0]
        assert f"Last-Event-ID: {seen[299][0]}\r\n".encode() in heads[-1]
        assert program.stop() == 0


def test_a_204_ends_it_for_good(home: Path) -> None:
    with Program(home) as program, Gate(home / "gate") as gate:
        program.start()
        with program.client() as client:
            job_id = client.post(JOBS, json=scripted(("wait", gate.path), DONE)).json()["jobId"]
        with open_forwarder(program.socket) as forwarder, open_page(home, forwarder) as page:
            page.visit(PAGE)
            page.follow(f"{JOBS}/{job_id}/events", "status", "progress")
            page.wait("seen.length >= 1")
            gate.let_through()
            page.wait(f"errors.includes({CLOSED})")
            seen, errors, state = page.run("seen"), page.run("errors"), page.run("source.readyState")
        assert [data["job"]["status"] for _, _, data in seen][-1] == "done"
        assert sorted({number for number, _, _ in seen}) == [number for number, _, _ in seen]
        assert (errors, state) == ([0, CLOSED], CLOSED)
        asked = [head for head in forwarder.heads if job_id.encode() in head]
        assert len(asked) == 2
        assert f"Last-Event-ID: {seen[-1][0]}\r\n".encode() in asked[1]
        assert program.stop() == 0
