"""Lists page without gap or duplicate, filters narrow them, and the queue's heads are what a choice needs."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from nexusd.domain.ids import new_id
from nexusd.domain.retry import Cancelled, Crashed, Done, Failed
from nexusd.domain.states import ErrorCode, JobStatus
from nexusd.errors import AlreadyExists, InvalidRequest, NotFound
from nexusd.store import assets, companies, dispatch, events, jobs, pages, queries, submissions
from nexusd.store.assets import AssetFilter
from nexusd.store.queries import JobFilter
from nexusd.store.tables import ASSETS, JOBS
from tests.support.stores import NOON, Store, make_asset, new_job

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import Connection

    from nexusd.contract.assets import AssetList
    from nexusd.contract.companies import CompanyList
    from nexusd.contract.jobs import JobList
    from nexusd.domain.retry import Outcome

HOUR = timedelta(hours=1)


async def add_company(store: Store, slug: str) -> str:
    return (await store.database.write(companies.create, slug, None, NOON)).id


async def list_jobs(store: Store, limit: int, cursor: str | None, wanted: JobFilter | None = None) -> JobList:
    return await store.database.read(queries.find, store.company_id, wanted or JobFilter(), limit, cursor)


async def list_assets(store: Store, limit: int, cursor: str | None, wanted: AssetFilter | None = None) -> AssetList:
    return await store.database.read(assets.find, store.company_id, wanted or AssetFilter(), limit, cursor)


async def list_companies(store: Store, limit: int, cursor: str | None) -> CompanyList:
    return await store.database.read(companies.find, limit, cursor)


async def add_jobs(store: Store, count: int) -> list[str]:
    return await store.submit(*(new_job() for _ in range(count)))


async def add_assets(store: Store, count: int) -> list[str]:
    return [(await store.add_asset()).id for _ in range(count)]


async def add_companies(store: Store, count: int) -> list[str]:
    return [await add_company(store, f"c-{new_id()[:8]}-{number}-{random.randrange(10**9)}") for number in range(count)]


@pytest.mark.parametrize(
    ("find", "add", "newest_first"),
    [(list_jobs, add_jobs, True), (list_assets, add_assets, True), (list_companies, add_companies, False)],
)
@pytest.mark.parametrize("limit", [1, 7, 23, 50])
async def test_pages_have_no_gap_and_no_duplicate_while_rows_are_added(
    store: Store,
    find: Callable[[Store, int, str | None], Awaitable[Any]],
    add: Callable[[Store, int], Awaitable[list[str]]],
    newest_first: bool,
    limit: int,
) -> None:
    there = await add(store, 23)
    seen: list[str] = []
    added: list[str] = []
    cursor: str | None = None
    for turn in range(1000):
        page = await find(store, limit, cursor)
        assert len(page.items) <= limit
        seen += [item.id for item in page.items]
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
        if turn < 5:
            added += await add(store, 2)
    assert len(seen) == len(set(seen))
    assert [row for row in seen if row in set(there)] == (there[::-1] if newest_first else there)
    assert newest_first is False or not set(seen) & set(added)  # what is newer than the first page is not in the next
    assert newest_first or set(added) <= set(seen)


NO_CURSORS = [
    "",
    "%",
    "eyJ",
    "W10",
    "WyJ4Il0",
    "bnVsbA",
    "e30",
    "WzFd",
    "WyJhIiwiYiJd",
    "ü",
    "\udcff",
    "A" * 9999,
    "W1tb" * 9999,
]


@pytest.mark.parametrize("cursor", NO_CURSORS)
async def test_a_cursor_that_nobody_gave_is_refused(store: Store, cursor: str) -> None:
    for find in (list_jobs, list_assets, list_companies):
        with pytest.raises(InvalidRequest) as refusal:
            await find(store, 10, cursor)
        assert [param.pointer for param in refusal.value.params] == ["?cursor"]


async def test_filters_narrow_the_list_of_jobs(store: Store) -> None:
    expected: dict[str, list[str]] = {}
    for number, (status, job_type) in enumerate([(s, t) for s in JobStatus for t in ("a", "b")]):
        created = NOON + number * HOUR
        new_jobs = [new_job(job_type, source_task_id=f"task-{number % 3}")]
        [job] = await store.database.write(submissions.create, store.company_id, new_jobs, None, created)
        await bring_to(store, job.job_id, status)
        for name in (status.value, job_type, f"task-{number % 3}", "all", "late" if created > NOON + 6 * HOUR else "early"):
            expected.setdefault(name, []).insert(0, job.job_id)
    await store.database.write(submissions.create, await add_company(store, "elsewhere"), [new_job("a")], None, NOON)

    async def found(**fields: Any) -> list[str]:
        return [job.id for job in (await list_jobs(store, 100, None, JobFilter(**fields))).items]

    assert await found() == expected["all"]
    for status in JobStatus:
        assert await found(statuses=frozenset({status})) == expected[status]
    two = frozenset({JobStatus.DONE, JobStatus.QUEUED})
    assert await found(statuses=two) == sorted(expected["done"] + expected["queued"], reverse=True)
    assert await found(job_type="b") == expected["b"]
    assert await found(source_task_id="task-1") == expected["task-1"]
    assert await found(created_after=NOON + 6 * HOUR) == expected["late"]
    assert await found(created_before=NOON + 7 * HOUR) == expected["early"]
    assert await found(job_type="a", source_task_id="task-0") == [i for i in expected["a"] if i in expected["task-0"]]
    assert await found(job_type="c") == await found(statuses=frozenset()) == []
    counts = await store.database.read(queries.count)
    assert counts.jobs == {s: 3 if s is JobStatus.QUEUED else 2 for s in JobStatus}
    assert counts.events.highest == store.ask("SELECT max(id) FROM events")[0][0]
    assert await store.database.read(queries.has_active_jobs, ["a"])


async def bring_to(store: Store, job_id: str, status: JobStatus) -> None:
    if status is JobStatus.QUEUED:
        return
    claim = await store.claim(job_id)
    outcomes: dict[JobStatus, Outcome] = {
        JobStatus.DONE: Done(),
        JobStatus.FAILED: Failed(ErrorCode.TIMEOUT, "late"),
        JobStatus.CANCELLED: Cancelled(),
    }
    if status in outcomes:
        await store.settle(claim, outcomes[status], [make_asset(store.company_id)] if status is JobStatus.DONE else [])


async def test_filters_narrow_the_list_of_assets(store: Store) -> None:
    [job_id] = await store.submit()
    fields = {
        "job_id": job_id,
        "source_task_id": "task",
        "namespace": "generated/x",
        "content_type": "image/png",
        "sha256": "f" * 64,
    }
    plain = await store.add_asset()
    for name, value in fields.items():
        asset = await store.add_asset(**{name: value})
        assert [a.id for a in (await list_assets(store, 10, None, AssetFilter(**{name: value}))).items] == [asset.id]
        assert asset == await store.database.read(assets.get, store.company_id, asset.id)
    assert len((await list_assets(store, 10, None)).items) == 1 + len(fields)
    store.ask("UPDATE assets SET deleted_at = 'x' WHERE id = ?", plain.id)
    assert len((await list_assets(store, 10, None)).items) == len(fields)
    for company_id, asset_id in [(store.company_id, plain.id), ("another", asset.id), (store.company_id, "none")]:
        with pytest.raises(NotFound):
            await store.database.read(assets.get, company_id, asset_id)
    assert [a.job_id for a in await store.database.read(assets.of_job, job_id)] == [job_id]


async def test_a_company_is_found_by_id_and_by_slug_and_no_slug_can_pass_for_an_id(store: Store) -> None:
    made = await store.database.write(companies.create, "acme", "Acme & Söhne", NOON)
    assert await store.database.read(companies.get, "acme") == await store.database.read(companies.get, made.id) == made
    with pytest.raises(AlreadyExists):
        await store.database.write(companies.create, "acme", None, NOON)
    with pytest.raises(InvalidRequest) as refusal:
        await store.database.write(companies.create, made.id, "an impostor", NOON)
    assert [param.pointer for param in refusal.value.params] == ["/slug"]
    with pytest.raises(NotFound):
        await store.database.read(companies.get, "nobody")
    await store.database.write(companies.ensure_default, NOON)
    assert store.ask("SELECT slug FROM companies ORDER BY id") == [("default",), ("acme",)]


async def test_a_job_of_another_company_is_not_found(store: Store) -> None:
    elsewhere = await add_company(store, "elsewhere")
    [job_id] = await store.submit()
    for query in (queries.get, queries.get_snapshot):
        with pytest.raises(NotFound):
            await store.database.read(query, elsewhere, job_id)
    snapshot = await store.database.read(queries.get_snapshot, store.company_id, job_id)
    assert (snapshot.job.id, snapshot.bounds) == (job_id, events.Bounds(0, 1))


async def test_the_heads_of_the_queue_are_what_may_start_now(store: Store) -> None:
    elsewhere = await add_company(store, "elsewhere")
    low = await store.submit(*(new_job("a", priority=0) for _ in range(4)))
    high = await store.submit(*(new_job("a", priority=9) for _ in range(2)))
    other_type = await store.submit(*(new_job("b") for _ in range(2)))
    theirs = await store.submit(new_job("a"), company_id=elsewhere)
    unknown = await store.submit(new_job("unknown"))

    async def heads(count: int, now: datetime = NOON) -> list[str]:
        return [job.id for job in await store.database.read(dispatch.queue_heads, ["a", "b"], count, now)]

    assert await heads(3) == [*high, low[0], *other_type, *theirs]
    assert unknown[0] not in await heads(100)
    late = NOON + HOUR
    for job_id, crashes in [(high[0], 2), (high[1], 2)]:
        for _ in range(crashes):
            await store.settle(await store.claim(job_id), Crashed(), now=late, random=0.5 if job_id == high[0] else 0.0)
    [(first,), (second,)] = store.ask("SELECT available_at FROM content_jobs WHERE available_at IS NOT NULL ORDER BY 1")
    assert (first, second) == ("2026-01-02T13:00:01.000Z", "2026-01-02T13:00:01.500Z")
    assert await store.database.read(dispatch.find_next_available_at, late) == late + timedelta(seconds=1)
    assert await store.database.read(dispatch.find_next_available_at, late + timedelta(seconds=1)) == late + timedelta(
        seconds=1.5
    )
    assert await store.database.read(dispatch.find_next_available_at, late + timedelta(seconds=1.5)) is None
    assert await heads(2, late + timedelta(seconds=0.999)) == [*low[:2], *other_type, *theirs]
    assert await heads(2, late + timedelta(seconds=1)) == [high[1], low[0], *other_type, *theirs]
    await store.claim(high[0])
    await store.database.write(jobs.request_cancel, store.company_id, high[1], NOON)
    assert await store.database.read(dispatch.find_next_available_at, NOON) is None


@pytest.mark.parametrize("find", [list_jobs, list_assets])
async def test_a_part_of_an_id_finds_what_begins_or_ends_so(
    store: Store, find: Callable[..., Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sorted(await (add_jobs if find is list_jobs else add_assets)(store, 9), reverse=True)
    make = JobFilter if find is list_jobs else AssetFilter

    async def found(part: str, limit: int = 100, cursor: str | None = None) -> list[str]:
        return [item.id for item in (await find(store, limit, cursor, make(id_part=part))).items]

    for one in ids:
        for part in (one, one[:-1], one[-6:], one[-17:], one[-17:].replace("-", ""), one.upper()):
            assert one in await found(part), part
            assert await found(part) == [each for each in ids if each.startswith(part.lower()) or each.endswith(one[-6:])]
    assert await found(ids[0][:2]) == ids
    assert await found(ids[0][-5:]) == [each for each in ids if each.startswith(ids[0][-5:])]
    assert await found("---") == await found("f" * 33) == []
    first = await find(store, 4, None, make(id_part=ids[0][:3]))
    assert [item.id for item in first.items] == ids[:4]
    assert await found(ids[0][:3], 100, first.next_cursor) == ids[4:]
    monkeypatch.setattr(pages, "ENDINGS_AMONG", 3)
    assert (await found(ids[2][-8:]), await found(ids[3][-8:])) == ([ids[2]], [])


async def test_a_part_of_an_id_is_looked_up_by_an_index(store: Store) -> None:
    plans: list[str] = []

    def explain(connection: Connection) -> None:
        for part in ("0199", "0199c0de12"):
            wanted = pages.PageWanted(store.company_id, 6, None, part)
            for table in (JOBS, ASSETS):
                for fits in pages._fitting(table, wanted, part):
                    query = select(table.c.id, table.c.created_at).where(table.c.company_id == store.company_id, *fits)
                    text = str(
                        query.order_by(table.c.id.desc()).limit(7).compile(connection, compile_kwargs={"literal_binds": True})
                    )
                    plans.extend(row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}"))

    await store.database.read(explain)
    assert plans
    assert not [plan for plan in plans if "SCAN" in plan.replace("SCALAR", "") or "TEMP B-TREE" in plan]
