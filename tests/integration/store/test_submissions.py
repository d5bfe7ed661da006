"""Submissions: all or nothing, once for each key, and only with assets that are there."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import trio

from nexusd.errors import IdempotencyConflict, InvalidRequest
from nexusd.store import assets, companies, submissions
from nexusd.store.submissions import Idempotency
from tests.support.stores import NOON, Store, make_asset, new_job


def key(name: str = "k", route: str = "content-jobs", body: str = "b") -> Idempotency:
    return Idempotency(route, name, body)


async def add_company(store: Store, slug: str) -> str:
    return (await store.database.write(companies.create, slug, None, NOON)).id


async def test_rows_and_events_say_the_same_of_each_job_of_a_batch(store: Store) -> None:
    task = 'task ü " \\ 00000000'
    batch = [
        new_job("a", input='{"n": 1}'),
        new_job("b", input='{"n": 2}', source_task_id=task, priority=-5, timeout_seconds=0.5, max_attempts=7),
        new_job("a", input='{"n": 3}'),
        new_job("b", input='{"n": 4}', source_task_id=task, priority=-5, timeout_seconds=0.5, max_attempts=7),
        new_job("b", input='{"n": 5}', source_task_id=task, priority=-4, timeout_seconds=0.5, max_attempts=7),
    ]
    ids = await store.submit(*batch)
    assert ids == sorted(ids)  # the order of submission
    told = [json.loads(data)["job"] for (data,) in store.ask("SELECT data FROM events ORDER BY id")]
    for number, (job_id, wanted, event) in enumerate(zip(ids, batch, told, strict=True), 1):
        job = await store.get(job_id)
        assert job.input == {"n": number}
        standing = json.loads(job.model_dump_json(by_alias=True))
        assert event == {name: standing[name] for name in event}
        assert (job.job_type, job.source_task_id, job.priority) == (wanted.job_type, wanted.source_task_id, wanted.priority)
        assert (job.timeout_seconds, job.max_attempts) == (wanted.timeout_seconds, wanted.max_attempts)
        assert (job.status, job.attempt, job.created_at) == ("queued", 0, NOON)


async def test_the_same_key_stands_for_the_same_jobs(store: Store) -> None:
    ids = await store.submit(new_job(), new_job(), key=key())
    assert await store.submit(new_job(), new_job(), key=key()) == ids
    claim = await store.claim(ids[0])
    again = await store.database.write(submissions.create, store.company_id, [new_job(), new_job()], key(), NOON)
    assert [(job.job_id, job.status, job.created_at) for job in again] == [(ids[0], "running", NOON), (ids[1], "queued", NOON)]
    assert claim.job.attempt == 1
    with pytest.raises(IdempotencyConflict):
        await store.submit(key=key(body="other"))
    assert store.ask("SELECT count(*) FROM content_jobs") == [(2,)]
    elsewhere = await add_company(store, "elsewhere")
    others = [
        await store.submit(key=key(route="content-jobs/batch", body="other")),
        await store.submit(key=key(name="K", body="other")),
        await store.submit(key=key(body="other"), company_id=elsewhere),
    ]
    assert len({*ids, *(job_id for [job_id] in others)}) == 5


async def test_one_key_many_times_at_once_makes_one_job(store: Store) -> None:
    answers: list[str] = []

    async def submit() -> None:
        answers.extend(await store.submit(key=key()))

    async with trio.open_nursery() as nursery:
        for _ in range(16):
            nursery.start_soon(submit)
    assert len(answers) == 16
    assert store.ask("SELECT id FROM content_jobs") == [(answers[0],)]
    assert set(answers) == {answers[0]}
    assert store.ask("SELECT count(*) FROM events") == [(1,)]


async def test_an_asset_that_is_not_there_is_named_and_nothing_is_stored(store: Store) -> None:
    mine, deleted = await store.add_asset(), await store.add_asset()
    store.ask("UPDATE assets SET deleted_at = ? WHERE id = ?", "2026-01-02T12:00:00.000Z", deleted.id)
    theirs = make_asset(await add_company(store, "elsewhere"))
    await store.database.write(assets.add, theirs)
    batch = [
        new_job(references=[("/items/0/input/a", mine.id)]),
        new_job(references=[("/items/1/input/a", mine.id), ("/items/1/input/b", theirs.id), ("/items/1/input/c", "nowhere")]),
        new_job(references=[("/items/2/input/x~1y", deleted.id), ("/items/2/input/z", deleted.id)]),
    ]
    with pytest.raises(InvalidRequest) as refusal:
        await store.submit(*batch, key=key())
    assert [(param.pointer, param.reason) for param in refusal.value.params] == [
        (pointer, f"there is no asset {asset_id} in this company")
        for pointer, asset_id in [
            ("/items/1/input/b", theirs.id),
            ("/items/1/input/c", "nowhere"),
            ("/items/2/input/x~1y", deleted.id),
            ("/items/2/input/z", deleted.id),
        ]
    ]
    for table in ("content_jobs", "job_asset_references", "idempotency_keys"):
        assert store.ask(f"SELECT count(*) FROM {table}") == [(0,)]
    [job_id] = await store.submit(new_job(references=[("/input/a", mine.id), ("/input/b", mine.id)]), key=key())
    assert [asset.id for asset in await store.database.read(assets.referenced_by, job_id)] == [mine.id]


@pytest.mark.slow
async def test_a_batch_may_name_more_assets_than_a_statement_has_variables(store: Store) -> None:
    known = await store.add_asset()
    references = [(f"/{number}", f"none-{number}") for number in range(300_000)]
    with pytest.raises(InvalidRequest) as refusal:
        await store.submit(new_job(references=[*references, ("/known", known.id)]))
    assert {param.pointer for param in refusal.value.params} <= {pointer for pointer, _ in references}


async def test_a_batch_is_all_or_nothing(store: Store) -> None:
    with pytest.raises(Exception, match="NOT NULL constraint failed"):
        await store.submit(new_job(), new_job(input=None), new_job(), key=key())
    assert store.ask("SELECT count(*) FROM content_jobs") == [(0,)]
    assert store.ask("SELECT count(*) FROM events") == [(0,)]
    assert store.ask("SELECT count(*) FROM idempotency_keys") == [(0,)]
    assert len(await store.submit(*(new_job() for _ in range(1000)), key=key())) == 1000


async def test_times_are_kept_to_the_millisecond_in_utc(store: Store) -> None:
    moment = datetime(2026, 3, 29, 1, 59, 59, 999999, tzinfo=UTC)
    [job] = await store.database.write(submissions.create, store.company_id, [new_job()], None, moment)
    assert store.ask("SELECT created_at FROM content_jobs") == [("2026-03-29T01:59:59.999Z",)]
    assert (await store.get(job.job_id)).created_at == moment.replace(microsecond=999000)
