"""Event streams over HTTP: a snapshot, what comes after it, and exactly the rest for whoever comes back."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.support.daemons import ASSETS, DEFAULT, JOBS, Daemon, open_daemon
from tests.support.frames import Frame
from tests.support.patience import PROMPT_SECONDS
from tests.support.scripted import DONE, Gate, scripted
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


async def read_all(daemon: Daemon, path: str, last_event_id: int | None = None, **query: Any) -> list[Frame]:
    """Read a stream to its end."""
    async with daemon.follow(path, last_event_id, **query) as stream:
        return await stream.rest()


async def test_a_job_stream_is_a_snapshot_then_deltas_then_the_end(home: Path, gate: Gate) -> None:
    async with open_daemon(home) as daemon:
        steps = [("progress", 0.5, "half"), ("wait", gate.path), DONE]
        job_id = await daemon.submit(scripted(*steps))
        await daemon.wait_job(job_id, lambda job: job["progress"] == 0.5)
        async with daemon.follow(f"{JOBS}/{job_id}/events") as stream:
            [snapshot] = await stream.take(1)
            gate.let_through()
            rest = await stream.rest()
        assert snapshot.event == "status"
        assert snapshot.data["companyId"]
        assert snapshot.data["jobId"] == job_id
        assert (snapshot.data["job"]["status"], snapshot.data["job"]["progress"]) == ("running", 0.5)
        assert [(frame.event, frame.data["job"]["status"]) for frame in rest] == [("status", "done")]
        [again] = await read_all(daemon, f"{JOBS}/{job_id}/events")
        assert (again.event, again.data["job"]) == ("status", rest[-1].data["job"])
        assert (await daemon.get(job_id)).items() >= again.data["job"].items()


async def record(daemon: Daemon, gate: Gate) -> str:
    """Make a history: one job that is followed, others and assets of two companies in between. Return the job's id."""
    await daemon.add_company("other")
    wait = ("wait", gate.path)
    job_id = await daemon.submit(scripted(("progress", 0.1, None), wait, ("progress", 0.9, "é\n→"), wait, DONE))
    await daemon.submit(scripted(DONE), "other")
    await daemon.client.post(ASSETS, content=b"x")
    await daemon.wait_job(job_id, lambda job: job["progress"] == 0.1)
    await daemon.client.post("/v1/companies/other/assets", content=b"y")
    gate.let_through()
    await daemon.wait_job(job_id, lambda job: job["progress"] == 0.9)
    gate.let_through()
    await daemon.wait_status(job_id)
    queued = await daemon.submit(scripted(DONE, job_type="other"))
    await daemon.client.post(f"{JOBS}/{queued}/cancel")
    return job_id


async def wait_all_over(daemon: Daemon) -> int:
    """Wait until no job is left to tell of; return the highest event id, of the database: the hub may be a moment behind."""
    while True:
        status = (await daemon.client.get("/v1/status")).json()
        if not status["jobs"]["queued"] + status["jobs"]["running"]:
            return int(status["lastEventId"])
        await daemon.hub.wait_newer(status["lastEventId"])


async def test_every_cursor_gives_exactly_the_rest_also_after_a_restart(home: Path, gate: Gate) -> None:
    limits: dict[str, Any] = {"running_jobs_per_type": {"other": 0}}
    async with open_daemon(home, **limits) as daemon, daemon.follow(f"{DEFAULT}/events", after=0) as stream:
        job_id = await record(daemon, gate)
        live: list[Frame] = []
        while not live or live[-1].event != "content_job.cancelled":
            live += await stream.take(1)
    ids = [frame.id or 0 for frame in live]
    assert ids == sorted(set(ids))
    assert [frame.event for frame in live if frame.data["jobId"] == job_id] == [
        *("content_job.queued", "content_job.running", "content_job.progress", "content_job.progress"),
        *("asset.created", "content_job.done"),
    ]
    of_job = [
        Frame(frame.id, "progress" if frame.event == "content_job.progress" else "status", frame.data)
        for frame in live
        if frame.data["jobId"] == job_id and frame.event != "asset.created"
    ]
    async with open_daemon(home, **limits) as daemon:
        highest = daemon.hub.highest_event_id
        assert highest > ids[-1] - 1
        for cursor in range(highest + 1):
            rest = [frame for frame in of_job if (frame.id or 0) > cursor]
            path = f"{JOBS}/{job_id}/events"
            if rest:
                assert await read_all(daemon, path, cursor) == rest
                assert await read_all(daemon, path, after=cursor) == rest
                assert await read_all(daemon, path, cursor, after=0) == rest
            else:
                answer = await daemon.client.get(path, headers={"Last-Event-ID": str(cursor)})
                assert (answer.status_code, answer.content) == (204, b"")
            wanted = [frame for frame in live if (frame.id or 0) > cursor]
            async with daemon.follow(f"{DEFAULT}/events", cursor) as stream:
                assert await stream.take(len(wanted)) == wanted
            types = ["content_job.done", "asset.created"]
            wanted = [frame for frame in wanted if frame.event in types]
            async with daemon.follow(f"{DEFAULT}/events", cursor, types=types) as stream:
                assert await stream.take(len(wanted)) == wanted


