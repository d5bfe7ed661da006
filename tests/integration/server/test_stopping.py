"""A stop: nobody new, idle connections at once, requests in flight to their end or the grace, and never longer."""

from __future__ import annotations

import os

import pytest
import trio

from nexusd.server import Activity, Limits, bind_unix, serve
from tests.integration.server.support import (
    HELLO,
    RunningServer,
    SampleApplication,
    open_descriptors,
    open_server,
    private_directory,
)
from tests.support.patience import PROMPT_SECONDS

GRACE_SECONDS = 0.4


async def wait_returned(server: RunningServer) -> float:
    began = trio.current_time()
    server.stopping.set()
    with trio.fail_after(PROMPT_SECONDS):
        await server.returned.wait()
    return trio.current_time() - began


async def test_idle_connections_end_at_once_and_in_silence() -> None:
    async with open_server(SampleApplication(), Limits(stop_grace_seconds=60)) as server:
        unused, used, halfway = [await server.connect() for _ in range(3)]
        await used.send(HELLO)
        await used.read_answer()
        await halfway.send(b"GET /hel")
        await server.check_fine()
        await wait_returned(server)
        for client in (unused, used, halfway):
            assert await client.read_end() == b""
            client.vanish()


async def test_new_connections_are_refused_at_once() -> None:
    application = SampleApplication()
    async with open_server(application) as server, await server.connect() as client:
        await client.send(b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
        await application.streaming.wait()
        server.stopping.set()
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ConnectionRefusedError):
            await trio.open_unix_socket(os.fspath(server.path))
        application.release.set()
        assert (await client.read_answer()).body == b"held"


async def test_a_request_in_flight_finishes_and_its_connection_closes() -> None:
    application = SampleApplication()
    async with open_server(application, Limits(stop_grace_seconds=60)) as server, await server.connect() as client:
        await client.send(b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n" + HELLO)
        await application.streaming.wait()
        server.stopping.set()
        await trio.testing.wait_all_tasks_blocked()
        application.release.set()
        answer = await client.read_answer()
        assert (answer.body, answer.headers[b"connection"]) == (b"held", b"close")
        assert await client.read_end() == b""
        await wait_returned(server)
    assert application.calls == 1  # the pipelined one was not begun


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/flood", "/stream", "/hold", "/length"])
async def test_silent_peers_cannot_hold_the_exit(path: str) -> None:
    application = SampleApplication()
    async with open_server(application, Limits(stop_grace_seconds=GRACE_SECONDS)) as server:
        clients = [await server.connect() for _ in range(20)]
        for client in clients:
            await client.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".encode())
        await server.check_fine()
        took = await wait_returned(server)
        assert took >= GRACE_SECONDS - 0.01
        assert application.running == 0
        for client in clients:
            client.vanish()


async def test_a_lingering_connection_does_not_hold_the_exit() -> None:
    limits = Limits(drain_timeout_seconds=60, stop_grace_seconds=60)
    async with open_server(SampleApplication(), limits) as server, await server.connect() as client:
        await client.send(b"nonsense\r\n\r\n")
        await client.read_answer()
        await wait_returned(server)


async def test_cancelling_ends_everything_at_once() -> None:
    application = SampleApplication()
    before = open_descriptors()
    with private_directory() as directory, bind_unix(directory / "s") as listener:
        async with trio.open_nursery() as nursery:

            async def run(task_status: trio.TaskStatus[None]) -> None:
                await serve(
                    application,
                    [listener],
                    limits=Limits(stop_grace_seconds=60, stop_grace_of_pieces_seconds=60),
                    admit=lambda peer: True,
                    activity=Activity(),
                    stopping=trio.Event(),
                    task_status=task_status,
                )

            await nursery.start(run)
            stream = await trio.open_unix_socket(os.fspath(listener.path))
            await stream.send_all(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
            await application.streaming.wait()
            with trio.fail_after(PROMPT_SECONDS):
                nursery.cancel_scope.cancel()
                await application.ended.wait()
        stream.socket.close()
    assert open_descriptors() <= before + 1  # pytest-trio's own


async def test_a_server_told_to_stop_before_it_starts_returns() -> None:
    stopping = trio.Event()
    stopping.set()
    with private_directory() as directory, bind_unix(directory / "s") as listener, trio.fail_after(PROMPT_SECONDS):
        await serve(
            SampleApplication(),
            [listener],
            limits=Limits(stop_grace_seconds=60),
            admit=lambda peer: True,
            activity=Activity(),
            stopping=stopping,
        )
