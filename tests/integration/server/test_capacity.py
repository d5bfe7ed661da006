"""Too many of anything, and strangers: refused or waited out, and over when the cause is.

Source: RELIABILITY rows 13 and 40.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from nexusd.server import Limits, Peer
from tests.integration.server.support import (
    HELLO,
    RawClient,
    SampleApplication,
    open_server,
    private_directory,
    wait_until,
)
from tests.support.patience import PROMPT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTORS = 40
CROWD = 80


async def test_a_stranger_is_closed_before_a_byte_is_read(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Peer] = []

    def admit(peer: Peer) -> bool:
        seen.append(peer)
        return False

    application = SampleApplication()
    async with open_server(application, admit=admit) as server:
        for _ in range(10):
            async with await server.connect() as client:
                assert await client.read_end() == b""
    assert seen == [Peer(os.getpid(), os.getuid(), os.getgid())] * 10
    assert application.calls == 0
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


def connect_as(uid: int, path: Path) -> socket.socket:
    """Connect with another effective uid and gid; the kernel notes them at this moment."""
    client = socket.socket(socket.AF_UNIX)
    os.setegid(uid)
    os.seteuid(uid)
    try:
        client.connect(os.fspath(path))
    finally:
        os.seteuid(0)
        os.setegid(0)
    return client


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_another_uid_is_seen_as_itself() -> None:
    seen: list[Peer] = []

    def admit(peer: Peer) -> bool:
        seen.append(peer)
        return peer.uid == os.geteuid()

    async with open_server(SampleApplication(), admit=admit) as server:
        os.chmod(server.path.parent, 0o755)  # the stranger is to come as far as the credentials
        os.chmod(server.path, 0o777)
        with connect_as(65534, server.path) as stranger:
            client = RawClient(trio.SocketStream(trio.socket.from_stdlib_socket(stranger)))
            assert await client.read_end() == b""
        await server.check_fine()
    assert [(peer.uid, peer.gid) for peer in seen] == [(65534, 65534), (os.geteuid(), os.getegid())]


async def test_beyond_the_cap_comes_503_and_room_is_given_back(caplog: pytest.LogCaptureFixture) -> None:
    async with open_server(SampleApplication(), Limits(connections_max=5)) as server:
        inside = [await server.connect() for _ in range(5)]
        for _ in range(20):
            async with await server.connect() as outside:
                answer = await outside.read_answer()
                assert (answer.status, answer.headers[b"retry-after"]) == (503, b"1")
        for client in inside:
            await client.send(HELLO)
            assert (await client.read_answer()).body == b"hello"
        inside.pop().vanish()
        with trio.fail_after(PROMPT_SECONDS):
            while (await server.ask(HELLO)).status == 503:  # until the server has seen it go
                pass
        for client in inside:
            client.vanish()
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


@contextmanager
def server_process(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The sample server in a process of its own, with few descriptors."""
    command = [sys.executable, "-m", "tests.integration.server.child", os.fspath(path), str(DESCRIPTORS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
async def test_without_descriptors_accept_backs_off_and_recovers() -> None:
    with private_directory() as directory, server_process(directory / "s") as process:
        answered: list[RawClient] = []
        leave = trio.Event()

        async def ask() -> None:
            async with RawClient(await trio.open_unix_socket(os.fspath(directory / "s"))) as client:
                await client.send(HELLO)
                assert (await client.read_answer()).body == b"hello"
                answered.append(client)
                await leave.wait()

        async with trio.open_nursery() as nursery:
            for _ in range(CROWD):
                nursery.start_soon(ask)
            await wait_until(lambda: len(answered) >= DESCRIPTORS // 2)
            # The rest waits in the backlog. Half a second of that must cost next to nothing.
            began, cpu = time.monotonic(), cpu_seconds(process.pid)
            await trio.sleep(0.5)
            assert (cpu_seconds(process.pid) - cpu) / (time.monotonic() - began) < 0.2
            assert len(answered) < DESCRIPTORS
            # Those inside are served meanwhile, and when they go the others come in.
            await answered[0].send(HELLO)
            assert (await answered[0].read_answer()).body == b"hello"
            leave.set()
            nursery.cancel_scope.deadline = trio.current_time() + PROMPT_SECONDS
        assert len(answered) == CROWD
