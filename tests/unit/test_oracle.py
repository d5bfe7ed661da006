"""The oracle sees what is wrong: each damage below is found, and a sound database is called sound."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
import trio

from nexusd.domain.retry import Cancelled, Done, Failed, Stopped
from nexusd.domain.states import ErrorCode
from nexusd.store import jobs
from tests.support.oracle import Told, examine
from tests.support.stores import NOON, ask, make_asset, new_job, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nexusd.contract.assets import Asset
    from tests.support.stores import Store

CONTENT = b"made"
DROP_TRIGGER = "DROP TRIGGER content_jobs_move_legally"
DONE = "(SELECT id FROM content_jobs WHERE status = 'done')"
REPEAT = (
    "INSERT INTO events (company_id, job_id, asset_id, type, data, created_at) "
    "SELECT company_id, job_id, asset_id, {type}, data, created_at FROM events WHERE "
)


async def fill(state: Path) -> dict[str, str]:
    """Make a job of every kind at rest; return their ids by status."""
    async with open_store(state / "nexusd.db") as store:
        done, failed, cancelled, queued = await store.submit(*(new_job(max_attempts=1) for _ in range(4)))
        await store.settle(await store.claim(done), Stopped())
        await store.settle(await store.claim(done), Done(), [await make_file(state, store, done)])
        await store.settle(await store.claim(failed), Failed(ErrorCode.INVALID_INPUT, "no"))
        claim = await store.claim(cancelled)
        await store.database.write(jobs.report_progress, claim, 0.5, None, NOON)
        await store.database.write(jobs.request_cancel, store.company_id, cancelled, NOON)
        await store.settle(claim, Cancelled())
        return {"done": done, "failed": failed, "cancelled": cancelled, "queued": queued}


async def make_file(state: Path, store: Store, job_id: str) -> Asset:
    asset = make_asset(store.company_id, job_id=job_id, byte_size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
    path = state / "assets" / asset.object_key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    return asset


async def test_a_sound_database_is_called_sound(tmp_path: Path) -> None:
    ids = await fill(tmp_path)
    cancels = [(ids["cancelled"], "cancelling"), (ids["cancelled"], "cancelled"), (ids["failed"], "failed")]
    events = [(n, kind, json.loads(data)) for n, kind, data in ask(tmp_path / "nexusd.db", "SELECT id, type, data FROM events")]
    assert examine(tmp_path, Told(list(ids.values()), cancels, events)) == []


DAMAGE: dict[str, tuple[tuple[str, ...], str]] = {
    "two terminal events": ((REPEAT.format(type="type") + "type = 'content_job.done'",), "I3"),
    "two different terminal events": ((REPEAT.format(type="'content_job.failed'") + "type = 'content_job.done'",), "I3"),
    "no terminal event": (("DELETE FROM events WHERE type = 'content_job.done'",), "I2"),
    "an illegal path": (("DELETE FROM events WHERE type = 'content_job.running'",), "I2"),
    "no beginning": (("DELETE FROM events WHERE type = 'content_job.queued'",), "I2"),
    "a state without its event": ((DROP_TRIGGER, "UPDATE content_jobs SET status = 'failed' WHERE status = 'queued'"), "I2"),
    "an end without its time": (("UPDATE content_jobs SET finished_at = NULL",), "I2"),
    "a stale live attempt": (("UPDATE job_attempts SET finished_at = NULL, outcome = NULL WHERE number = 2",), "I3"),
    "an end without an outcome": (("UPDATE job_attempts SET outcome = NULL",), "I3"),
    "two attempts that are done": (("UPDATE job_attempts SET outcome = 'done'",), "I3"),
    "an attempt without a row": (("DELETE FROM job_attempts WHERE number = 1",), "I3"),
    "a job that runs at rest": (
        (DROP_TRIGGER, "UPDATE content_jobs SET status = 'running', attempt = 1 WHERE status = 'queued'"),
        "nothing is",
    ),
    "a job that runs again after a cancel": (
        (
            "INSERT INTO events SELECT NULL, company_id, job_id, NULL, 'content_job.queued', data, created_at "
            "FROM events WHERE type = 'content_job.cancelling'",
        ),
        "promise 7",
    ),
    "a progress after the end": ((REPEAT.format(type="type") + "type = 'content_job.progress'",), "I2"),
    "a progress of another attempt": (
        ("UPDATE events SET data = replace(data, '\"attempt\":1', '\"attempt\":7') WHERE type = 'content_job.progress'",),
        "I3",
    ),
    "an event of no job": (("UPDATE events SET job_id = 'nobody' WHERE type = 'content_job.failed'",), "I2"),
    "a result of a job that failed": (
        ("UPDATE assets SET job_id = (SELECT id FROM content_jobs WHERE status = 'failed')",),
        "I3",
    ),
    "a result that is no asset of it": (("UPDATE content_jobs SET result_asset_id = 'x' WHERE status = 'done'",), "I6"),
    "an asset without an event": (("DELETE FROM events WHERE type = 'asset.created'",), "I2"),
    "another size": (("UPDATE assets SET byte_size = 5",), "I6"),
    "another hash": (("UPDATE assets SET sha256 = 'x'",), "I6"),
    "a key that leads nowhere": (("UPDATE assets SET object_key = 'default/x'",), "I6"),
    "a foreign key that leads nowhere": ((f"UPDATE assets SET company_id = 'x' WHERE job_id = {DONE}",), "I8"),
    "what was pruned and is still there": (("UPDATE event_retention SET pruned_through = 3",), "I5"),
    "ids that will be given again": (("UPDATE sqlite_sequence SET seq = 3 WHERE name = 'events'",), "I5"),
}


@pytest.mark.parametrize("name", DAMAGE)
async def test_a_damaged_database_is_found(tmp_path: Path, name: str) -> None:
    await fill(tmp_path)
    statements, rule = DAMAGE[name]
    for statement in statements:
        ask(tmp_path / "nexusd.db", statement)
    assert rule in "\n".join(examine(tmp_path, Told()))


def lose_file(state: Path) -> None:
    for path in (state / "assets").rglob("*.bin"):
        path.unlink()


def change_file(state: Path) -> None:
    for path in (state / "assets").rglob("*.bin"):
        path.write_bytes(b"bade")


def empty_file(state: Path) -> None:
    for path in (state / "assets").rglob("*.bin"):
        path.write_bytes(b"")


def leave_work(state: Path) -> None:
    (state / "work" / "x").mkdir(parents=True)


def leave_upload(state: Path) -> None:
    (state / "assets" / ".incoming").mkdir()
    (state / "assets" / ".incoming" / "x").touch()


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [(lose_file, "I6"), (change_file, "I6"), (empty_file, "I6"), (leave_work, "I7"), (leave_upload, "I7")],
)
async def test_damaged_files_are_found(tmp_path: Path, spoil: Callable[[Path], None], rule: str) -> None:
    await fill(tmp_path)
    spoil(tmp_path)
    [complaint] = examine(tmp_path, Told())
    assert rule in complaint


def test_a_process_that_is_left_is_found(tmp_path: Path) -> None:
    trio.run(fill, tmp_path)
    [(attempt_id,)] = ask(tmp_path / "nexusd.db", "SELECT id FROM job_attempts WHERE outcome = 'done'")
    with subprocess.Popen(["/bin/sleep", "600"], env={**os.environ, "NEXUSD_ATTEMPT": attempt_id}) as process:
        try:
            for at_rest in (True, False):
                [complaint] = examine(tmp_path, Told(), at_rest=at_rest)
                assert str(process.pid) in complaint
        finally:
            process.kill()


async def test_what_was_told_and_is_not_so_is_found(tmp_path: Path) -> None:
    ids = await fill(tmp_path)
    for told, rule in (
        (Told(acknowledged=["lost"]), "I1"),
        (Told(events=[(1, "content_job.queued", {})]), "I4"),
        (Told(events=[(1000, "content_job.queued", {})]), "I4"),
        (Told(cancels=[("lost", "cancelled")]), "I12"),
        (Told(cancels=[(ids["done"], "cancelled")]), "promise 7"),
        (Told(cancels=[(ids["done"], "failed")]), "promise 7"),
        (Told(cancels=[(ids["done"], "cancelling")]), "promise 7"),
        (Told(cancels=[(ids["queued"], "cancelling")]), "promise 7"),
    ):
        assert rule in "\n".join(examine(tmp_path, told)), told
