"""Slow peers meet a deadline each, and the others keep their answers meanwhile.

Source: RELIABILITY row 33.
"""

from __future__ import annotations

import time

import pytest
import trio

from nexusd.server import Limits
from tests.integration.server.support import HELLO, RawClient, RunningServer, SampleApplication, open_server
from tests.support.patience import PROMPT_SECONDS


async def drip(client: RawClient, data: bytes, seconds: float) -> None:
    """Send one byte every `seconds` until the server has had enough."""
    try:
        for place in range(len(data)):
            await client.send(data[place : place + 1])
            await trio.sleep(seconds)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return


async def read_while_dripping(client: RawClient, data: bytes) -> bytes:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(drip, client, data, 0.02)
        answer = await client.read_end()
        nursery.cancel_scope.cancel()
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("begin", [b"", HELLO], ids=["the first", "a later one"])
async def test_a_dripping_header_gets_408(begin: bytes) -> None:
    limits = Limits(header_timeout_seconds=0.3)
    async with open_server(SampleApplication(), limits) as server, await server.connect() as client:
        if begin:
            await client.send(begin)
            await client.read_answer()
        began = trio.current_time()
        answer = await read_while_dripping(client, b"GET /" + b"a" * 1000)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert 0.3 <= trio.current_time() - began < 0.3 + PROMPT_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("begin", [b"", HELLO], ids=["never used", "used before"])
async def test_an_idle_connection_is_closed_in_silence(begin: bytes) -> None:
    limits = Limits(keep_alive_timeout_seconds=0.3)
    async with open_server(SampleApplication(), limits) as server, await server.connect() as client:
        if begin:
            await client.send(begin)
            await client.read_answer()
        began = trio.current_time()
        assert await client.read_end() == b""
        assert 0.25 <= trio.current_time() - began < 0.3 + PROMPT_SECONDS


@pytest.mark.slow
async def test_a_body_that_stops_gets_408() -> None:
    limits = Limits(body_idle_timeout_seconds=0.3)
    application = SampleApplication()
    async with open_server(application, limits) as server, await server.connect() as client:
        await client.send(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
        began = trio.current_time()
        assert (await client.read_answer()).status == 408
        assert 0.25 <= trio.current_time() - began < 0.3 + PROMPT_SECONDS
        assert application.disconnected.is_set()


@pytest.mark.slow
@pytest.mark.parametrize("framing", [b"Content-Length: 1000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n"])
async def test_a_dripping_body_gets_408_once_its_grace_is_over(framing: bytes) -> None:
    limits = Limits(body_idle_timeout_seconds=60, body_grace_seconds=0.3, body_min_bytes_per_second=1000)
    async with open_server(SampleApplication(), limits) as server, await server.connect() as client:
        await client.send(b"POST /length HTTP/1.1\r\nHost: x\r\n" + framing)
        began = trio.current_time()
        assert (await read_while_dripping(client, bytes(1000))).startswith(b"HTTP/1.1 408 ")
        assert 0.25 <= trio.current_time() - began < 0.3 + PROMPT_SECONDS


@pytest.mark.slow
async def test_the_application_s_own_slowness_does_not_count_against_a_body() -> None:
    limits = Limits(body_idle_timeout_seconds=0.2, body_grace_seconds=0.2)
    application = SampleApplication()

    async def slow(scope: object, receive: object, send: object) -> None:
        await trio.sleep(0.5)
        await application.on_length(scope, receive, send)  # type: ignore[arg-type]

    async with open_server(slow, limits) as server:
        answer = await server.ask(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
        assert answer.body == b"5"


@pytest.mark.slow
async def test_a_reader_that_stops_is_given_up() -> None:
    application = SampleApplication()
    async with open_server(application, Limits(send_timeout_seconds=0.3)) as server, await server.connect() as client:
        await client.send(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        with trio.fail_after(0.3 + PROMPT_SECONDS):
            await application.ended.wait()
        assert isinstance(application.send_error, OSError)


@pytest.mark.slow
async def test_a_slow_reader_that_keeps_the_pace_is_served() -> None:
    application = SampleApplication()
    limits = Limits(send_timeout_seconds=0.5, stop_grace_seconds=0)
    async with open_server(application, limits) as server, await server.connect() as client:
        await client.send(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(20):
            await client.read_some()
            await trio.sleep(0.05)
        assert application.send_error is None


async def measure_answers(server: RunningServer, count: int) -> list[float]:
    seconds = []
    async with await server.connect() as client:
        for _ in range(count):
            began = time.perf_counter()
            await client.send(HELLO)
            assert (await client.read_answer()).body == b"hello"
            seconds.append(time.perf_counter() - began)
    return sorted(seconds)


async def drip_on_a_connection_of_its_own(server: RunningServer, request: bytes) -> None:
    async with await server.connect() as client:
        await drip(client, request, 0.2)


@pytest.mark.slow
async def test_a_good_client_beside_a_hundred_drips_keeps_its_answers() -> None:
    upload = b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + bytes(100)
    stuck = b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n"
    application = SampleApplication()
    async with open_server(application, Limits(stop_grace_seconds=0)) as server, trio.open_nursery() as drips:
        for number in range(100):
            drips.start_soon(drip_on_a_connection_of_its_own, server, upload if number % 2 else b"GET /" + b"a" * 100)
        async with await server.connect() as reader:
            await reader.send(stuck)  # and one that never reads
            await application.streaming.wait()
            # The best of three: a busy machine spoils one round, a server that stalls spoils them all.
            rounds = [await measure_answers(server, 200) for _ in range(3)]
        drips.cancel_scope.cancel()
    assert min(seconds[int(len(seconds) * 0.99)] for seconds in rounds) <= 0.05
