"""The store looked after, without a daemon around: interrupted, in trouble, and swept at the start."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
import trio

from nexusd import failpoints
from nexusd.errors import StorageUnavailable
from nexusd.service import storage as service
from nexusd.service.asset_retention import Retention, RetentionRules, look_after
from nexusd.storage import LocalDisk
from tests.integration.storage.files import files_below
from tests.support.holds import holding_at
from tests.support.patience import HANG_SECONDS
from tests.support.shelves import COMPANY, find_disagreements, open_life

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


async def test_a_deletion_that_is_cancelled_in_the_middle_is_carried_out(tmp_path: Path) -> None:
    async with open_life(tmp_path) as life:
        asset = await life.upload(b"hello")
        with holding_at("service.delete.after") as hold:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(life.assets.delete, COMPANY, asset.id)
                with trio.fail_after(HANG_SECONDS):
                    await hold.reached.wait()
                nursery.cancel_scope.cancel()
                hold.let_go()
        assert files_below(tmp_path / "assets") == []
        assert find_disagreements(tmp_path, life.store, is_collected=True) == []


async def test_a_file_that_retention_cannot_take_is_left_to_the_next_sweep(tmp_path: Path) -> None:
    async with open_life(tmp_path) as life:
        older, newer = await life.upload(b"older"), await life.upload(b"newer")
        with failpoints.armed("storage.unlink.before", "errno:EIO"):
            assert await life.retire(5) == 1
        assert files_below(tmp_path / "assets") == sorted([older.object_key, newer.object_key])
        report = await life.storage.collect()
        assert [(file.object_key, file.reason) for file in report.files] == [(older.object_key, "deleted")]
        assert find_disagreements(tmp_path, life.store, is_collected=True) == []


async def test_a_store_that_goes_away_in_the_middle_is_no_finding(tmp_path: Path) -> None:
    async with open_life(tmp_path) as life:
        for content in (b"1", b"2"):
            await life.upload(content)
        root = tmp_path / "assets"
        root.rename(tmp_path / "elsewhere")
        root.mkdir()
        with pytest.raises(StorageUnavailable, match="needs a look"):
            await life.storage.verify(None, 1)


async def test_the_sweep_of_the_start_goes_on_until_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_life(tmp_path) as life:
        for number in range(5):
            await life.upload(bytes([number]))
        life.store.ask("DELETE FROM assets")
    monkeypatch.setattr(service, "COLLECTED_MAX", 2)
    async with open_life(tmp_path) as life:
        kept = await life.upload(b"kept")
        await look_after(life.storage, None)
        assert files_below(tmp_path / "assets") == [kept.object_key]


async def test_a_sweep_that_cannot_take_anything_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_life(tmp_path) as life:
        stored = [await life.upload(bytes([number])) for number in range(3)]
        life.store.ask("DELETE FROM assets")
    monkeypatch.setattr(service, "COLLECTED_MAX", 2)
    async with open_life(tmp_path) as life:
        with failpoints.armed("storage.collect.before", "errno:EROFS"), trio.fail_after(HANG_SECONDS):
            await look_after(life.storage, None)
        assert files_below(tmp_path / "assets") == sorted(asset.object_key for asset in stored)
        root = tmp_path / "assets"
        root.rename(tmp_path / "elsewhere")
        await look_after(life.storage, None)
        assert "the start's sweep is left to the next one" in caplog.text


async def test_retention_comes_after_the_sweep_and_says_what_it_did(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with open_life(tmp_path) as life:
        for content in (b"older", b"newer", b"lost!"):
            last = await life.upload(content)
        life.store.ask("DELETE FROM assets WHERE id = ?", last.id)
    async with open_life(tmp_path) as life, trio.open_nursery() as nursery:
        retention = Retention(life.store.database, life.disk, RetentionRules(max_bytes=5))
        nursery.start_soon(look_after, life.storage, retention)
        with trio.fail_after(HANG_SECONDS):
            await life.store.hub.wait_newer(life.store.hub.highest_event_id)
            while len(files_below(tmp_path / "assets")) > 1:  # noqa: ASYNC110 - files tell nobody
                await trio.sleep(0.005)
        nursery.cancel_scope.cancel()
    said = [record.message for record in caplog.records if record.name == "nexusd.service"]
    assert said[0] == "swept what earlier lives left"


@pytest.mark.parametrize("name", ["local_disk"])
async def test_the_provider_of_a_row_is_whose_file_it_is(tmp_path: Path, name: str) -> None:
    async with open_life(tmp_path) as life:
        assert isinstance(life.disk, LocalDisk)
        await life.upload(b"here")
        await life.store.add_asset(provider="elsewhere", object_key="default/a/b")
        page = await life.storage.verify(None, 10)
        assert (page.checked, page.findings, life.disk.name) == (1, [], name)
