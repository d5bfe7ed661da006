"""A backup is of one moment and whole, whatever happens meanwhile; and it becomes a daemon again that knows the past."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio

from nexusd.contract.backups import Backup
from nexusd.errors import AlreadyRunning, RestoreRefused
from nexusd.service.restoring import restore
from nexusd.store.retention import ID_ADVANCE
from tests.support.daemons import ASSETS, DEFAULT, JOBS, Daemon, check_problem, make_home, open_daemon, take_stock
from tests.support.disks import another_disk
from tests.support.oracle import Told, check, examine
from tests.support.scripted import DONE, Gate, scripted
from tests.support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

KEY: Final = {"Idempotency-Key": "k"}


@pytest.fixture(params=["the same disk", "another one"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Return where a backup goes: on the disk of the daemon, and on one that can have no links to it."""
    if request.param == "the same disk":
        yield tmp_path / "backup"
    else:
        with another_disk(tmp_path) as folder:
            yield folder / "backup"


async def back_up(daemon: Daemon, target: Path, **headers: str) -> Backup:
    answer = await daemon.client.post("/v1/backup", json={"directory": str(target)}, headers=headers)
    assert answer.status_code == 201, answer.text
    return Backup.model_validate_json(answer.content)


async def upload(daemon: Daemon, content: bytes, name: str = "a.bin") -> dict[str, Any]:
    found: dict[str, Any] = (await daemon.client.post(ASSETS, params={"filename": name}, content=content)).json()
    return found


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def everything_in(folder: Path) -> list[Path]:
    return [folder, *folder.rglob("*")]


def stored(daemon: Daemon, asset: dict[str, Any]) -> Path:
    return daemon.state / "assets" / str(asset["objectKey"])


async def test_a_backup_holds_everything_and_becomes_a_daemon_again(home: Path, target: Path) -> None:
    async with open_daemon(home) as daemon:
        assets = [await upload(daemon, content) for content in (b"one", b"two", b"one", b"", os.urandom(3_000_000))]
        done = await daemon.wait_status(await daemon.submit(scripted(DONE, sourceTaskId="t")))
        made = await back_up(daemon, target)
        keys = {asset["objectKey"]: asset for asset in [*assets, *done["assets"]]}
        on_same_disk = target.parent.stat().st_dev == daemon.state.stat().st_dev
        assert (made.jobs, made.assets, made.linked, made.copied) == (1, 6, 6 * on_same_disk, 6 * (not on_same_disk))
        assert (made.damaged, made.elsewhere, made.asset_bytes) == (0, 0, sum(asset["byteSize"] for asset in keys.values()))
        assert made.last_event_id == daemon.hub.highest_event_id
        assert made == Backup.model_validate_json((target / "backup.json").read_bytes())
        assert sorted(os.listdir(target)) == ["assets", "backup.json", "nexusd.db"]
        found = files_below(target / "assets")
        assert {key: hashlib.sha256(content).hexdigest() for key, content in found.items()} == {
            key: asset["sha256"] for key, asset in keys.items()
        }
        for path in everything_in(target):
            assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), path
        for key in found:
            assert (target / "assets" / key).samefile(daemon.state / "assets" / key) == on_same_disk
        assert (target / "assets" / assets[0]["objectKey"]).samefile(target / "assets" / assets[2]["objectKey"])
        check(target)
        jobs = (await daemon.client.get(JOBS)).json()
        listed = (await daemon.client.get(ASSETS)).json()
    with make_home() as elsewhere:
        restored = restore(target, elsewhere / "state")
        assert (restored.backup, restored.lost) == (made, 0)
        async with open_daemon(elsewhere) as daemon:
            assert (await daemon.client.get(JOBS)).json() == jobs
            assert (await daemon.client.get(ASSETS)).json() == listed
            for asset in assets:
                content = (await daemon.client.get(f"{ASSETS}/{asset['id']}/content")).content
                assert hashlib.sha256(content).hexdigest() == asset["sha256"]
            events = (await daemon.client.get("/v1/status")).json()["events"]
            assert events["prunedThrough"] == made.last_event_id + ID_ADVANCE
            async with daemon.follow(f"{DEFAULT}/events", made.last_event_id) as stream:
                [told] = await stream.take(1)
                assert told.event == "reset"
            again = await daemon.wait_status(await daemon.submit(scripted(DONE)))
            assert again["status"] == "done"
        check(elsewhere / "state")
    assert files_below(target / "assets") == found  # nothing of a restored daemon writes into its backup


