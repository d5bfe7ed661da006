"""A log that is followed over HTTP: what is there, what comes, and the end; every byte once, over attempts and connections."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import trio

from tests.support.daemons import JOBS, Daemon, check_problem, living_children, open_daemon, wait_until
from tests.support.frames import Frame, Stream
from tests.support.holds import holding_at
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import DONE, Gate, scripted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator
    from pathlib import Path

    import httpx

pytestmark = pytest.mark.slow

TEXT = "one ü\nzwei 漢字 🙂\n"
SECOND = 1 << 40
"""Where the second attempt's log begins, as an id."""


@pytest.fixture
def gate(home: Path) -> Iterator[Gate]:
    """Return a gate that jobs can wait at."""
    with Gate(home / "gate") as gate:
        yield gate


@asynccontextmanager
async def follow(daemon: Daemon, job_id: str, position: int | None = None, **query: Any) -> AsyncGenerator[Stream, None]:
    """Open the log as an event stream."""
    headers = {"Accept": "text/event-stream"} | ({} if position is None else {"Last-Event-ID": str(position)})
    target = f"{JOBS}/{job_id}/log?{urlencode({'follow': 'true', **query})}"
    with trio.fail_after(HANG_SECONDS):
        async with await trio.open_unix_socket(str(daemon.settings.socket)) as connection:
            stream = Stream(connection, target, headers)
            await stream.begin()
            yield stream


async def take_text(stream: Stream, wanted: str) -> list[Frame]:
    """Return the frames up to the one with which their text is what is wanted."""
    frames: list[Frame] = []
    while text_of(frames) != wanted:
        assert wanted.startswith(text_of(frames)), frames
        frames += await stream.take(1)
    return frames


def text_of(frames: list[Frame]) -> str:
    """Return the text of the pieces among the frames."""
    return "".join(frame.data["text"] for frame in frames if frame.event == "log")


@asynccontextmanager
async def follow_bytes(daemon: Daemon, job_id: str, **query: Any) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """Open the log as a plain answer."""
    path = f"{JOBS}/{job_id}/log"
    with trio.fail_after(HANG_SECONDS):
        async with daemon.client.stream("GET", path, params={"follow": "true", **query}) as answer:
            check_head(answer, "application/octet-stream" if "raw" in query else "text/plain; charset=utf-8")
            yield answer.aiter_raw()  # closed with the answer


def check_head(answer: httpx.Response, content_type: str) -> None:
    """Check the head of an answer that goes on."""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == content_type
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-length" not in answer.headers


async def read_bytes(daemon: Daemon, job_id: str, **query: Any) -> bytes:
    """Return the whole of a plain answer."""
    async with follow_bytes(daemon, job_id, **query) as body:
        return b"".join([chunk async for chunk in body])


async def say(daemon: Daemon, text: str) -> str:
    """Return a job that is over and has written this; a print adds the last newline."""
    job_id = await daemon.submit(scripted(("say", text.removesuffix("\n")), DONE))
    await daemon.wait_status(job_id)
    return job_id


async def test_a_log_is_told_as_it_grows_from_before_the_first_attempt_to_the_end(home: Path, gate: Gate) -> None:
    async with open_daemon(home) as daemon:
        await daemon.client.post("/v1/queue/pause", json={})
        steps = [("say", "before"), ("wait", gate.path), ("say", TEXT), ("wait", gate.path), ("say", "after"), DONE]
        job_id = await daemon.submit(scripted(*steps))
        async with follow(daemon, job_id) as stream, follow_bytes(daemon, job_id, raw="true") as raw:
            await daemon.client.post("/v1/queue/resume", json={})
            frames = await take_text(stream, "before\n")
            assert await anext(raw) == b"before\n"
            gate.let_through()
            frames += await take_text(stream, f"{TEXT}\n")
            gate.let_through()
            frames += await stream.rest()
            rest = b"".join([chunk async for chunk in raw])
        log = (daemon.state / "logs" / job_id / "1.log").read_bytes()
        as_it_is = await daemon.client.get(f"{JOBS}/{job_id}/log?follow=true&raw=true", headers={"Accept": "text/event-stream"})
        assert (as_it_is.headers["content-type"], as_it_is.content) == ("application/octet-stream", log)  # no text can hold it
        assert text_of(frames).encode() == log == f"before\n{TEXT}\nafter\n".encode()
        assert b"before\n" + rest == log
        *pieces, end = frames
        offset = 0
        for piece in pieces:
            size = len(piece.data["text"].encode())
            wanted = {"attempt": 1, "offset": offset, "nextOffset": offset + size, "text": piece.data["text"]}
            assert piece == Frame(offset + size, "log", wanted)
            offset += size
        assert end == Frame(len(log), "end", {"attempt": 1, "status": "done", "complete": True})
        assert daemon.hub._logs == {}


