"""Event ids rise and are never used again; a cursor resumes exactly, or is told why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexusd.domain.retry import Done
from nexusd.store import companies, events, jobs
from nexusd.store.events import Bounds, Page, Scope, StoredEvent
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


async def test_a_page_after_such_a_cursor_says_so_whatever_there_is_to_read(store: Store) -> None:
    await store.submit(*(new_job() for _ in range(10)))
    store.ask("UPDATE event_retention SET pruned_through = 4")  # the rows are there: what counts is what was decided
    for cursor in range(13):
        page = await store.database.read(events.read_on, cursor, Scope())
        if 4 <= cursor <= 10:
            assert page.refusal is None
            assert [event.id for event in page.events] == list(range(cursor + 1, 11))
        else:
            assert page == Page([], 10, "pruned" if cursor < 4 else "future")


async def read(store: Store, cursor: int, scope: Scope, limit: int = 1000) -> list[StoredEvent]:
    return (await store.database.read(events.read_on, cursor, scope, limit)).events


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
    for cursor in range(7):
        assert await read(store, cursor, Scope()) == all_of_it[cursor:]
        one_by_one: list[StoredEvent] = []
        for _ in all_of_it:
            one_by_one += await read(store, one_by_one[-1].id if one_by_one else cursor, Scope(), 1)
        assert one_by_one == all_of_it[cursor:]
        for scope in (Scope(), chosen, Scope(company_id="nobody")):
            page = await store.database.read(events.read_on, cursor, scope)
            assert (page.cursor, page.refusal) == (6, None)
            assert set(page.events) <= set(all_of_it[cursor:])


async def test_a_long_way_is_read_in_pages_of_a_bounded_size(store: Store) -> None:
    await store.submit(*(new_job(source_task_id="x" * 255) for _ in range(300)))
    pages: list[Page] = []
    cursor = 0
    while cursor < 300:
        pages.append(await store.database.read(events.read_on, cursor, Scope()))
        assert pages[-1].events[0].id == cursor + 1
        cursor = pages[-1].cursor
        assert pages[-1].events[-1].id == cursor
    sizes = [sum(len(event.data) for event in page.events) for page in pages]
    largest = max(len(event.data) for page in pages for event in page.events)
    assert all(events.PAGE_MAX_BYTES <= size < events.PAGE_MAX_BYTES + largest for size in sizes[:-1])
    assert len(pages) > 2
    page = await store.database.read(events.read_on, 0, Scope(), 5)
    assert ([event.id for event in page.events], page.cursor) == ([1, 2, 3, 4, 5], 5)