OLDEST_OF_DEFAULT = "SELECT min(e.id) FROM events e JOIN companies c ON c.id = e.company_id WHERE c.slug = 'default'"
"""What is kept begins with event 6, which may be another company's."""


async def test_a_cursor_out_of_bounds_is_told_and_starts_anew(home: Path, gate: Gate) -> None:
    async with open_daemon(home, running_jobs_per_type={"other": 0}) as daemon:
        job_id = await record(daemon, gate)
        highest = await wait_all_over(daemon)

        def prune(connection: Any) -> None:
            connection.exec_driver_sql("UPDATE event_retention SET pruned_through = 5")
            connection.exec_driver_sql("DELETE FROM events WHERE id <= 5")

        await daemon.database.write(prune)
        for cursor, reason in ((0, "pruned"), (4, "pruned"), (highest + 1, "future"), (10**18, "future")):
            wanted = {"reason": reason, "requested": cursor, "resumedFrom": highest, "oldestAvailable": 6}
            reset, status = await read_all(daemon, f"{JOBS}/{job_id}/events", cursor)
            assert reset == Frame(None, "reset", wanted)
            assert (status.id, status.event, status.data["job"]["status"]) == (highest, "status", "done")
            end = Frame(highest, "snapshot.end", {"jobs": 0, "complete": True, "resumedFrom": highest})
            for every in (f"{DEFAULT}/events", "/v1/events"):
                async with daemon.follow(every, cursor) as stream:
                    assert await stream.take(2) == [Frame(None, "reset", wanted), end]
        async with daemon.follow(f"{DEFAULT}/events", 5) as stream:
            [first] = await stream.take(1)
            assert [(first.id,)] == ask(daemon.state / "nexusd.db", OLDEST_OF_DEFAULT)
        async with daemon.follow(f"{DEFAULT}/events") as stream:
            assert await stream.take(1) == [Frame(highest)]
            asset = (await daemon.client.post(ASSETS, content=b"z")).json()
            [frame] = await stream.take(1)
            assert (frame.event, frame.data["asset"]) == ("asset.created", asset)


async def test_a_stream_of_everything_begins_with_a_snapshot_if_asked(home: Path, gate: Gate) -> None:
    async with open_daemon(home, running_jobs=1) as daemon:
        await daemon.add_company("acme")
        running = await daemon.submit(scripted(("wait", gate.path), DONE))
        await daemon.wait_status(running, "running")
        queued = await daemon.submit(scripted(DONE), "acme")
        async with daemon.follow("/v1/events", snapshot="active") as stream:
            first, second, end = await stream.take(3)
            assert [(frame.id, frame.event, frame.data["jobId"]) for frame in (first, second)] == [
                (None, "snapshot", running),
                (None, "snapshot", queued),
            ]
            assert first.data["job"]["status"] == "running"
            assert (end.event, end.data) == ("snapshot.end", {"jobs": 2, "complete": True, "resumedFrom": end.id})
            gate.let_through()
            live: list[Frame] = []
            while [frame.event for frame in live].count("content_job.done") < 2:
                live += await stream.take(1)
        async with daemon.follow("/v1/events", end.id, snapshot="active") as stream:
            assert await stream.take(len(live)) == live
        async with daemon.follow("/v1/companies/acme/events", snapshot="active", types="content_job.done") as stream:
            assert [frame.event for frame in await stream.take(1)] == ["snapshot.end"]
        async with daemon.follow("/v1/events", types=["content_job.done"], after=0) as stream:
            assert await stream.take(2) == [frame for frame in live if frame.event == "content_job.done"]


