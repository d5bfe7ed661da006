"""What a well-behaved client may rely on: framing, keep-alive, half-closes, early answers, and an application's faults."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from typing import TYPE_CHECKING

import pytest
import trio

from nexusd.server import Limits
from tests.integration.server.support import HELLO, SampleApplication, answer, open_server, reset_peak, resident_bytes
from tests.support.patience import PROMPT_SECONDS

if TYPE_CHECKING:
    from nexusd.server.asgi import Receive, Scope, Send


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_the_scope_is_what_asgi_says() -> None:
    application = SampleApplication()
    async with open_server(application) as server:
        await server.ask(b"POST /a%C3%A9?x=%31&y HTTP/1.1\r\nHost: nexusd\r\nX-Case: Kept\r\n\r\n")
        path = server.path
    assert application.scopes == [
        {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/aé",
            "raw_path": b"/a%C3%A9",
            "query_string": b"x=%31&y",
            "root_path": "",
            "headers": [(b"host", b"nexusd"), (b"x-case", b"Kept")],
            "server": (str(path), None),
            "client": None,
            "state": {},
            "extensions": {
                "nexusd.peer": {"pid": os.getpid(), "uid": os.getuid(), "gid": os.getgid()},
                "nexusd.pieces": {},
            },
        }
    ]


async def test_an_answer_has_a_date_and_no_server_header() -> None:
    async with open_server(SampleApplication()) as server:
        headers = (await server.ask(HELLO)).headers
    assert re.fullmatch(rb"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", headers[b"date"])
    assert b"server" not in headers


async def test_a_connection_is_kept_for_the_next_request() -> None:
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        for _ in range(3):
            await client.send(HELLO)
            reply = await client.read_answer()
            assert (reply.body, reply.headers.get(b"connection")) == (b"hello", None)


@pytest.mark.parametrize("ending", [b"HTTP/1.1\r\nHost: x\r\nConnection: close", b"HTTP/1.0"])
async def test_a_connection_is_closed_when_asked(ending: bytes) -> None:
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        await client.send(b"GET /hello " + ending + b"\r\n\r\n")
        raw = await client.read_end()
    assert b"\r\nconnection: close\r\n" in raw.lower()
    assert raw.endswith(b"\r\n\r\nhello")


async def test_without_a_length_an_answer_is_chunked_for_1_1_and_ended_by_close_for_1_0() -> None:
    async with open_server(SampleApplication()) as server:
        reply = await server.ask(b"GET /chunks HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (reply.headers[b"transfer-encoding"], reply.body) == (b"chunked", b"piece" * 3)
        async with await server.connect() as client:
            await client.send(b"GET /chunks HTTP/1.0\r\n\r\n")
            raw = await client.read_end()
    assert b"transfer-encoding" not in raw.lower()
    assert raw.endswith(b"\r\n\r\n" + b"piece" * 3)


@pytest.mark.parametrize(("path", "length"), [("/hello", b"5"), ("/chunks", None)])
async def test_head_has_the_header_of_get_and_no_body(path: str, length: bytes | None) -> None:
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        await client.send(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() + HELLO)
        reply = await client.read_answer("HEAD")
        assert (reply.body, reply.headers.get(b"content-length")) == (b"", length)
        assert (await client.read_answer()).body == b"hello"


async def test_204_has_neither_body_nor_length() -> None:
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        await client.send(b"GET /empty HTTP/1.1\r\nHost: x\r\n\r\n" + HELLO)
        reply = await client.read_answer()
        assert (reply.status, reply.body, reply.headers.get(b"content-length")) == (204, b"", None)
        assert (await client.read_answer()).body == b"hello"


async def test_a_header_with_a_length_leaves_with_its_first_piece_in_one_send() -> None:
    held, release = trio.Event(), trio.Event()

    async def hesitant(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        held.set()
        await release.wait()
        await send({"type": "http.response.body", "body": b"hello"})

    async with open_server(hesitant) as server, await server.connect() as client:
        await client.send(HELLO)
        await held.wait()
        assert not client.has_input()
        release.set()
        assert (await client.read_some()).endswith(b"\r\n\r\nhello")


async def test_a_stream_s_header_does_not_wait_for_its_first_piece() -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await trio.sleep_forever()

    async with open_server(silent, Limits(stop_grace_seconds=0)) as server, await server.connect() as client:
        await client.send(HELLO)
        assert (await client.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_half_closing_client_gets_its_answer() -> None:
    application = SampleApplication()
    async with open_server(application) as server, await server.connect() as client:
        await client.send(b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
        await client.stream.send_eof()
        await application.streaming.wait()
        await server.check_fine()  # the server has had time to see the half-close
        application.release.set()
        assert (await client.read_answer()).body == b"held"
        assert await client.read_end() == b""


@pytest.mark.slow
async def test_a_half_closed_stream_goes_on() -> None:
    application = SampleApplication()
    async with open_server(application, Limits(stop_grace_seconds=0)) as server, await server.connect() as client:
        await client.send(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        await client.stream.send_eof()
        await client.read_until(b"tick\n\r\n")
        with trio.move_on_after(2 * Limits().disconnect_grace_seconds):
            await application.ended.wait()
        assert application.running == 1


async def test_a_body_cut_short_is_refused_while_somebody_can_still_read() -> None:
    application = SampleApplication()
    async with open_server(application) as server, await server.connect() as client:
        await client.send(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
        await client.stream.send_eof()
        assert (await client.read_answer()).status == 400
        assert application.disconnected.is_set()


@pytest.mark.parametrize("body", [b"5\r\nhelloXX", b"zz\r\n"])
async def test_an_application_cannot_accept_a_body_that_is_not_sound(body: bytes) -> None:
    async def credulous(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await answer(send, b"accepted")

    async with open_server(credulous) as server:
        assert (await server.ask(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body)).status == 400


async def test_receive_after_the_body_waits_for_the_disconnect() -> None:
    application = SampleApplication()
    async with open_server(application) as server:
        client = await server.connect()
        await client.send(b"POST /watch HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
        await application.streaming.wait()
        await server.check_fine()
        assert not application.disconnected.is_set()
        client.vanish()
        with trio.fail_after(PROMPT_SECONDS):
            await application.disconnected.wait()


@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.slow
async def test_an_early_answer_reaches_a_client_that_is_still_uploading(framing: str) -> None:
    field = "Content-Length: 5000000000" if framing == "length" else "Transfer-Encoding: chunked"
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        await client.send(f"POST /early HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n".encode())
        with contextlib.suppress(trio.BrokenResourceError):
            while True:  # until the server has had enough
                await client.send(b"10000\r\n" + bytes(65536) + b"\r\n")
        reply = await client.read_answer()
    assert (reply.status, reply.body, reply.headers[b"connection"]) == (413, b"too large", b"close")


async def test_a_client_that_reads_only_after_its_upload_sees_no_error() -> None:
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        await client.send(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n")
        for _ in range(80):
            await client.send(bytes(100_000))
        assert (await client.read_answer()).status == 413
        assert await client.read_end() == b""


async def test_a_small_unread_body_is_read_away_and_the_connection_kept() -> None:
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        await client.send(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n")
        reply = await client.read_answer()
        assert (reply.status, reply.headers.get(b"connection")) == (413, None)
        await client.send(bytes(60000) + HELLO)
        assert (await client.read_answer()).body == b"hello"


@pytest.mark.slow
async def test_a_large_upload_is_flat_in_memory() -> None:
    megabytes = 256
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        await client.send(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (megabytes << 20))
        reset_peak()
        before = resident_bytes()
        piece = bytes(1 << 20)
        for _ in range(megabytes):
            await client.send(piece)
        assert (await client.read_answer()).body == b"%d" % (megabytes << 20)
        assert resident_bytes("VmHWM") - before < 16 << 20


async def test_an_application_that_does_not_read_holds_the_sender_back() -> None:
    application = SampleApplication()
    async with open_server(application) as server, await server.connect() as client:
        await client.send(b"POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
        await application.streaming.wait()
        sent = 0
        with trio.move_on_after(0.1):
            while True:
                sent += await client.stream.socket.send(bytes(65536))
        assert sent < 1 << 20
        application.release.set()
        assert (await client.read_answer()).body == b"held"


@pytest.mark.parametrize("path", ["/fail", "/silent", "/short", "/long", "/split"])
async def test_a_faulty_application_is_logged_and_answered_while_nothing_was_sent(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        await client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        if path in ("/short", "/long"):
            assert (await client.read_answer()).is_whole is (path == "/long")
        else:
            reply = await client.read_answer()
            assert (reply.status, reply.headers[b"content-type"]) == (500, b"application/problem+json")
            assert b"urn:nexusd:problem:internal" in reply.body
        assert await client.read_end() == b""
        await server.check_fine()
    assert [record.name for record in errors(caplog)] == ["nexusd.server"]
    assert (errors(caplog)[0].exc_info is None) is (path == "/silent")


async def test_a_fault_after_the_answer_began_cuts_it_visibly(caplog: pytest.LogCaptureFixture) -> None:
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        await client.send(b"GET /fail-late HTTP/1.1\r\nHost: x\r\n\r\n")
        reply = await client.read_answer()
        assert (reply.body, reply.is_whole) == (b"half", False)
        await server.check_fine()
    assert len(errors(caplog)) == 1


async def test_a_fault_after_a_whole_answer_is_logged_and_the_connection_kept(caplog: pytest.LogCaptureFixture) -> None:
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        await client.send(b"GET /fail-after HTTP/1.1\r\nHost: x\r\n\r\n" + HELLO)
        assert (await client.read_answer()).body == b"whole"
        assert (await client.read_answer()).body == b"hello"
    assert len(errors(caplog)) == 1


async def test_a_fault_of_the_server_itself_ends_one_connection_only(caplog: pytest.LogCaptureFixture) -> None:
    broken = Limits(header_timeout_seconds="never")  # type: ignore[arg-type]  # raises once a header comes in two parts
    async with open_server(SampleApplication(), broken) as server, await server.connect() as good:
        await good.send(HELLO)
        assert (await good.read_answer()).body == b"hello"
        async with await server.connect() as client:
            await client.send(HELLO[:9])
            assert await client.read_end() == b""
        await good.send(HELLO)
        assert (await good.read_answer()).body == b"hello"
    assert [record.getMessage() for record in errors(caplog)] == ["connection failed"]


async def test_what_is_logged_of_a_request_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async with open_server(SampleApplication()) as server:
        await server.ask(b"GET http://x/fail?%0d%0aforged=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        await server.ask(b"GET /fail/%0d%0aforged HTTP/1.1\r\nHost: x\r\n\r\n")
    for record in caplog.records:
        assert "\n" not in record.getMessage()
        assert "\r" not in record.getMessage()
    assert len(errors(caplog)) == 1


@pytest.mark.slow
async def test_open_requests_are_counted_streams_too_and_idle_connections_not() -> None:
    application = SampleApplication()
    async with open_server(application) as server, await server.connect() as idle:
        await idle.send(HELLO)
        await idle.read_answer()
        assert server.activity.requests_open == 0
        client = await server.connect()
        await client.send(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        await application.streaming.wait()
        assert server.activity.requests_open == 1
        client.vanish()
        with trio.fail_after(PROMPT_SECONDS):
            await server.activity.wait_quiet(0.05)
        assert server.activity.requests_open == 0
