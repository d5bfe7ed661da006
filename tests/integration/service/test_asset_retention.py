"""Retention on a real store and disk: the oldest go first, what is pinned or needed stays, and no unit of work is large."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio

from nexusd.contract.base import utc_now
from nexusd.errors import WriteQueueFull
from nexusd.service import asset_retention as service
from nexusd.service.asset_retention import Retention, RetentionRules, look_after
from nexusd.service.storage import StorageService
from nexusd.storage import LocalDisk
from nexusd.store import assets, companies, upkeep
from tests.integration.storage.files import files_below, put, upload
from tests.support.stores import NOON, Store, make_asset, new_job, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from nexusd.contract.assets import Asset

DAY: Final = timedelta(days=1)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Shelf:
    """A store, its disk, and one row and file for each thing put on it."""

    store: Store
    disk: LocalDisk
    root: Path

    async def add(self, byte_size: int = 10, age: timedelta = timedelta(0), company_id: str | None = None) -> Asset:
        """Store an asset of that age."""
        stored = await put(self.disk, upload(str(utc_now().timestamp()).encode().ljust(byte_size, b"x")[:byte_size]))
        found = {"object_key": stored.object_key, "sha256": stored.sha256, "byte_size": stored.byte_size}
        asset = make_asset(company_id or self.store.company_id, created_at=utc_now() - age, **found)
        await self.store.database.write(assets.add, asset)
        return asset

    async def retire(self, **rules: Any) -> int:
        """Let retention pass once."""
        return await Retention(self.store.database, self.disk, RetentionRules(**rules)).run_once()

    def check_left(self, *left: Asset) -> None:
        """Check that these are left, rows and files."""
        rows = self.store.ask("SELECT id FROM assets WHERE deleted_at IS NULL ORDER BY id")
        assert rows == [(asset.id,) for asset in left]
        assert files_below(self.root) == sorted(asset.object_key for asset in left)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with open_store(tmp_path / "nexusd.db") as store:
        yield Shelf(store, LocalDisk(tmp_path / "assets"), tmp_path / "assets")


async def test_what_is_too_old_goes(shelf: Shelf) -> None:
    old, _, young = [await shelf.add(age=age) for age in (3 * DAY, 2 * DAY, DAY / 2)]
    assert await shelf.retire(seconds=DAY.total_seconds()) == 2
    shelf.check_left(young)
    told = shelf.store.ask("SELECT asset_id FROM events WHERE type = 'asset.deleted' ORDER BY id")
    assert told[0] == (old.id,)
    assert await shelf.retire(seconds=DAY.total_seconds()) == 0


async def test_of_too_much_the_oldest_goes_and_no_more_than_must(shelf: Shelf) -> None:
    stored = [await shelf.add(10) for _ in range(5)]
    assert await shelf.retire(max_bytes=50) == 0
    assert await shelf.retire(max_bytes=30) == 2
    shelf.check_left(*stored[2:])
    assert await shelf.retire(max_bytes=29) == 1
    shelf.check_left(*stored[3:])


async def test_what_is_pinned_or_needed_stays_and_counts(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    pinned, needed, free = [await shelf.add(10, age=3 * DAY) for _ in range(3)]
    await shelf.store.database.write(upkeep.pin, shelf.store.company_id, pinned.id, NOON)
    await shelf.store.submit(new_job(references=[("/input/a", needed.id)]))
    assert await shelf.retire(max_bytes=25) == 1
    shelf.check_left(pinned, needed)
    assert await shelf.retire(max_bytes=5, seconds=1) == 0
    shelf.check_left(pinned, needed)
    assert "a company has more than it may keep" in caplog.text
    assert free.id not in caplog.text


async def test_each_company_has_rules_of_its_own(shelf: Shelf) -> None:
    ids = {}
    for slug in ("acme", "hoard"):
        ids[slug] = (await shelf.store.database.write(companies.create, slug, None, NOON)).id
    mine = [await shelf.add(10, age=3 * DAY) for _ in range(2)]
    theirs = [await shelf.add(10, age=3 * DAY, company_id=ids["acme"]) for _ in range(2)]
    hoarded = [await shelf.add(10, age=3 * DAY, company_id=ids["hoard"]) for _ in range(2)]
    rules = {"max_bytes": 10, "max_bytes_per_company": {"acme": 20, "hoard": 0}}
    assert await shelf.retire(**rules) == 1
    shelf.check_left(mine[1], *theirs, *hoarded)
    rules = {"seconds": 1, "seconds_per_company": {"acme": 4 * DAY.total_seconds(), "hoard": 0}}
    assert await shelf.retire(**rules) == 1
    shelf.check_left(*theirs, *hoarded)


def test_it_is_off_unless_somebody_says_so() -> None:
    assert RetentionRules().is_off
    on: list[dict[str, Any]] = [
        {"seconds": 1},
        {"max_bytes": 1},
        {"seconds_per_company": {"a": 1}},
        {"max_bytes_per_company": {"a": 1}},
    ]
    for rules in on:
        assert not RetentionRules(**rules).is_off


@pytest.mark.slow
async def test_no_unit_of_work_is_large(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BATCH", 3)
    stored = [await shelf.add(1, age=DAY) for _ in range(10)]
    sizes: list[int] = []
    retire = upkeep.retire

    def counting(connection: Connection, *arguments: Any) -> list[Asset]:
        sizes.append(len(retired := retire(connection, *arguments)))
        return retired

    monkeypatch.setattr(upkeep, "retire", counting)
    assert await shelf.retire(max_bytes=5) == 5
    assert await shelf.retire(seconds=1) == 5
    assert sizes == [3, 2, 3, 2]
    shelf.check_left()
    assert len(stored) == 10


async def test_what_is_pinned_between_the_look_and_the_deletion_stays(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = await shelf.add(10), await shelf.add(10)
    find = upkeep.find_retirable

    def find_and_pin(connection: Connection, *arguments: Any) -> list[upkeep.Retirable]:
        found = find(connection, *arguments)
        shelf.store.ask("UPDATE assets SET pinned_at = '2026-01-02T12:00:00.000Z' WHERE id = ?", first.id)
        return found

    monkeypatch.setattr(upkeep, "find_retirable", find_and_pin)
    assert await shelf.retire(max_bytes=10) == 1
    shelf.check_left(first)
    assert second.id != first.id


async def test_a_clock_that_is_put_forward_deletes_nothing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = await shelf.add(10)
    retention = Retention(shelf.store.database, shelf.disk, RetentionRules(seconds=60))
    monkeypatch.setattr("nexusd.service.clock.utc_now", lambda: utc_now() + timedelta(days=365))
    assert await retention.run_once() == 0
    shelf.check_left(asset)
    monkeypatch.setattr("nexusd.service.clock._elapsed", lambda: 1e6)  # now that much has passed indeed
    assert await retention.run_once() == 1
    shelf.check_left()


async def test_trouble_passes_and_the_next_pass_makes_it_good(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    asset = await shelf.add(10, age=DAY)
    retention = Retention(shelf.store.database, shelf.disk, RetentionRules(seconds=60))
    passes = 0
    slept = trio.Event()
    run_once: Callable[[], Any] = retention.run_once

    async def fail_first() -> int:
        nonlocal passes
        passes += 1
        if passes == 1:
            raise WriteQueueFull("not now")
        count: int = await run_once()
        slept.set()
        return count

    monkeypatch.setattr(retention, "run_once", fail_first)
    monkeypatch.setattr(service, "PASS_SECONDS", 0.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(look_after, StorageService(shelf.store.database, shelf.disk), retention)
        await slept.wait()
        nursery.cancel_scope.cancel()
    shelf.check_left()
    assert "retention tries again later" in caplog.text
    assert asset.id