async def test_backups_of_a_busy_daemon_are_each_a_prefix(home: Path, tmp_path: Path) -> None:
    async with open_daemon(home) as daemon:
        await upload(daemon, b"first")
        finished = False
        told: list[tuple[int, list[str]]] = []

        async def keep_busy() -> None:
            number = 0
            while not finished:
                number += 1
                if number % 3:
                    batch = {"items": [scripted(DONE, sourceTaskId=f"{number}")] * 20}
                    await daemon.client.post(f"{JOBS}/batch", json=batch)
                else:
                    await upload(daemon, f"{number}".encode())

        await daemon.client.post("/v1/queue/pause", json={})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_busy)
            nursery.start_soon(keep_busy)
            for number in range(6):
                before = await acknowledged(daemon)
                made = await back_up(daemon, tmp_path / f"b{number}")
                told.append((made.last_event_id, before))
            finished = True
        whole = rows(daemon.state, "events")
        for number, (last_event_id, before) in enumerate(told):
            folder = tmp_path / f"b{number}"
            assert examine(folder, Told(acknowledged=before)) == []
            copied = rows(folder, "events")
            assert copied == whole[: len(copied)]
            assert copied[-1][0] == last_event_id
            jobs = {event[2] for event in copied if event[4] == "content_job.queued"}
            assert {row[0] for row in rows(folder, "content_jobs")} == jobs
        assert [last for last, _ in told] == sorted({last for last, _ in told})


async def acknowledged(daemon: Daemon) -> list[str]:
    return [row[0] for row in rows(daemon.state, "content_jobs")]


