"""A change of the queue is made, and told, whoever waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from nexusd.contract.pauses import PauseRequest, ResumeRequest
from nexusd.renderers.registry import Registry
from nexusd.service.pauses import PauseService
from tests.support.patience import PROMPT_SECONDS
from tests.support.stores import open_store

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_client_that_goes_away_changes_the_queue_all_the_same(tmp_path: Path) -> None:
    async with open_store(tmp_path / "nexusd.db") as store:
        service = PauseService(store.database, store.hub, Registry())
        for version, is_paused in enumerate([True, False]):
            with trio.CancelScope() as request:
                request.cancel()
                await (service.pause(PauseRequest()) if is_paused else service.resume(ResumeRequest()))
            assert request.cancelled_caught
            with trio.fail_after(PROMPT_SECONDS):
                assert await store.hub.wait_queue(version) == version + 1
            await store.database.write(lambda _connection: None)  # comes after it, as the pool's next look does
            assert bool((await service.get()).paused) is is_paused