async def test_a_reader_of_http_1_0_gets_a_stream_without_chunks(home: Path) -> None:
    async with open_daemon(home, running_jobs_per_type={"scripted": 0}) as daemon:
        connection = await trio.open_unix_socket(str(daemon.settings.socket))
        await connection.send_all(b"GET /v1/events?after=0 HTTP/1.0\r\nHost: nexusd\r\n\r\n")
        said = await connection.receive_some(65536)
        await daemon.submit(scripted(DONE))
        while not said.endswith(b"}\n\n"):
            said += await connection.receive_some(65536)
        await connection.aclose()
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert body.startswith(b"retry: 1000\n\nid: 1\nevent: content_job.queued\ndata: {")


async def test_a_long_history_is_read_in_pages_without_a_seam(home: Path) -> None:
    async with open_daemon(home, running_jobs_per_type={"scripted": 0}) as daemon:
        for _ in range(3):
            answer = await daemon.client.post(f"{JOBS}/batch", json={"items": [scripted()] * 1000})
            assert answer.status_code == 202
        first = daemon.hub.highest_event_id - 3000
        async with daemon.follow(f"{DEFAULT}/events", first) as stream:
            assert [frame.id for frame in await stream.take(3000)] == list(range(first + 1, first + 3001))


async def test_the_stop_ends_streams_at_once_whoever_does_not_read(home: Path, gate: Gate) -> None:
    async with open_daemon(home, running_jobs_per_type={"other": 0}) as daemon:
        job_id = await daemon.submit(scripted(("wait", gate.path), DONE))
        await daemon.wait_status(job_id, "running")
        many = {"items": [scripted(job_type="other", sourceTaskId="x" * 255)] * 1000}
        await daemon.client.post(f"{JOBS}/batch", json=many)  # more than the sockets of silent readers hold
        last: list[Frame] = []
        opened = 0
        all_opened = trio.Event()

        async def read(path: str) -> None:
            nonlocal opened
            async with daemon.follow(path) as stream:
                await stream.take(1)
                opened += 1
                if opened == 40:
                    all_opened.set()
                last.append((await stream.rest())[-1])

        with socket_pile(daemon, 10) as deaf:
            for connection in deaf:
                connection.sendall(f"GET {DEFAULT}/events?after=0 HTTP/1.1\r\nHost: nexusd\r\n\r\n".encode())
            async with trio.open_nursery() as nursery:
                for number in range(40):
                    nursery.start_soon(read, f"{DEFAULT}/events" if number % 2 else f"{JOBS}/{job_id}/events")
                await all_opened.wait()
                began = trio.current_time()
                daemon.stopping.set()
        assert trio.current_time() - began < PROMPT_SECONDS
        assert [(frame.id, frame.event) for frame in last] == [(None, "server.stopping")] * 40
        assert last[0].data == {"retryAfterSeconds": 1}


@contextmanager
def socket_pile(daemon: Daemon, count: int) -> Iterator[list[socket.socket]]:
    """Open connections that read nothing unless asked."""
    with ExitStack() as stack:
        pile = [stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) for _ in range(count)]
        for connection in pile:
            connection.connect(str(daemon.settings.socket))
        yield pile


def count_sockets() -> int:
    """Return how many sockets this process has open; the readers of the database come and go as they like."""
    count = 0
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the listing itself
            count += os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
    return count


async def test_readers_that_leave_leave_nothing_behind(home: Path, gate: Gate) -> None:
    async with open_daemon(home) as daemon:
        job_id = await daemon.submit(scripted(("wait", gate.path), DONE))
        await daemon.wait_status(job_id, "running")

        async def come_and_go(count: int) -> None:
            for number in range(count):
                async with daemon.follow(f"{DEFAULT}/events" if number % 2 else f"{JOBS}/{job_id}/events") as stream:
                    await stream.take(1)
            with trio.fail_after(PROMPT_SECONDS):  # before a keep-alive would find out
                while (await daemon.client.get("/v1/status")).json()["requestsOpen"] > 1:  # noqa: ASYNC110 - counted there only
                    await trio.sleep(0.01)

        await come_and_go(4)
        tasks, sockets = trio.lowlevel.current_statistics().tasks_living, count_sockets()
        await come_and_go(100)
        assert trio.lowlevel.current_statistics().tasks_living <= tasks
        assert count_sockets() <= sockets
        gate.let_through()
        await daemon.wait_status(job_id)
