"""While a backup is made nothing that it needs is deleted; afterwards everything is that should be."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from nexusd.contract.backups import BackupRequest
from nexusd.service.backups import BackupService
from nexusd.storage import LocalDisk, deletions
from nexusd.store import copies
from tests.support.holds import holding_at
from tests.support.oracle import check
from tests.support.stores import NOON, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

    from nexusd.contract.assets import Asset
    from tests.support.stores import Store


class Rig:
    """A state directory with its parts, and the service over it."""

    def __init__(self, state: Path, store: Store) -> None:
        self.state = state
        self.store = store
        self.storage = LocalDisk(state / "assets")
        self.service = BackupService(state, self.storage)

    async def add(self, content: bytes) -> Asset:
        """Store a file, then its row."""

        async def body() -> AsyncIterator[bytes]:
            yield content

        stored = await self.storage.put_file(
            company="default", namespace="a", filename="x", content_type="a/b", source=body(), max_bytes=None, now=NOON
        )
        return await self.store.add_asset(
            object_key=stored.object_key, sha256=stored.sha256, byte_size=stored.byte_size, namespace="a"
        )

    async def delete(self, asset: Asset) -> bool:
        """Delete the row, then the file."""
        self.store.ask("UPDATE assets SET deleted_at = '2026-01-02T12:00:00.000Z' WHERE id = ?", asset.id)
        return await self.storage.delete_file(asset.object_key, asset.sha256)

    def has(self, asset: Asset, where: Path | None = None) -> bool:
        """Tell whether the asset's file is there."""
        return ((where or self.state) / "assets" / asset.object_key).exists()

    async def back_up(self, target: Path) -> None:
        """Make a backup."""
        await self.service.make(BackupRequest(directory=str(target)), None)


@asynccontextmanager
async def open_rig(base: Path) -> AsyncIterator[Rig]:
    (base / "state").mkdir(mode=0o700)
    async with open_store(base / "state" / "nexusd.db") as store:
        yield Rig(base / "state", store)


async def test_what_is_deleted_meanwhile_is_in_the_backup_and_goes_afterwards(tmp_path: Path) -> None:
    target = tmp_path / "backup"
    async with open_rig(tmp_path) as rig:
        assets = [await rig.add(content) for content in (b"one", b"two", b"one")]
        async with trio.open_nursery() as nursery:
            with holding_at("backup.database.after") as hold:
                nursery.start_soon(rig.back_up, target)
                await hold.reached.wait()
                for asset in assets[:2]:
                    assert await rig.delete(asset)
                    assert rig.has(asset)
                late = await rig.add(b"late")
        assert [rig.has(asset) for asset in [*assets, late]] == [False, False, True, True]
        assert [rig.has(asset, target) for asset in [*assets, late]] == [True, True, True, False]
        assert await rig.delete(late)
        assert not rig.has(late)
        check(target)
        check(rig.state)


async def test_what_is_deleted_before_is_in_no_backup(tmp_path: Path) -> None:
    async with open_rig(tmp_path) as rig:
        gone, kept = await rig.add(b"one"), await rig.add(b"one")
        assert await rig.delete(gone)
        await rig.back_up(tmp_path / "backup")
        assert (rig.has(gone, tmp_path / "backup"), rig.has(kept, tmp_path / "backup")) == (False, True)
        check(tmp_path / "backup")


async def test_a_backup_that_is_cancelled_makes_up_for_deletions_all_the_same(tmp_path: Path) -> None:
    async with open_rig(tmp_path) as rig:
        (tmp_path / "empty").mkdir(mode=0o700)
        for name in ("new", "empty"):
            await rig.add(b"two")
            asset = await rig.add(b"one")
            async with trio.open_nursery() as nursery:
                with holding_at("backup.database.after") as hold:
                    nursery.start_soon(rig.back_up, tmp_path / name)
                    await hold.reached.wait()
                    assert await rig.delete(asset)
                    nursery.cancel_scope.cancel()
            assert not rig.has(asset)
        assert sorted(os.listdir(tmp_path)) == ["empty", "state"]
        assert os.listdir(tmp_path / "empty") == []


async def test_a_check_that_takes_long_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "STEP_INSTRUCTIONS", 1)
    async with open_rig(tmp_path) as rig:
        with trio.CancelScope() as scope:
            calls = 0

            def check_cancelled() -> None:
                nonlocal calls
                calls += 1
                if calls == 50:  # the copy itself has one step
                    trio.from_thread.run_sync(scope.cancel)
                trio.from_thread.check_cancelled()

            await trio.to_thread.run_sync(copies.copy_database, rig.state / "nexusd.db", tmp_path / "copy.db", check_cancelled)
        assert scope.cancelled_caught
        assert calls <= 52


async def test_two_backups_take_turns(tmp_path: Path) -> None:
    async with open_rig(tmp_path) as rig:
        await rig.add(b"one")
        async with trio.open_nursery() as nursery:
            with holding_at("backup.files.after") as hold:
                nursery.start_soon(rig.back_up, tmp_path / "first")
                await hold.reached.wait()
                nursery.start_soon(rig.back_up, tmp_path / "second")
                await trio.testing.wait_all_tasks_blocked()
                assert rig.service._turn.statistics().tasks_waiting == 1
                assert not (tmp_path / "second").exists()
        for name in ("first", "second"):
            check(tmp_path / name)


async def test_more_deletions_than_are_remembered_leave_garbage_and_no_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletions, "PUT_OFF_MAX", 1)
    async with open_rig(tmp_path) as rig:
        assets = [await rig.add(content) for content in (b"one", b"two")]
        async with rig.storage.hold_deletions():
            async with rig.storage.hold_deletions():
                for asset in assets:
                    assert await rig.delete(asset)
            assert all(rig.has(asset) for asset in assets)
        assert [rig.has(asset) for asset in assets] == [False, True]


async def test_garbage_is_collected_once_the_backup_is_made(tmp_path: Path) -> None:
    async with open_rig(tmp_path) as rig:
        asset = await rig.add(b"one")

        async def collect() -> None:
            await rig.storage.collect([asset.object_key], dry_run=False)

        async with trio.open_nursery() as nursery, rig.storage.hold_deletions():
            nursery.start_soon(collect)
            await trio.testing.wait_all_tasks_blocked()
            assert rig.has(asset)
            planned = await rig.storage.collect([asset.object_key], dry_run=True)
            assert planned.object_keys == [asset.object_key]
        assert not rig.has(asset)
