"""Peers that leave at any moment cost nothing that stays, and nobody else notices.

Source: RELIABILITY rows 29 and 34.
"""

from __future__ import annotations

import logging
from functools import partial

import pytest
import trio

from nexusd.server import Limits
from tests.integration.server.support import (
    HELLO,
    RunningServer,
    SampleApplication,
    living_tasks,
    open_descriptors,
    open_server,
    resident_bytes,
    wait_until,
)
from tests.support.patience import PROMPT_SECONDS

MOMENTS = {
    "before the header": b"",
    "in the header": b"GET /hello HTTP/1.1\r\nHo",
    "after the header": HELLO,
    "before the body": b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
    "in the body": b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello",
    "in a chunk": b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello",
    "with an unread body": b"POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\nhello",
    "before the answer": b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n",
    "watching for it": b"GET /watch HTTP/1.1\r\nHost: x\r\n\r\n",
    "in a flood": b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n",
    "in a silent stream": b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n",
    "with more requests behind": HELLO * 20,
}
READS_FIRST = {"in a flood", "in a silent stream", "with more requests behind"}
CROWD = 300


async def vanish_once(server: RunningServer, moment: str, *, reset: bool) -> None:
    client = await server.connect()
    await client.send(MOMENTS[moment])
    if moment in READS_FIRST:
        await client.read_some()
    client.vanish(reset=reset)


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
async def test_three_hundred_vanish_and_nothing_stays(moment: str, caplog: pytest.LogCaptureFixture) -> None:
    async with open_server(SampleApplication()) as server:
        before = open_descriptors(), living_tasks()
        await vanish_once(server, moment, reset=False)  # warms up what is made once
        await wait_until(lambda: (open_descriptors(), living_tasks()) == before)
        resident = resident_bytes()
        async with trio.open_nursery() as crowd:
            for number in range(CROWD):
                crowd.start_soon(partial(vanish_once, server, moment, reset=number % 2 == 0))
        await server.check_fine()
        await wait_until(lambda: (open_descriptors(), living_tasks()) == before)
        assert server.activity.requests_open == 0
        assert resident_bytes() - resident < 24 << 20
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("path", ["/stream", "/flood", "/hold", "/watch"])
@pytest.mark.slow
async def test_a_call_ends_within_half_a_second_of_its_peer(path: str) -> None:
    seconds = []
    for _ in range(3):  # a busy machine spoils one round, a server that waits for something spoils them all
        application = SampleApplication()
        async with open_server(application) as server:
            client = await server.connect()
            await client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await application.streaming.wait()
            client.vanish()
            began = trio.current_time()
            with trio.fail_after(PROMPT_SECONDS):
                await application.ended.wait()
            seconds.append(trio.current_time() - began)
        if path == "/flood":
            assert isinstance(application.send_error, OSError)
    assert min(seconds) < 0.5


@pytest.mark.slow
async def test_a_vanished_client_frees_its_place() -> None:
    async with open_server(SampleApplication(), Limits(connections_max=5)) as server:
        for _ in range(4):
            for _ in range(5):
                await vanish_once(server, "before the answer", reset=False)
            await wait_until(lambda: server.activity.requests_open == 0)
        await server.check_fine()