async def test_from_every_place_exactly_the_rest(home: Path) -> None:
    async with open_daemon(home) as daemon:
        job_id = await say(daemon, TEXT)
        log = TEXT.encode()
        for offset in range(len(log) + 2):
            assert await read_bytes(daemon, job_id, raw="true", offset=offset) == log[offset:]
            text = log[offset:].decode("utf-8", "replace")
            assert await read_bytes(daemon, job_id, offset=offset) == text.encode()
            async with follow(daemon, job_id, offset=offset) as stream:
                frames = await stream.rest()
            assert text_of(frames) == text
            assert frames[-1].event == "end"
            if offset < len(log):
                async with follow(daemon, job_id, offset) as stream:
                    assert await stream.rest() == frames
                async with follow(daemon, job_id, offset, offset=3) as stream:
                    assert await stream.rest() == frames
            else:
                path = f"{JOBS}/{job_id}/log?follow=true"
                headers = {"Accept": "text/event-stream", "Last-Event-ID": str(offset)}
                answer = await daemon.client.get(path, headers=headers)
                assert (answer.status_code, answer.content) == (204, b"")


async def test_a_character_that_is_cut_is_told_when_it_is_whole(home: Path, gate: Gate) -> None:
    async with open_daemon(home) as daemon:
        job_id = await daemon.submit(scripted(("say", "x"), ("wait", gate.path), DONE))
        async with follow(daemon, job_id) as stream:
            [first] = await take_text(stream, "x\n")
            path = daemon.state / "logs" / job_id / "1.log"
            for part in (b"a\xe6\xbc", b"\xa2b", b"c\xf0\x9f"):
                with path.open("ab") as log:
                    log.write(part)
                daemon.hub.publish_log(job_id)
                if part != b"c\xf0\x9f":
                    [piece] = await stream.take(1)
                    assert piece.data["text"] == ("a" if part[:1] == b"a" else "漢b")
            [piece] = await stream.take(1)
            assert piece.data["text"] == "c"
            gate.let_through()
            last, end = await stream.rest()
        assert (first.id, piece.id) == (2, 8)
        assert last == Frame(10, "log", {"attempt": 1, "offset": 8, "nextOffset": 10, "text": "\ufffd"})
        assert end.id == 10


async def test_what_was_cut_is_told_before_the_end_and_the_end_not_before_it_is_stored(home: Path) -> None:
    async with open_daemon(home, log_max_bytes=1024) as daemon:
        with holding_at("runner.settle.before") as hold:
            job_id = await daemon.submit(scripted(("say", "x" * 5000), DONE))
            whole = "x" * 1024 + "\n[nexusd: 3977 more bytes were cut]\n"
            async with follow(daemon, job_id) as stream:
                await hold.reached.wait()
                await take_text(stream, whole)
                hold.let_go()
                [end] = await stream.rest()
        assert end.data == {"attempt": 1, "status": "done", "complete": True}
        assert (await read_bytes(daemon, job_id)).decode() == whole


async def test_a_follower_goes_on_with_the_next_attempt(home: Path, gate: Gate) -> None:
    async with open_daemon(home) as daemon:
        job_id = await daemon.submit(scripted(("say", "ü"), ("wait", gate.path), ("say", "end"), DONE))
        await daemon.wait_status(job_id, "running")
        async with follow(daemon, job_id) as stream, follow(daemon, job_id, attempt=1) as first:
            frames = await take_text(stream, "ü\n")
            kill_children(daemon)
            assert [frame.data for frame in (await first.rest())[-1:]] == [{"attempt": 1, "status": "queued", "complete": True}]
            frames += await take_text(stream, "ü\n")
            gate.let_through()
            frames += await stream.rest()
        assert text_of(frames) == "ü\nü\nend\n"
        *_, last, end = frames
        assert [(frame.id, frame.data["attempt"], frame.data["offset"]) for frame in frames[:2]] == [
            (3, 1, 0),
            (SECOND + 3, 2, 0),
        ]
        assert last.id == SECOND + 7
        assert end == Frame(SECOND + 7, "end", {"attempt": 2, "status": "done", "complete": True})
        for position, text in ((0, "ü\nü\nend\n"), (3, "ü\nend\n"), (SECOND, "ü\nend\n"), (SECOND + 3, "end\n")):
            async with follow(daemon, job_id, position) as stream:
                assert text_of(await stream.rest()) == text
        for position, text in ((0, "ü\n"), (SECOND, "ü\n")):  # an id of another attempt's log is no place in this one
            async with follow(daemon, job_id, position, attempt=1) as stream:
                assert text_of(await stream.rest()) == text
        async with follow(daemon, job_id, 7 * SECOND + 5) as stream:  # an attempt of another database
            assert [frame.data["attempt"] for frame in await stream.rest()] == [2, 2]
        assert await read_bytes(daemon, job_id) == "ü\nend\n".encode()
        assert await read_bytes(daemon, job_id, attempt=1, raw="true") == "ü\n".encode()


