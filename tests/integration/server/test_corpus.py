"""Malformed and unusual requests, byte for byte: each gets its status, and the next connection does not notice.

Source: RFC 9112; RELIABILITY row 32.
"""

from __future__ import annotations

import logging

import pytest

from tests.integration.server.support import RawClient, SampleApplication, open_server

HOST = b"Host: nexusd\r\n"


def get(target: bytes = b"/hello", *fields: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


def post(*fields: bytes, body: bytes = b"") -> bytes:
    return b"POST /length HTTP/1.1\r\n" + HOST + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked"

REFUSED = {
    "two framings": (post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"), 400),
    "two framings, other order": (post(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"), 400),
    "two different lengths": (post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello"), 400),
    "two equal lengths": (post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"), 400),
    "a list of lengths": (post(b"Content-Length: 5, 5", body=b"hello"), 400),
    "a signed length": (post(b"Content-Length: +5", body=b"hello"), 400),
    "a negative length": (post(b"Content-Length: -5", body=b"hello"), 400),
    "an empty length": (post(b"Content-Length:", body=b"hello"), 400),
    "a hexadecimal length": (post(b"Content-Length: 0x5", body=b"hello"), 400),
    "an endless length": (post(b"Content-Length: " + b"9" * 30), 400),
    "bare LF throughout": (b"GET /hello HTTP/1.1\nHost: nexusd\n\n", 400),
    "bare LF after a field": (b"GET /hello HTTP/1.1\r\nHost: nexusd\nX: y\r\n\r\n", 400),
    "bare LF at the end": (b"GET /hello HTTP/1.1\r\nHost: nexusd\r\n\n", 400),
    "bare CR in a value": (get(b"/hello", b"X: a\rb"), 400),
    "folded field": (get(b"/hello", b"X: a", b" b"), 400),
    "folded first field": (b"GET /hello HTTP/1.1\r\n Host: nexusd\r\n\r\n", 400),
    "NUL in a value": (get(b"/hello", b"X: a\0b"), 400),
    "NUL in the target": (get(b"/he\0llo"), 400),
    "NUL, encoded": (get(b"/he%00llo"), 400),
    "control character in a value": (get(b"/hello", b"X: a\x01b"), 400),
    "field without colon": (get(b"/hello", b"nonsense"), 400),
    "field without name": (get(b"/hello", b": value"), 400),
    "space before colon": (get(b"/hello", b"X : value"), 400),
    "name with a space": (get(b"/hello", b"X Y: value"), 400),
    "no Host": (b"GET /hello HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (get(b"/hello", b"Host: other"), 400),
    "unknown coding": (post(b"Transfer-Encoding: gzip"), 501),
    "unknown coding before chunked": (post(b"Transfer-Encoding: gzip, chunked"), 501),
    "chunked twice": (post(CHUNKED, CHUNKED), 501),
    "chunked in HTTP/1.0": (b"POST /length HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunk size is no number": (post(CHUNKED, body=b"xyz\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size is signed": (post(CHUNKED, body=b"-5\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size is endless": (post(CHUNKED, body=b"f" * 40 + b"\r\nhello"), 400),
    "chunk size line never ends": (post(CHUNKED, body=b"5;" + b"x" * 100_000), 400),
    "chunk size ends in bare LF": (post(CHUNKED, body=b"5\nhello\r\n0\r\n\r\n"), 400),
    "chunk end is missing": (post(CHUNKED, body=b"5\r\nhelloXX0\r\n\r\n"), 400),
    "chunk is longer than said": (post(CHUNKED, body=b"5\r\nhello!\r\n0\r\n\r\n"), 400),
    "chunks end in bare LF": (post(CHUNKED, body=b"5\r\nhello\r\n0\r\n\n"), 400),
    "trailer ends in bare LF": (post(CHUNKED, body=b"5\r\nhello\r\n0\r\nX: y\n\n"), 400),
    "trailer is malformed": (post(CHUNKED, body=b"0\r\nnonsense\r\n\r\n"), 400),
    "header of 1 MB": (get(b"/hello", b"X: " + b"y" * 1_000_000), 431),
    "100,000 fields": (get(b"/hello", *[b"X: y"] * 100_000), 431),
    "300 fields": (get(b"/hello", *[b"X: y"] * 300), 431),
    "target of 100 kB": (get(b"/" + b"a" * 100_000), 414),
    "endless method": (b"A" * 40_000, 414),
    "HTTP/0.9": (b"GET /hello\r\n", 400),
    "HTTP/0.9 in full": (b"GET /hello HTTP/0.9\r\nHost: nexusd\r\n\r\n", 505),
    "HTTP/1.2": (b"GET /hello HTTP/1.2\r\nHost: nexusd\r\n\r\n", 505),
    "HTTP/2 by name": (b"GET /hello HTTP/2.0\r\nHost: nexusd\r\n\r\n", 505),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "http in small letters": (b"GET /hello http/1.1\r\nHost: nexusd\r\n\r\n", 400),
    "version of two digits": (b"GET /hello HTTP/1.10\r\nHost: nexusd\r\n\r\n", 400),
    "two spaces": (b"GET  /hello HTTP/1.1\r\nHost: nexusd\r\n\r\n", 400),
    "tabs": (b"GET\t/hello\tHTTP/1.1\r\nHost: nexusd\r\n\r\n", 400),
    "no target": (b"GET HTTP/1.1\r\nHost: nexusd\r\n\r\n", 400),
    "bad method": (b"G(T /hello HTTP/1.1\r\nHost: nexusd\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), 400),
    "binary": (bytes(range(256)), 400),
    "raw UTF-8 in the target": (get("/grüße".encode()), 400),
    "bad UTF-8 in the path": (get(b"/%ff%fe"), 400),
    "fragment": (get(b"/hello#part"), 400),
    "relative target": (get(b"hello"), 400),
    "other scheme": (get(b"ftp://nexusd/hello"), 400),
    "user in the authority": (get(b"http://user@nexusd/hello"), 400),
    "no authority": (get(b"http:///hello"), 400),
    "asterisk without OPTIONS": (get(b"*"), 400),
    "CONNECT": (b"CONNECT nexusd:80 HTTP/1.1\r\nHost: nexusd:80\r\n\r\n", 501),
    "unknown expectation": (post(b"Expect: a-pony", b"Content-Length: 5", body=b"hello"), 417),
}

SERVED = {
    "plain": (get(), b"hello"),
    "HTTP/1.0": (b"GET /hello HTTP/1.0\r\n\r\n", b"hello"),
    "HTTP/1.0 with an expectation": (b"GET /hello HTTP/1.0\r\nExpect: a-pony\r\n\r\n", b"hello"),
    "blank lines first": (b"\r\n\r\n" + get(), b"hello"),
    "empty Host": (b"GET /hello HTTP/1.1\r\nHost:\r\n\r\n", b"hello"),
    "Host with a port": (b"GET /hello HTTP/1.1\r\nHost: localhost:80\r\n\r\n", b"hello"),
    "Host of an address": (b"GET /hello HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", b"hello"),
    "Host that is nonsense": (b"GET /hello HTTP/1.1\r\nHost: a b/c?d\r\n\r\n", b"hello"),
    "upgrade to h2c": (
        get(b"/hello", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA"),
        b"hello",
    ),
    "upgrade to a WebSocket": (get(b"/hello", b"Connection: Upgrade", b"Upgrade: websocket"), b"hello"),
    "absolute target": (get(b"http://elsewhere/hello"), b"hello"),
    "OPTIONS *": (b"OPTIONS * HTTP/1.1\r\nHost: nexusd\r\n\r\n", b"hello"),
    "high bytes in a value": (get(b"/hello", "X: grüße".encode()), b"hello"),
    "tab in a value": (get(b"/hello", b"X: a\tb"), b"hello"),
    "body of known length": (post(b"Content-Length: 5", body=b"hello"), b"5"),
    "body in chunks": (post(CHUNKED, body=b"5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n"), b"8"),
    "chunk extension and trailer": (post(CHUNKED, body=b'5;a="b"\r\nhello\r\n0\r\nX: y\r\n\r\n'), b"5"),
    "chunked in capitals": (post(b"TRANSFER-ENCODING: Chunked", body=b"0\r\n\r\n"), b"0"),
    "header of 30 kB": (get(b"/hello", b"X: " + b"y" * 30_000), b"hello"),
    "100 fields": (get(b"/hello", *[b"X: y"] * 100), b"hello"),
}


@pytest.mark.parametrize(("request_bytes", "status"), REFUSED.values(), ids=REFUSED.keys())
async def test_refused_with_a_problem_and_closed(request_bytes: bytes, status: int, caplog: pytest.LogCaptureFixture) -> None:
    async with open_server(SampleApplication()) as server:
        async with await server.connect() as client:
            await client.send(request_bytes)
            refusal = await client.read_answer()
            assert await client.read_end() == b""
        assert refusal.status == status
        assert refusal.headers[b"content-type"] == b"application/problem+json"
        assert refusal.headers[b"connection"] == b"close"
        assert b'"type": "urn:nexusd:problem:' in refusal.body
        await server.check_fine()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(("request_bytes", "body"), SERVED.values(), ids=SERVED.keys())
async def test_served(request_bytes: bytes, body: bytes) -> None:
    async with open_server(SampleApplication()) as server:
        assert (await server.ask(request_bytes)).body == body


SHORT = {name: case for name, case in SERVED.items() if len(case[0]) <= 1000}


@pytest.mark.parametrize(("request_bytes", "body"), SHORT.values(), ids=SHORT.keys())
async def test_served_when_it_comes_byte_by_byte(request_bytes: bytes, body: bytes) -> None:
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        for place in range(len(request_bytes)):
            await client.send(request_bytes[place : place + 1])
        assert (await client.read_answer()).body == body


async def test_nothing_refused_reaches_the_application() -> None:
    application = SampleApplication()
    async with open_server(application) as server:
        for name, (request_bytes, _) in REFUSED.items():
            if "chunk" not in name and "trailer" not in name:
                assert (await server.ask(request_bytes)).status >= 400
    assert application.calls == 0


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        await client.send(
            get() + post(b"Content-Length: 3", body=b"abc") + post(CHUNKED, body=b"2\r\nab\r\n0\r\n\r\n") + get(b"/chunks")
        )
        bodies = [(await client.read_answer()).body for _ in range(4)]
        assert bodies == [b"hello", b"3", b"2", b"piece" * 3]


async def test_what_follows_a_refusal_on_its_connection_is_not_served() -> None:
    application = SampleApplication()
    async with open_server(application) as server, await server.connect() as client:
        await client.send(b"GET /hello\r\n\r\n" + get())
        assert (await client.read_answer()).status == 400
        with pytest.raises(EOFError):
            await client.read_answer()
    assert application.calls == 0


async def test_absolute_target_overrules_host() -> None:
    application = SampleApplication()
    async with open_server(application) as server:
        await server.ask(get(b"http://elsewhere:80/a%20b?c=%20d"))
    scope = application.scopes[0]
    assert scope["path"] == "/a b"
    assert scope["raw_path"] == b"/a%20b"
    assert scope["query_string"] == b"c=%20d"
    assert [value for name, value in scope["headers"] if name == b"host"] == [b"elsewhere:80"]


async def read_continue(client: RawClient) -> None:
    assert await client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_continue_is_sent_when_the_body_is_wanted() -> None:
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        await client.send(post(b"Expect: 100-continue", b"Content-Length: 5"))
        await read_continue(client)
        await client.send(b"hello")
        assert (await client.read_answer()).body == b"5"


async def test_continue_is_not_sent_when_the_body_is_not_wanted() -> None:
    async with open_server(SampleApplication()) as server, await server.connect() as client:
        await client.send(b"POST /early HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        raw = await client.read_end()
        assert raw.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in raw.lower()
