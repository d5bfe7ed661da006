"""Event ids rise and are never used again; a cursor resumes exactly, or is told why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexusd.domain.retry import Done
from nexusd.store import companies, events, jobs
from nexusd.store.events import Bounds, Scope, StoredEvent
from tests.support.stores import NOON, Store, ask, make_asset, new_job, open_store

if TYPE_CHECKING:
    from pathlib import Path


async def test_an_id_is_never_used_again(tmp_path: Path) -> None:
    path = tmp_path / "nexusd.db"
    given: list[int] = []
    for _ in range(3):
        async with open_store(path) as store:
            assert store.hub.highest_event_id == (given[-1] if given else 0)
            await store.submit(new_job(), new_job())
            given += [number for (number,) in store.ask("SELECT id FROM events ORDER BY id") if number not in given]
            assert store.hub.highest_event_id == given[-1]
            store.ask("DELETE FROM events")
            bounds = await store.database.read(events.get_bounds)
            assert bounds == Bounds(0, given[-1])
    assert given == sorted(set(given)) == list(range(1, 7))
    assert ask(path, "SELECT count(*) FROM events") == [(0,)]


async def test_a_cursor_outside_of_what_is_kept_is_told_so(store: Store) -> None:
    await store.submit(*(new_job() for _ in range(10)))
    store.ask("DELETE FROM events WHERE id <= 4 AND id <> 2")  # one is kept for longer
    store.ask("UPDATE event_retention SET pruned_through = 4")
    bounds = await store.database.read(events.get_bounds)
    assert bounds == Bounds(4, 10)
    refusals = {cursor: bounds.refusal(cursor) for cursor in range(13)}
    pruned, future = dict.fromkeys(range(4), "pruned"), dict.fromkeys((11, 12), "future")
    assert refusals == {**pruned, **dict.fromkeys(range(4, 11)), **future}


async def read(store: Store, cursor: int, scope: Scope, limit: int = 1000) -> list[StoredEvent]:
    return await store.database.read(events.read_after, cursor, scope, limit)


async def test_a_scope_narrows_and_a_cursor_resumes_exactly(store: Store) -> None:
    elsewhere = (await store.database.write(companies.create, "elsewhere", None, NOON)).id
    [mine] = await store.submit()
    await store.submit(company_id=elsewhere)
    claim = await store.claim(mine)
    await store.database.write(jobs.report_progress, claim, 0.5, None, NOON)
    await store.settle(claim, Done(), [make_asset(store.company_id, job_id=mine)])
    all_of_it = await read(store, 0, Scope())
    assert [event.id for event in all_of_it] == [1, 2, 3, 4, 5, 6]
    kinds = ["content_job.queued", "content_job.running", "content_job.progress", "asset.created", "content_job.done"]
    assert [event.type for event in await read(store, 0, Scope(company_id=store.company_id))] == kinds
    assert [event.type for event in await read(store, 0, Scope(job_id=mine))] == [k for k in kinds if k != "asset.created"]
    chosen = Scope(company_id=store.company_id, types=frozenset({"asset.created", "content_job.done"}))
    assert [event.type for event in await read(store, 0, chosen)] == ["asset.created", "content_job.done"]
    assert await read(store, 0, Scope(types=frozenset())) == []
    for cursor in range(8):
        assert await read(store, cursor, Scope()) == all_of_it[cursor:]
        one_by_one: list[StoredEvent] = []
        for _ in all_of_it:
            one_by_one += await read(store, one_by_one[-1].id if one_by_one else cursor, Scope(), 1)
        assert one_by_one == all_of_it[cursor:]
        for scope in (Scope(), chosen, Scope(company_id="nobody")):
            found, after = await store.database.read(events.read_on, cursor, scope)
            assert found == await read(store, cursor, scope)
            assert after == max(cursor, 6)


async def test_a_long_way_is_read_in_pages(store: Store) -> None:
    await store.submit(*(new_job() for _ in range(events.READ_LIMIT)))
    await store.submit(*(new_job() for _ in range(5)))
    found, cursor = await store.database.read(events.read_on, 0, Scope())
    assert (len(found), cursor) == (events.READ_LIMIT, events.READ_LIMIT)
    found, cursor = await store.database.read(events.read_on, cursor, Scope())
    assert ([event.id for event in found], cursor) == ([1001, 1002, 1003, 1004, 1005], 1005)
