"""Trouble that is the daemon's: a full write queue, and errors that nobody expected."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Final

import pytest
import trio
import trio.testing

from nexusd import errors
from nexusd.service.status import StatusService
from tests.support.daemons import ASSETS, JOBS, check_problem, open_daemon, take_stock
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import DONE, scripted

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.slow

GOOD: Final = scripted(DONE)


async def test_a_full_write_queue_answers_503_and_stores_nothing(home: Path) -> None:
    async with open_daemon(home, write_queue_length=2) as daemon:
        before = take_stock(daemon.state)
        has_begun, may_end = threading.Event(), threading.Event()

        def hold(_connection: object) -> None:
            has_begun.set()
            may_end.wait(HANG_SECONDS)

        async def fill() -> None:
            with contextlib.suppress(errors.WriteQueueFull):  # the pool's own look at the queue has the place
                await daemon.database.write(lambda _connection: None)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.database.write, hold)
            await trio.to_thread.run_sync(has_begun.wait, HANG_SECONDS)
            nursery.start_soon(fill)
            await trio.testing.wait_all_tasks_blocked()
            try:
                for method, path, body in (
                    ("POST", JOBS, {"json": GOOD}),
                    ("POST", f"{JOBS}/batch", {"json": {"items": [GOOD]}}),
                    ("POST", "/v1/companies", {"json": {"slug": "acme"}}),
                    ("POST", ASSETS, {"content": b"bytes"}),
                ):
                    answer = await daemon.client.request(method, path, **body)
                    check_problem(answer, 503, "write-queue-full")
                    assert answer.headers["retry-after"] == "1"
                assert (await daemon.client.get("/v1/status")).status_code == 200
            finally:
                may_end.set()
        assert take_stock(daemon.state) == before


@pytest.mark.parametrize(
    "error", [RuntimeError("secret"), errors.CannotAdvance("secret"), errors.UnsafePath("secret")], ids=repr
)
async def test_an_unexpected_error_says_nothing_of_the_inside(
    home: Path, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_service: object) -> None:
        raise error

    monkeypatch.setattr(StatusService, "get", fail)
    async with open_daemon(home) as daemon:
        answer = await daemon.client.get("/v1/status")
        check_problem(answer, 500, "internal")
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text
        assert (await daemon.client.get("/v1/health")).status_code == 200
    told = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(told) == 1
    assert told[0].exc_info