def kill_children(daemon: Daemon) -> None:
    """Kill what runs from outside: another attempt can mend that."""
    for pid in living_children(daemon.state):
        os.kill(pid, signal.SIGKILL)


async def test_a_job_that_never_started(home: Path) -> None:
    async with open_daemon(home, running_jobs_per_type={"scripted": 0}) as daemon:
        job_id = await daemon.submit(scripted(DONE))
        async with follow(daemon, job_id) as stream, follow_bytes(daemon, job_id) as body:
            await daemon.client.post(f"{JOBS}/{job_id}/cancel")
            assert await stream.rest() == [Frame(0, "end", {"attempt": None, "status": "cancelled", "complete": True})]
            assert [chunk async for chunk in body] == []
        headers = {"Accept": "text/event-stream", "Last-Event-ID": "0"}
        answer = await daemon.client.get(f"{JOBS}/{job_id}/log?follow=true", headers=headers)
        assert answer.status_code == 204


async def test_the_stop_ends_it_and_says_so(home: Path, gate: Gate) -> None:
    async with open_daemon(home) as daemon:
        job_id = await daemon.submit(scripted(("say", "x"), ("wait", gate.path), DONE))
        queued = await daemon.submit(scripted(("wait", gate.path), DONE, job_type="other"))
        async with (
            follow(daemon, job_id) as stream,
            follow(daemon, queued) as other,
            follow_bytes(daemon, job_id) as body,
        ):
            await take_text(stream, "x\n")
            assert await anext(body) == b"x\n"
            daemon.stopping.set()
            stopping = Frame(None, "server.stopping", {"retryAfterSeconds": 1})
            assert await stream.rest() == [stopping]
            assert await other.rest() == [stopping]
            assert [chunk async for chunk in body] == []
    async with open_daemon(home) as daemon:
        gate.let_through(4)
        async with follow(daemon, job_id, 2) as stream:
            frames = await stream.rest()
        assert frames[-1].data == {"attempt": 2, "status": "done", "complete": True}
        assert text_of(frames) == "x\n"


async def test_a_flood_comes_in_joined_pieces(home: Path) -> None:
    lines = 3000
    async with open_daemon(home) as daemon:
        job_id = await daemon.submit(scripted(*(("say", f"line {number}") for number in range(lines)), DONE))
        async with follow(daemon, job_id) as stream:
            frames = await stream.rest()
        assert text_of(frames) == "".join(f"line {number}\n" for number in range(lines))
        assert len(frames) < lines / 20


async def test_a_reader_that_reads_nothing_holds_nobody(home: Path, gate: Gate) -> None:
    async with open_daemon(home) as daemon:
        size = 1_000_000  # more than the sockets hold
        job_id = await daemon.submit(scripted(("say", "x" * size), ("wait", gate.path), DONE))
        async with follow(daemon, job_id) as deaf:
            log = daemon.state / "logs" / job_id / "1.log"
            await wait_until(lambda: log.exists() and log.stat().st_size == size + 1)
            gate.let_through()
            await daemon.wait_status(job_id)
            assert len(await read_bytes(daemon, job_id)) == size + 1
            frames = await deaf.rest()
        assert text_of(frames) == "x" * size + "\n"
        assert max(len(frame.data["text"]) for frame in frames if frame.event == "log") <= 64 * 1024


async def test_what_is_asked_wrongly_is_refused_before_a_stream_begins(home: Path) -> None:
    async with open_daemon(home, running_jobs_per_type={"scripted": 0}) as daemon:
        await daemon.add_company("other")
        job_id = await daemon.submit(scripted(DONE))
        headers = {"Accept": "text/event-stream"}
        for path in (f"{JOBS}/nobody/log", f"/v1/companies/other/content-jobs/{job_id}/log", f"{JOBS}/{job_id}/log?attempt=1"):
            together = f"{path}{'&' if '?' in path else '?'}follow=true"
            for accepted in (headers, {}):
                check_problem(await daemon.client.get(together, headers=accepted), 404, "not-found")
        wrong = {**headers, "Last-Event-ID": "x"}
        check_problem(await daemon.client.get(f"{JOBS}/{job_id}/log?follow=true", headers=wrong), 400, "malformed-request")
