"""The event streams as clients read them that are not ours and know nothing of us, over the Unix socket."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import httpx_sse
import pytest
import sseclient

from tests.support.daemons import DEFAULT, JOBS, Program
from tests.support.scripted import DONE, Gate, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Event:
    """What a client makes of a frame."""

    id: int
    name: str
    data: Any


class Read(Protocol):
    """A way to read a stream."""

    def __call__(self, client: httpx.Client, path: str, headers: dict[str, str]) -> Iterator[Event]: ...


def read_by_httpx_sse(client: httpx.Client, path: str, headers: dict[str, str]) -> Iterator[Event]:
    with httpx_sse.connect_sse(client, "GET", path, headers=headers) as source:
        for event in source.iter_sse():
            if event.data:  # it passes on keep-alives too
                yield Event(int(event.id or 0), event.event, event.json())


def read_by_sseclient(client: httpx.Client, path: str, headers: dict[str, str]) -> Iterator[Event]:
    headers = {"Accept": "text/event-stream", **headers}
    with client.stream("GET", path, headers=headers) as answer:
        for event in sseclient.SSEClient(answer.iter_bytes()).events():
            yield Event(int(event.id or 0), event.event, json.loads(event.data))


LIBRARIES: Final[dict[str, Read]] = {"httpx-sse": read_by_httpx_sse, "sseclient-py": read_by_sseclient}


@pytest.fixture(params=LIBRARIES)
def read(request: pytest.FixtureRequest) -> Read:
    return LIBRARIES[str(request.param)]


@contextmanager
def following(program: Program, read: Read, path: str, last: int | None = None) -> Iterator[Iterator[Event]]:
    """Open a stream with a client, after an event or not."""
    with program.client() as client:
        yield read(client, path, {} if last is None else {"Last-Event-ID": str(last)})


def stored(program: Program, where: str, *values: object) -> list[Event]:
    """Return what the table has."""
    rows = program.query(f"SELECT id, type, data FROM events WHERE {where} ORDER BY id", *values)
    return [Event(event_id, kind, json.loads(data)) for event_id, kind, data in rows]


def test_a_company_is_followed_and_resumed_across_a_crash(home: Path, read: Read) -> None:
    with Program(home, environment={"NEXUSD_RUNNING_JOBS": "1"}) as program, Gate(home / "gate") as gate:
        program.start()
        with program.client() as client:
            for _ in range(3):
                client.post(JOBS, json=scripted(("progress", 0.5, "ä\u2028b\r\n"), ("wait", gate.path), DONE))
        seen: list[Event] = []
        with following(program, read, f"{DEFAULT}/events?after=0") as events:
            for event in events:
                seen.append(event)
                if event.name == "content_job.progress":
                    break
        program.kill()
        program.start()
        gate.let_through(3)
        ends = 0
        with following(program, read, f"{DEFAULT}/events", seen[-1].id) as events:
            for event in events:
                seen.append(event)
                ends += event.name == "content_job.done"
                if ends == 3:
                    break
        assert seen == stored(program, "id <= ?", seen[-1].id)
        assert program.stop() == 0


def test_a_job_is_followed_to_its_end_and_then_there_is_nothing(home: Path, read: Read) -> None:
    with Program(home) as program, Gate(home / "gate") as gate:
        program.start()
        with program.client() as client:
            job_id = client.post(JOBS, json=scripted(("progress", 0.5, None), ("wait", gate.path), DONE)).json()["jobId"]
            path = f"{JOBS}/{job_id}/events"
            with following(program, read, path) as events:
                first = next(events)
                gate.let_through()
                seen = list(events)
            assert first.name == "status"
            rows = stored(program, "job_id = ? AND asset_id IS NULL AND id > ?", job_id, first.id)
            names = [{"content_job.progress": "progress"}.get(row.name, "status") for row in rows]
            assert seen == [Event(row.id, name, row.data) for row, name in zip(rows, names, strict=True)]
            assert seen[-1].data["job"]["status"] == "done"
            assert client.get(path, headers={"Last-Event-ID": str(seen[-1].id)}).status_code == 204
        assert program.stop() == 0


def test_what_cannot_be_resumed_is_told_and_followed_by_what_there_is(home: Path, read: Read) -> None:
    with Program(home, environment={"NEXUSD_RUNNING_JOBS_PER_TYPE": '{"other": 0}'}) as program:
        program.start()
        with program.client() as client:
            job_id = client.post(JOBS, json=scripted(DONE, job_type="other")).json()["jobId"]
        with following(program, read, f"{JOBS}/{job_id}/events?after=900") as events:
            reset, status = next(events), next(events)
        assert (reset.name, reset.data["reason"], reset.data["requested"]) == ("reset", "future", 900)
        assert (status.name, status.id) == ("status", reset.data["resumedFrom"])
        assert status.data["job"]["id"] == job_id
        assert program.stop() == 0
