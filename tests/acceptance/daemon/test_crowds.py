"""Many who follow at once: those who never read cost a bounded amount, hold nobody up, and leave nothing behind."""

from __future__ import annotations

import select
import signal
import socket
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.daemons import DEFAULT, JOBS, Program
from tests.support.frames import iter_frames
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from tests.support.frames import Frame

pytestmark = pytest.mark.slow

NOTHING_RUNS: Final = {"NEXUSD_RUNNING_JOBS_PER_TYPE": '{"scripted": 0}'}
LONG: Final = "x" * 255
DEAF: Final = 200
CYCLES: Final = 1000
EVENTS: Final = 2000
WARM_UP_ROUNDS: Final = 2
DEAF_MAX_BYTES: Final = 64 * 1024 * 1024
"""What 200 that never read may cost: a piece of 64 KiB each, as it is and as it is framed, are 25 MiB of it."""
LEFT_MAX_BYTES: Final = 12 * 1024 * 1024
"""What the allocator may keep: it gives back only what is free as a whole. The pieces alone would be twice as much."""


def resident_bytes(program: Program) -> int:
    """Return a daemon's memory."""
    status = Path(f"/proc/{program.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) * 1024


def count_sockets(program: Program) -> int:
    """Return how many sockets it has open; its connections to the database come and go as they like."""
    count = 0
    for descriptor in Path(f"/proc/{program.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return once the kernel says so, which tells nobody."""
    with ExitStack() as stack:
        waiting = stack.enter_context(select.epoll())
        end_at = time.monotonic() + HANG_SECONDS
        while not is_so():
            assert time.monotonic() < end_at
            waiting.poll(0.01)


def connect(program: Program, path: str) -> socket.socket:
    """Ask for a stream."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(HANG_SECONDS)
    connection.connect(str(program.socket))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: nexusd\r\n\r\n".encode())
    return connection


@contextmanager
def crowd(program: Program, count: int, paths: list[str]) -> Iterator[list[socket.socket]]:
    """Ask for so many streams, and read as far as the first byte of each."""
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(program, paths[number % len(paths)])) for number in range(count)]
        for connection in connections:
            assert connection.recv(1) == b"H"
        yield connections


def read_end(connection: socket.socket) -> bytes:
    """Return everything up to the end."""
    with connection.makefile("rb") as file:
        return file.read()


def submit(client: httpx.Client, count: int) -> None:
    """Make events of about a kibibyte each."""
    answer = client.post(f"{JOBS}/batch", json={"items": [scripted(sourceTaskId=LONG)] * count})
    assert answer.status_code == 202


def take(frames: Iterator[Frame], last_id: int) -> list[int]:
    """Return the ids of the frames up to one."""
    ids: list[int] = []
    while not ids or ids[-1] < last_id:
        frame = next(frames)
        if frame.event is not None and frame.id is not None:
            ids.append(frame.id)
    return ids


def endure(program: Program, client: httpx.Client, frames: Iterator[Frame], last: int) -> int:
    """Have a crowd that never reads beside somebody who does, and one that comes and goes; return the most memory seen."""
    with crowd(program, DEAF, ["/v1/events", "/v1/events?after=0"]):
        for number in range(EVENTS // 1000):
            submit(client, 1000)
            first = last + number * 1000 + 1
            assert take(frames, first + 999) == list(range(first, first + 1000))
        most = resident_bytes(program)
    for number in range(CYCLES):
        with connect(program, ("/v1/events", f"{DEFAULT}/events?after=0")[number % 2]) as connection:
            assert number % 3 or connection.recv(1) == b"H"  # some leave before they are answered
    wait_until(lambda: client.get("/v1/status").json()["requestsOpen"] == 2)
    return most


def test_readers_that_never_read_cost_little_and_leave_nothing(home: Path) -> None:
    with Program(home, environment=NOTHING_RUNS) as program:
        program.start()
        with program.client() as client, program.client() as quick, quick.stream("GET", "/v1/events") as stream:
            frames = iter_frames(stream)
            assert next(frames).id == 0
            for number in range(WARM_UP_ROUNDS):  # so that all that is made once has been made, and caches are full
                endure(program, client, frames, number * EVENTS)
            memory, sockets = resident_bytes(program), count_sockets(program)
            most = endure(program, client, frames, WARM_UP_ROUNDS * EVENTS)
            assert most - memory < DEAF_MAX_BYTES
            wait_until(lambda: count_sockets(program) <= sockets)
            assert resident_bytes(program) - memory < LEFT_MAX_BYTES
        assert program.stop() == 0
        assert "Traceback" not in program.log


def test_a_stop_ends_two_hundred_streams_within_a_second(home: Path) -> None:
    with Program(home, environment=NOTHING_RUNS) as program:
        # A busy machine spoils one round, a daemon that waits for somebody spoils them all.
        seconds = [stop_under_a_crowd(program) for _ in range(3)]
    streams, exits = zip(*seconds, strict=True)
    assert min(streams) <= 1
    assert min(exits) <= 2


def stop_under_a_crowd(program: Program) -> tuple[float, float]:
    """Return how many seconds after the signal the last stream of a reader ended, and the daemon; check how they ended."""
    program.start()
    with program.client() as client:
        submit(client, 1000)
        job_id = client.post(JOBS, json=scripted()).json()["jobId"]
        with (
            crowd(program, 20, ["/v1/events?after=0"]),  # who take nothing of more than a socket holds
            crowd(program, 180, ["/v1/events", f"{DEFAULT}/events", f"{JOBS}/{job_id}/events"]) as reading,
        ):
            began = time.monotonic()
            program.send(signal.SIGTERM)
            said = [read_end(connection) for connection in reading]
            streams_seconds = time.monotonic() - began
            assert program.wait() == 0
            exit_seconds = time.monotonic() - began
    assert all(text.count(b"event: server.stopping\n") == 1 and text.endswith(b"\r\n0\r\n\r\n") for text in said)
    return streams_seconds, exit_seconds


@pytest.mark.parametrize("failpoint", ["store.commit.after:create=kill9", "hub.publish.before=kill9@2"])  # once at the start
def test_an_event_whose_wake_up_was_lost_in_a_crash_is_told_after_it(home: Path, failpoint: str) -> None:
    with Program(home, environment=NOTHING_RUNS) as program:
        program.start()
        with program.client() as client:
            client.post(JOBS, json=scripted())
        assert program.stop() == 0
        program.environment["NEXUSD_FAILPOINTS"] = failpoint
        program.start("--unsafe-failpoints")
        with connect(program, "/v1/events") as following:
            said = b""
            while not said.endswith(b"id: 1\n\n\r\n"):
                said += following.recv(65536)
            with program.client() as client, pytest.raises(Exception, match="disconnected"):
                client.post(JOBS, json=scripted())
            assert program.wait() == -signal.SIGKILL
            assert following.recv(65536) == b""  # committed, and nobody was told
        del program.environment["NEXUSD_FAILPOINTS"]
        program.start()
        [(last,)] = program.query("SELECT max(id) FROM events")
        assert last == 2
        with program.client() as client, client.stream("GET", "/v1/events", headers={"Last-Event-ID": "1"}) as stream:
            assert take(iter_frames(stream), 2) == [2]
        assert program.stop() == 0
