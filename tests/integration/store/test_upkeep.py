"""The end of an asset's row: refused while it is pinned or needed, told of once, in small units."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
import trio
import trio.testing

from nexusd.domain.retry import Done, Failed
from nexusd.domain.states import ErrorCode
from nexusd.errors import AssetInUse, AssetPinned, InvalidRequest, NotFound
from nexusd.store import assets, companies, jobs, submissions, upkeep
from nexusd.store.assets import AssetFilter
from nexusd.store.tables import ASSETS
from tests.support.patience import HANG_SECONDS
from tests.support.stores import NOON, Store, make_asset, new_job

if TYPE_CHECKING:
    from nexusd.contract.assets import Asset

LATER: Final = NOON + timedelta(hours=1)
EVERYTHING: Final = ("", 100)


async def delete(store: Store, asset: Asset) -> Asset:
    return await store.database.write(upkeep.delete, store.company_id, asset.id, LATER)


async def submit_with(store: Store, *named: Asset) -> str:
    [job_id] = await store.submit(new_job(references=[(f"/input/{number}", asset.id) for number, asset in enumerate(named)]))
    return job_id


async def find_retirable(store: Store, asset: Asset) -> bool:
    found = await store.database.read(upkeep.find_retirable, store.company_id, None, *EVERYTHING)
    return asset.id in [one.id for one in found]


async def test_a_deletion_is_told_once_and_the_row_is_gone_for_all(store: Store) -> None:
    asset = await store.add_asset()
    assert await delete(store, asset) == asset
    for again in (delete(store, asset), store.database.write(upkeep.pin, store.company_id, asset.id, NOON)):
        with pytest.raises(NotFound):
            await again
    with pytest.raises(NotFound):
        await store.database.read(assets.get, store.company_id, asset.id)
    listed = await store.database.read(assets.find, store.company_id, AssetFilter(), 10, None)
    assert listed.items == []
    told = store.ask("SELECT type, data, created_at FROM events WHERE asset_id = ? ORDER BY id", asset.id)
    assert [kind for kind, _, _ in told] == ["asset.created", "asset.deleted"]
    assert json.loads(told[1][1])["asset"]["id"] == asset.id
    assert told[1][2] == "2026-01-02T13:00:00.000Z"
    assert store.ask("SELECT deleted_at FROM assets") == [("2026-01-02T13:00:00.000Z",)]


async def test_another_company_has_no_such_asset(store: Store) -> None:
    asset = await store.add_asset()
    other = await store.database.write(companies.create, "acme", None, NOON)
    for unit in (upkeep.delete, upkeep.pin):
        with pytest.raises(NotFound):
            await store.database.write(unit, other.id, asset.id, NOON)
    with pytest.raises(NotFound):
        await store.database.write(upkeep.unpin, other.id, asset.id)
    assert await store.database.write(upkeep.retire, other.id, [asset.id], NOON) == []
    assert await store.database.read(upkeep.find_retirable, other.id, None, *EVERYTHING) == []


async def test_what_is_pinned_stays_until_it_is_let_go(store: Store) -> None:
    asset = await store.add_asset()
    pinned = await store.database.write(upkeep.pin, store.company_id, asset.id, NOON)
    assert pinned.pinned_at == NOON
    again = await store.database.write(upkeep.pin, store.company_id, asset.id, LATER)
    assert again.pinned_at == NOON
    assert await store.database.read(assets.get, store.company_id, asset.id) == pinned
    with pytest.raises(AssetPinned, match="unpin it first"):
        await delete(store, asset)
    assert await store.database.write(upkeep.retire, store.company_id, [asset.id], LATER) == []
    assert not await find_retirable(store, asset)
    for _ in range(2):
        assert (await store.database.write(upkeep.unpin, store.company_id, asset.id)).pinned_at is None
    assert await find_retirable(store, asset)
    await delete(store, asset)


@pytest.mark.parametrize("end", ["cancelled while queued", "done", "failed"])
async def test_what_a_job_needs_stays_until_that_is_over(store: Store, end: str) -> None:
    asset, other = await store.add_asset(), await store.add_asset()
    job_id = await submit_with(store, asset)

    async def check_needed() -> None:
        with pytest.raises(AssetInUse, match=job_id) as refused:
            await delete(store, asset)
        assert refused.value.job_id == job_id
        assert await store.database.write(upkeep.retire, store.company_id, [asset.id], LATER) == []
        assert (await find_retirable(store, asset), await find_retirable(store, other)) == (False, True)

    await check_needed()
    if end == "cancelled while queued":
        await store.database.write(jobs.request_cancel, store.company_id, job_id, NOON)
    else:
        claim = await store.claim(job_id)
        await check_needed()
        results = [make_asset(store.company_id, job_id=job_id)]
        outcome = Done() if end == "done" else Failed(ErrorCode.INVALID_INPUT, "no")
        assert await store.settle(claim, outcome, results if end == "done" else ())
    assert await find_retirable(store, asset)
    await delete(store, asset)


async def test_a_job_that_waits_for_another_try_still_needs_its_asset(store: Store) -> None:
    asset = await store.add_asset()
    claim = await store.claim(await submit_with(store, asset))
    settled = await store.settle(claim, Failed(ErrorCode.OUT_OF_MEMORY, "again"))
    assert settled is not None
    assert not settled.status.is_terminal
    with pytest.raises(AssetInUse):
        await delete(store, asset)


async def test_of_two_jobs_the_older_is_named_and_both_must_be_over(store: Store) -> None:
    asset = await store.add_asset()
    first, second = await submit_with(store, asset), await submit_with(store, asset)
    for job_id in (first, second):
        with pytest.raises(AssetInUse, match=job_id):
            await delete(store, asset)
        await store.database.write(jobs.request_cancel, store.company_id, job_id, NOON)
    await delete(store, asset)


@pytest.mark.parametrize("first", ["submission", "deletion"])
async def test_of_a_submission_and_a_deletion_the_first_wins_and_the_second_learns_of_it(store: Store, first: str) -> None:
    asset = await store.add_asset()
    has_begun, may_end = threading.Event(), threading.Event()
    outcomes: dict[str, str] = {}

    def hold(_connection: object) -> None:
        has_begun.set()
        may_end.wait(HANG_SECONDS)

    async def submit() -> None:
        wanted = [new_job(references=[("/input/a", asset.id)])]
        try:
            await store.database.write(submissions.create, store.company_id, wanted, None, NOON)
            outcomes["submission"] = "done"
        except InvalidRequest as error:
            outcomes["submission"] = error.params[0].pointer

    async def end() -> None:
        try:
            await delete(store, asset)
            outcomes["deletion"] = "done"
        except AssetInUse:
            outcomes["deletion"] = "in use"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.database.write, hold)
        await trio.to_thread.run_sync(has_begun.wait, HANG_SECONDS)
        for both in (submit, end) if first == "submission" else (end, submit):
            nursery.start_soon(both)
            await trio.testing.wait_all_tasks_blocked()
        may_end.set()  # the two are one group, one transaction
    if first == "submission":
        assert outcomes == {"submission": "done", "deletion": "in use"}
    else:
        assert outcomes == {"submission": "/input/a", "deletion": "done"}
        assert store.ask("SELECT count(*) FROM content_jobs") == [(0,)]


async def test_retention_finds_the_oldest_first_a_page_at_a_time(store: Store) -> None:
    stored = [await store.add_asset(created_at=NOON + timedelta(minutes=number), byte_size=number) for number in range(5)]
    before = NOON + timedelta(minutes=3)
    first = await store.database.read(upkeep.find_retirable, store.company_id, before, "", 2)
    assert [(one.id, one.byte_size) for one in first] == [(asset.id, asset.byte_size) for asset in stored[:2]]
    rest = await store.database.read(upkeep.find_retirable, store.company_id, before, first[-1].id, 2)
    assert [one.id for one in rest] == [stored[2].id]
    assert await store.database.read(upkeep.sum_bytes, store.company_id) == 10
    retired = await store.database.write(upkeep.retire, store.company_id, [asset.id for asset in stored[:4]], LATER)
    assert retired == stored[:4]
    assert await store.database.read(upkeep.sum_bytes, store.company_id) == 4
    told = store.ask("SELECT asset_id FROM events WHERE type = 'asset.deleted' ORDER BY id")
    assert told == [(asset.id,) for asset in stored[:4]]


async def test_a_key_is_known_by_its_row_and_a_deleted_one_as_such(store: Store) -> None:
    live, gone = await store.add_asset(), await store.add_asset()
    elsewhere = await store.add_asset(provider="s3")
    await delete(store, gone)
    keys = [live.object_key, gone.object_key, elsewhere.object_key, "default/nothing/x"]
    known = await store.database.read(upkeep.find_files, "local_disk", keys)
    assert known == {live.object_key: False, gone.object_key: True}
    listed = await store.database.read(upkeep.list_live, "local_disk", "", 10)
    assert [asset.id for asset in listed] == [live.id]
    assert await store.database.read(upkeep.list_live, "local_disk", live.id, 10) == []
    assert await store.database.read(upkeep.is_live, live.id)
    assert not await store.database.read(upkeep.is_live, gone.id)


async def test_the_oldest_start_is_of_what_runs(store: Store) -> None:
    assert upkeep.OLDEST_START.compile().params == {}  # else SQLite would look at every job there ever was
    assert await store.database.read(upkeep.find_oldest_start) is None
    ids = await store.submit(new_job(), new_job(), new_job())
    assert await store.database.read(upkeep.find_oldest_start) is None
    claims = [await store.claim(job_id, NOON + timedelta(minutes=number)) for number, job_id in enumerate(ids)]
    assert await store.database.read(upkeep.find_oldest_start) == NOON
    await store.settle(claims[0], Failed(ErrorCode.INVALID_INPUT, "no"))
    assert await store.database.read(upkeep.find_oldest_start) == NOON + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            lambda: upkeep._select_retirable("c").where(ASSETS.c.id > "").order_by(ASSETS.c.id),
            "assets_by_company",
        ),
        (lambda: upkeep._select_need("a"), "job_asset_references_by_asset"),
        (lambda: upkeep.OLDEST_START, "content_jobs_running"),
    ],
)
async def test_what_is_looked_for_has_an_index(store: Store, query: object, index: str) -> None:
    text = str(query().compile(compile_kwargs={"literal_binds": True}))  # type: ignore[operator]
    plan = " ".join(str(row[3]) for row in store.ask(f"EXPLAIN QUERY PLAN {text}"))
    assert index in plan, plan
    assert "SCAN" not in plan.replace("SCAN content_jobs USING INDEX content_jobs_running", ""), plan
    assert "TEMP B-TREE" not in plan, plan