def rows(state: Path, name: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{state}/nexusd.db?mode=ro", uri=True)) as connection:
        return connection.execute(f"SELECT * FROM {name} ORDER BY id").fetchall()


async def test_a_copy_does_not_begin_anew_when_somebody_writes(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexusd.store.copies.STEP_PAGES", 1)
    async with open_daemon(home) as daemon:
        await daemon.client.post("/v1/queue/pause", json={})
        steps = 0

        def write_between() -> None:
            nonlocal steps
            steps += 1
            assert steps < 2000, "it never ends"
            with closing(sqlite3.connect(daemon.state / "nexusd.db", timeout=30)) as connection, connection:
                connection.execute("INSERT INTO queue_pauses VALUES (?, NULL, '2026-01-02T12:00:00.000Z')", (f"x{steps}",))

        from nexusd.store import copies

        await trio.to_thread.run_sync(copies.copy_database, daemon.state / "nexusd.db", tmp_path / "copy.db", write_between)
        with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
            assert steps == connection.execute("PRAGMA page_count").fetchone()[0]
            assert connection.execute("SELECT count(*) FROM queue_pauses").fetchone() == (1,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


async def test_a_job_that_ran_runs_again_in_the_restored_daemon_and_the_first_is_left_alone(home: Path, tmp_path: Path) -> None:
    with make_home() as elsewhere, Gate(home / "gate") as gate:
        async with open_daemon(home) as daemon:
            job_id = await daemon.submit(scripted(("progress", 0.5, None), ("wait", gate.path), DONE))
            await daemon.wait_job(job_id, lambda job: job["progress"] == 0.5)
            await back_up(daemon, tmp_path / "backup")
            restore(tmp_path / "backup", elsewhere / "state")
            async with open_daemon(elsewhere) as other:
                again = await other.wait_job(job_id, lambda job: job["attempt"] == 2 and job["progress"] == 0.5)
                assert [attempt["outcome"] for attempt in again["attempts"]] == ["crashed", None]
                assert (await daemon.get(job_id))["status"] == "running"
                gate.let_through(2)
                assert (await daemon.wait_status(job_id))["attempt"] == 1
                assert (await daemon.get(job_id))["status"] == "done"
                assert (await other.wait_status(job_id))["status"] == "done"
        check(elsewhere / "state")


async def test_what_cannot_be_a_backups_folder_is_refused_and_left_as_it_is(home: Path, tmp_path: Path) -> None:
    async with open_daemon(home) as daemon:
        before = take_stock(daemon.state)
        (tmp_path / "full").mkdir(mode=0o700)
        (tmp_path / "full" / "precious").write_text("x")
        (tmp_path / "file").write_text("x")
        (tmp_path / "open").mkdir()
        (tmp_path / "open").chmod(0o755)
        (tmp_path / "link").symlink_to(tmp_path / "new")
        (tmp_path / "into").symlink_to(daemon.state)
        for wrong in (
            tmp_path / "full",
            tmp_path / "file",
            tmp_path / "file" / "below",
            tmp_path / "open",
            tmp_path / "link",
            daemon.state,
            daemon.state / "assets" / "b",
            tmp_path / "into" / "b",
            Path("/proc/nothing/here"),
        ):
            answer = await daemon.client.post("/v1/backup", json={"directory": str(wrong)})
            check_problem(answer, 422, "invalid-request", ["/directory"])
        for text in ("", "/", "relative/path", "/a\0b", f"{tmp_path}/x/../y", "/" + "x" * 4001, "/" + "x" * 300):
            answer = await daemon.client.post("/v1/backup", json={"directory": text})
            check_problem(answer, 422, "invalid-request", ["/directory"])
        assert files_below(tmp_path / "full") == {"precious": b"x"}
        assert not (tmp_path / "new").exists()
        assert take_stock(daemon.state) == before


async def test_the_same_key_gives_the_same_backup_and_goes_on_where_one_broke_off(home: Path, tmp_path: Path) -> None:
    async with open_daemon(home) as daemon:
        await upload(daemon, b"x")
        target = tmp_path / "backup"
        first = await back_up(daemon, target, **KEY)
        assert await back_up(daemon, target, **KEY) == first
        for headers in ({}, {"Idempotency-Key": "other"}):
            answer = await daemon.client.post("/v1/backup", json={"directory": str(target)}, headers=headers)
            check_problem(answer, 422, "invalid-request", ["/directory"])
        await back_up(daemon, tmp_path / "without a key")
        answer = await daemon.client.post("/v1/backup", json={"directory": str(tmp_path / "without a key")})
        check_problem(answer, 422, "invalid-request", ["/directory"])
        (target / "backup.json").unlink()  # as kill -9 leaves it
        for mark, headers in (("k", {"Idempotency-Key": "other"}), ("k", {}), ("", {})):
            (target / ".unfinished").write_text(mark)
            answer = await daemon.client.post("/v1/backup", json={"directory": str(target)}, headers=headers)
            check_problem(answer, 422, "invalid-request", ["/directory"])
            assert "not finished" in answer.json()["detail"]
            with pytest.raises(RestoreRefused, match="not a finished one"):
                restore(target, tmp_path / "state")
        (target / ".unfinished").write_text("k")
        again = await back_up(daemon, target, **KEY)
        assert again.id != first.id
        check(target)


async def test_a_backup_whose_disk_is_full_leaves_nothing(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_daemon(home) as daemon:
        await upload(daemon, b"x")
        (tmp_path / "empty").mkdir(mode=0o700)
        with monkeypatch.context() as patch:
            patch.setattr(os, "link", failing_link)
            for name in ("new", "empty"):
                answer = await daemon.client.post("/v1/backup", json={"directory": str(tmp_path / name)})
                check_problem(answer, 507, "storage-full")
        assert not (tmp_path / "new").exists()
        assert os.listdir(tmp_path / "empty") == []
        for name in ("new", "empty"):
            assert (await back_up(daemon, tmp_path / name)).assets == 1


def failing_link(*_arguments: Any, **_rest: Any) -> None:
    raise OSError(28, "No space left on device")


async def test_a_file_that_is_missing_or_cut_is_told_and_restored_only_without(home: Path, tmp_path: Path) -> None:
    async with open_daemon(home) as daemon:
        missing, cut, whole, torn = [await upload(daemon, content) for content in (b"1", b"22", b"333", b"4444")]
        stored(daemon, missing).unlink()
        os.truncate(stored(daemon, cut), 1)
        made = await back_up(daemon, tmp_path / "b")
        assert (made.damaged, sorted(made.damaged_ids), made.assets) == (2, sorted([missing["id"], cut["id"]]), 4)
    inside = tmp_path / "b" / "assets" / torn["objectKey"]
    inside.chmod(0o600)
    inside.write_bytes(b"x444")
    (tmp_path / "b" / "assets" / whole["objectKey"]).chmod(0o644)  # a copy of a backup that somebody made
    state = tmp_path / "state"
    with pytest.raises(RestoreRefused, match="3 assets have no whole file"):
        restore(tmp_path / "b", state)
    assert os.listdir(state) == ["nexusd.lock"]
    assert restore(tmp_path / "b", state, incomplete=True).lost == 3
    live = {row[0] for row in rows(state, "assets") if row[14] is None}
    assert live == {whole["id"]}
    assert set(files_below(state / "assets")) == {whole["objectKey"]}
    assert oct((state / "assets" / whole["objectKey"]).stat().st_mode & 0o777) == oct(0o400)


async def test_a_restore_overwrites_nothing_and_takes_no_damaged_database(home: Path, tmp_path: Path) -> None:
    backup, state = tmp_path / "b", tmp_path / "state"
    async with open_daemon(home) as daemon:
        await upload(daemon, b"x")
        await daemon.submit(scripted(DONE))
        await back_up(daemon, backup)
        with pytest.raises(AlreadyRunning):
            restore(backup, daemon.state)
    before = files_below(home / "state")
    with pytest.raises(RestoreRefused, match="not empty"):
        restore(backup, home / "state")
    assert files_below(home / "state") == before
    document = json.loads((backup / "backup.json").read_text())
    for spoilt, says in ((json.dumps(document | {"format": 2}), "upgrade"), ("{}", "damaged"), ("", "damaged")):
        (backup / "backup.json").write_text(spoilt)
        with pytest.raises(RestoreRefused, match=says):
            restore(backup, state)
    (backup / "backup.json").write_text(json.dumps(document))
    database = (backup / "nexusd.db").read_bytes()
    for content in (database[: len(database) // 2], b"x" * 5000, b"", database[:8192] + b"\xff" * 4096 + database[12288:]):
        (backup / "nexusd.db").write_bytes(content)
        with pytest.raises(RestoreRefused):
            restore(backup, state)
        assert os.listdir(state) == ["nexusd.lock"]
    (backup / "nexusd.db").write_bytes(database)
    ask(backup / "nexusd.db", "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(RestoreRefused, match="upgrade nexusd"):
        restore(backup, state)
    (backup / "nexusd.db").write_bytes(database)
    for name in (".restoring", "assets"):  # a restore that was killed
        (state / name / "x").mkdir(parents=True)
    restore(backup, state)
    assert sorted(os.listdir(state)) == ["assets", "nexusd.db", "nexusd.lock"]
    check(state, at_rest=False)
