"""The rest of an answer, handed over as an iterator: sent whole, one write a piece, and closed whatever happens."""

from __future__ import annotations

import socket
from contextlib import aclosing, closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import trio

from nexusd.server import Limits
from tests.integration.server.support import HELLO, answer, open_server
from tests.support.patience import PROMPT_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nexusd.server.asgi import Receive, Scope, Send
    from tests.integration.server.support import RunningServer

ASK = b"GET /pieces HTTP/1.1\r\nHost: nexusd\r\n\r\n"


@dataclass
class Pieces:
    """Begins an answer with one piece and hands over the others."""

    pieces: AsyncGenerator[bytes, None]
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    fails: bool = False
    closed: trio.Event = field(default_factory=trio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/hello":
            await answer(send, b"hello")
            return
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        if not self.headers:
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
        rest = self._rest()
        await anext(rest)
        try:
            await send({"type": "nexusd.pieces", "pieces": rest})
        except RuntimeError:
            await rest.aclose()
            raise
        if self.fails:
            raise ValueError("on purpose")

    async def _rest(self) -> AsyncGenerator[bytes, None]:
        try:
            yield b"not sent: it was taken before"
            async with aclosing(self.pieces):
                async for piece in self.pieces:
                    yield piece
        finally:
            self.closed.set()


async def of(*pieces: bytes) -> AsyncGenerator[bytes, None]:
    """Yield these."""
    for piece in pieces:
        yield piece


async def endless(piece: bytes) -> AsyncGenerator[bytes, None]:
    """Yield the same, for ever."""
    while True:
        yield piece


async def silent() -> AsyncGenerator[bytes, None]:
    """Never yield."""
    await trio.sleep_forever()
    yield b""


async def failing() -> AsyncGenerator[bytes, None]:
    """Yield once, then fail."""
    yield b"half"
    raise ValueError("on purpose")


async def ask(server: RunningServer, request: bytes = ASK) -> bytes:
    """Return all that a request on a connection of its own is answered with."""
    async with await server.connect() as client:
        await client.send(request)
        return await client.read_end()


async def test_every_piece_is_one_chunk_and_the_connection_goes_on() -> None:
    application = Pieces(of(b"second", b"", b"x" * 300_000, b"last"))
    async with open_server(application) as server, await server.connect() as client:
        await client.send(ASK + HELLO)
        reply = await client.read_answer()
        assert (reply.body, reply.is_whole) == (b"firstsecond" + b"x" * 300_000 + b"last", True)
        assert reply.headers[b"transfer-encoding"] == b"chunked"
        assert (await client.read_answer()).body == b"hello"
        assert application.closed.is_set()


async def test_chunks_are_as_the_standard_has_them() -> None:
    async with open_server(Pieces(of(b"0123456789abcdef", b"z"))) as server:
        said = await ask(server, ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert said.partition(b"\r\n\r\n")[2] == b"5\r\nfirst\r\n10\r\n0123456789abcdef\r\n1\r\nz\r\n0\r\n\r\n"


async def test_who_knows_no_chunks_gets_none() -> None:
    async with open_server(Pieces(of(b"second", b"third"))) as server:
        said = await ask(server, ASK.replace(b"1.1", b"1.0"))
        assert said.endswith(b"\r\n\r\nfirstsecondthird")
        assert b"chunked" not in said


async def test_an_answer_to_head_has_no_body() -> None:
    application = Pieces(of(b"second"))
    async with open_server(application) as server, await server.connect() as client:
        await client.send(ASK.replace(b"GET", b"HEAD") + HELLO)
        assert (await client.read_answer("HEAD")).body == b""
        assert (await client.read_answer()).body == b"hello"
    assert application.closed.is_set()


async def test_a_fault_cuts_the_answer_visibly(caplog: pytest.LogCaptureFixture) -> None:
    application = Pieces(failing())
    async with open_server(application) as server, await server.connect() as client:
        await client.send(ASK)
        reply = await client.read_answer()
        assert (reply.body, reply.is_whole) == (b"firsthalf", False)
    assert application.closed.is_set()
    assert [record.getMessage() for record in caplog.records] == ["GET /pieces: the application failed"]


async def test_they_are_closed_when_the_application_fails_after_all(caplog: pytest.LogCaptureFixture) -> None:
    application = Pieces(of(b"second"), fails=True)
    async with open_server(application) as server, await server.connect() as client:
        await client.send(ASK)
        reply = await client.read_answer()
        assert (reply.body, reply.is_whole) == (b"first", False)
    assert application.closed.is_set()
    assert len(caplog.records) == 1


async def test_an_answer_with_a_length_takes_none(caplog: pytest.LogCaptureFixture) -> None:
    application = Pieces(of(b"second"), [(b"content-length", b"6")])
    async with open_server(application) as server:
        assert b" 500 " in await ask(server)
        await server.check_fine()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("pieces", [silent, lambda: endless(bytes(65536))], ids=["silent", "flood"])
async def test_when_the_client_leaves_they_are_closed(pieces: Any) -> None:
    application = Pieces(pieces())
    async with open_server(application) as server:
        async with await server.connect() as client:
            await client.send(ASK)
            said = b""
            while b"first\r\n" not in said:
                said += await client.read_some()
        with trio.fail_after(PROMPT_SECONDS):
            await application.closed.wait()
        await server.check_fine()


@pytest.mark.slow
async def test_who_does_not_read_is_closed_at_the_deadline_of_a_send() -> None:
    application = Pieces(endless(bytes(65536)))
    async with open_server(application, Limits(send_timeout_seconds=0.3)) as server, await server.connect() as client:
        began = trio.current_time()
        await client.send(ASK)
        await application.closed.wait()
        assert 0.29 < trio.current_time() - began < PROMPT_SECONDS
        assert server.activity.requests_open == 0


@pytest.mark.slow
async def test_a_stop_gives_who_does_not_read_less_time_than_others() -> None:
    application = Pieces(endless(bytes(65536)))
    limits = Limits(stop_grace_seconds=60, stop_grace_of_pieces_seconds=0.2)
    async with open_server(application, limits) as server:
        clients = [await server.connect() for _ in range(20)]
        for client in clients:
            await client.send(ASK + HELLO)
        await server.check_fine()
        began = trio.current_time()
        server.stopping.set()
        with trio.fail_after(PROMPT_SECONDS):
            await server.returned.wait()
        assert trio.current_time() - began >= 0.19
        assert application.closed.is_set()
        said = await clients[0].read_end()
        assert b"408" not in said
        assert b"hello" not in said
        for client in clients:
            client.vanish()


@pytest.mark.slow
async def test_a_stop_lets_pieces_come_to_their_end() -> None:
    end = trio.Event()

    async def ending() -> AsyncGenerator[bytes, None]:
        await end.wait()
        yield b"bye"

    async with open_server(Pieces(ending())) as server, await server.connect() as client:
        await client.send(ASK)
        await client.read_until(b"first\r\n")
        server.stopping.set()
        await trio.testing.wait_all_tasks_blocked()
        end.set()
        assert await client.read_end() == b"3\r\nbye\r\n0\r\n\r\n"


async def test_a_fast_reader_does_not_keep_the_others_waiting() -> None:
    count, turns = 2000, 0
    with closing(socket.socket(socket.AF_UNIX)) as client:

        async def taken_at_once() -> AsyncGenerator[bytes, None]:
            for _ in range(count):
                yield b"x"
                with suppress(BlockingIOError):
                    client.recv(65536)

        async def count_turns() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        application = Pieces(taken_at_once())
        async with open_server(application) as server, trio.open_nursery() as nursery:
            client.connect(str(server.path))
            client.setblocking(False)
            client.send(ASK)
            nursery.start_soon(count_turns)
            await application.closed.wait()
            nursery.cancel_scope.cancel()
    assert turns > count / 100
