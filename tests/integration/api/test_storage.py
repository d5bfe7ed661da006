"""The store over HTTP: garbage collected as the dry run said, and whatever is wrong is found, also in pages."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio

from nexusd import failpoints
from nexusd.contract.base import utc_now
from nexusd.domain.ids import new_id
from nexusd.service import storage as service
from tests.integration.api.test_deletion import path_of, upload
from tests.support.daemons import ASSETS, Daemon, check_problem, open_daemon, take_stock
from tests.support.holds import holding_at
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import DONE, scripted
from tests.support.stores import ask

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

GC: Final = "/v1/storage/gc"
VERIFY: Final = "/v1/storage/verify"


async def collect(daemon: Daemon, **query: str) -> dict[str, Any]:
    answer = await daemon.client.post(GC, params=query)
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


async def verify_all(daemon: Daemon, **query: str) -> tuple[list[dict[str, Any]], int]:
    """Return all findings, and how many assets were looked at."""
    findings, checked = [], 0
    while True:
        answer = await daemon.client.get(VERIFY, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        findings += page["findings"]
        checked += page["checked"]
        if page["nextAfter"] is None:
            return findings, checked
        query["after"] = page["nextAfter"]


def forget(daemon: Daemon, asset: dict[str, Any]) -> None:
    """Take a row away, as if it had never been written."""
    ask(daemon.state / "nexusd.db", "DELETE FROM assets WHERE id = ?", asset["id"])


def make_old(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a file look as if it were stored two hours ago: the time of the last change of an inode cannot be set."""
    real, inode = os.stat, path.stat().st_ino

    def stat(*arguments: Any, **options: Any) -> Any:
        found = real(*arguments, **options)
        if found.st_ino != inode:
            return found
        fields = list(found)
        fields[9] -= 7200
        return os.stat_result(fields, {"st_ctime": found.st_ctime - 7200, "st_ctime_ns": found.st_ctime_ns - 7200 * 10**9})

    monkeypatch.setattr(os, "stat", stat)


async def test_the_start_sweeps_what_earlier_lives_left_and_nothing_else(home: Path) -> None:
    async with open_daemon(home) as daemon:
        rowless, kept, undone = [await upload(daemon, content) for content in (b"rowless", b"kept", b"undone")]
        forget(daemon, rowless)
        with failpoints.armed("storage.unlink.before", "errno:EIO"):
            await daemon.client.delete(f"{ASSETS}/{undone['id']}")
        foreign = daemon.state / "assets" / "default" / "notes.txt"
        foreign.write_bytes(b"mine")
        assert (await collect(daemon, dryRun="true"))["files"] == [
            {"objectKey": undone["objectKey"], "byteSize": 6, "reason": "deleted"}  # the other is of this life, and new
        ]
    async with open_daemon(home) as daemon:
        await collect(daemon)  # waits for the start's
        assert not path_of(daemon, rowless).exists()
        assert not path_of(daemon, undone).exists()
        assert path_of(daemon, kept).read_bytes() == b"kept"
        assert foreign.read_bytes() == b"mine"
        blobs = [path for path in (daemon.state / "assets" / ".blobs").rglob("*/*") if path.is_file()]
        assert [path.read_bytes() for path in blobs] == [b"kept"]


async def test_the_dry_run_says_what_the_run_then_does(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_daemon(home) as daemon:
        rowless, twin, deleted = [await upload(daemon, content) for content in (b"same", b"same", b"deleted")]
        forget(daemon, rowless)
        make_old(path_of(daemon, rowless), monkeypatch)
        with failpoints.armed("storage.unlink.before", "errno:EIO"):
            await daemon.client.delete(f"{ASSETS}/{deleted['id']}")
        before = take_stock(daemon.state)
        planned = await collect(daemon, dryRun="true")
        assert take_stock(daemon.state) == before
        done = await collect(daemon)
        assert (planned.pop("dryRun"), done.pop("dryRun")) == (True, False)
        assert done == planned
        assert {file["objectKey"]: file["reason"] for file in done["files"]} == {
            rowless["objectKey"]: "rowless",
            deleted["objectKey"]: "deleted",
        }
        assert (done["bytesFreed"], done["blobs"], done["complete"]) == (7, 1, True)
        assert (await daemon.client.get(f"{ASSETS}/{twin['id']}/content")).content == b"same"
        empty = {"dryRun": False, "files": [], "blobs": 0, "bytesFreed": 0, "complete": True}
        assert await collect(daemon) == empty


async def test_a_file_whose_row_is_still_to_come_is_never_garbage(home: Path) -> None:
    async with open_daemon(home) as daemon:
        with holding_at("store.commit.before:add") as hold:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(upload, daemon)
                with trio.fail_after(HANG_SECONDS):
                    await hold.reached.wait()
                [key] = [path for path in (daemon.state / "assets" / "default").rglob("*") if path.is_file()]
                assert (await collect(daemon))["files"] == []
                assert (await verify_all(daemon))[0] == []
                assert key.exists()
                hold.let_go()
        assert (await verify_all(daemon)) == ([], 1)


async def test_the_results_of_an_attempt_that_runs_are_never_garbage_however_old(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_daemon(home) as daemon:
        with holding_at("runner.results.after") as hold:
            job_id = await daemon.submit(scripted(DONE))
            with trio.fail_after(HANG_SECONDS):
                await hold.reached.wait()
            [path] = [path for path in (daemon.state / "assets" / "default").rglob("*") if path.is_file()]
            monkeypatch.setattr(service, "ROWLESS_AGE", service.ROWLESS_AGE * -1)  # everything is old
            assert (await collect(daemon))["files"] == []
            assert path.exists()
        assert (await daemon.wait_status(job_id))["status"] == "done"
        assert (await verify_all(daemon)) == ([], 1)


async def test_more_than_one_go_can_take_is_taken_in_several(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "COLLECTED_MAX", 2)
    monkeypatch.setattr(service, "FILES_PER_STEP", 1)
    async with open_daemon(home) as daemon:
        for number in range(5):
            forget(daemon, await upload(daemon, bytes([number])))
        monkeypatch.setattr(service, "ROWLESS_AGE", service.ROWLESS_AGE * -1)
        for count in (2, 2, 1):
            planned = await collect(daemon, dryRun="1")
            report = await collect(daemon)
            assert report["files"] == planned["files"]
            assert (len(report["files"]), report["complete"]) == (count, count == 1)


async def test_whatever_is_wrong_is_found_and_nothing_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_daemon(home) as daemon:
        await daemon.add_company("acme")
        good, missing, shorter, changed, gone, rowless = [
            await upload(daemon, bytes([number]) * 10, "acme" if number == 1 else "default") for number in range(6)
        ]
        path_of(daemon, missing).unlink()
        for torn, content in ((shorter, b"\2" * 9), (changed, b"\3" * 9 + b"x")):
            path_of(daemon, torn).chmod(0o600)
            path_of(daemon, torn).write_bytes(content)
        await daemon.client.delete(f"{ASSETS}/{gone['id']}")
        forget(daemon, rowless)
        make_old(path_of(daemon, rowless), monkeypatch)
        odd = daemon.state / "assets" / "default" / os.fsdecode(b"odd \xff\n name")
        odd.write_bytes(b"")
        for limit in ("1", "2", "500"):
            findings, checked = await verify_all(daemon, limit=limit)
            assert checked == 4
            assert [(one["kind"], one["assetId"]) for one in findings[:3]] == [
                ("missing", missing["id"]),
                ("torn", shorter["id"]),
                ("torn", changed["id"]),
            ]
            assert findings[0]["companyId"] == missing["companyId"] != good["companyId"]
            assert "9 bytes" in findings[1]["message"]
            assert "sha256" in findings[2]["message"]
            foreign = {one["objectKey"]: one["message"] for one in findings[3:]}
            assert {one["kind"] for one in findings[3:]} == {"foreign"}
            assert foreign.keys() == {rowless["objectKey"], "default/odd \ufffd\n name"}
            assert "gc deletes it" in foreign[rowless["objectKey"]]
            assert "look at it" in foreign["default/odd \ufffd\n name"]


async def test_verifying_can_be_resumed_anywhere_and_ends(home: Path) -> None:
    async with open_daemon(home) as daemon:
        assets = [await upload(daemon, bytes([number])) for number in range(4)]
        page = (await daemon.client.get(VERIFY, params={"limit": "2"})).json()
        assert (page["checked"], page["nextAfter"], page["bytesRead"]) == (2, assets[1]["id"], 2)
        await daemon.client.delete(f"{ASSETS}/{assets[1]['id']}")  # the cursor's own asset may go
        assert await verify_all(daemon, after=page["nextAfter"]) == ([], 2)
        assert await verify_all(daemon, after=new_id()) == ([], 0)


async def test_a_page_takes_a_bounded_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PAGE_SECONDS", -1.0)
    async with open_daemon(home) as daemon:
        for number in range(3):
            await upload(daemon, bytes([number]))
        page = (await daemon.client.get(VERIFY)).json()
        assert page["checked"] == 1
        assert await verify_all(daemon) == ([], 3)


async def test_an_asset_that_is_deleted_meanwhile_is_not_found_wrong(home: Path) -> None:
    async with open_daemon(home) as daemon:
        asset = await upload(daemon)
        other = await upload(daemon, b"other")
        original = service.StorageService._check

        async def check_late(self: service.StorageService, row: Any, quick: bool) -> Any:
            if row.id == asset["id"]:  # it is read from the list, and goes before its file is looked at
                assert (await daemon.client.delete(f"{ASSETS}/{asset['id']}")).status_code == 204
            return await original(self, row, quick)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(service.StorageService, "_check", check_late)
            assert await verify_all(daemon) == ([], 2)
        assert await verify_all(daemon) == ([], 1)
        path_of(daemon, other).unlink()
        assert [one["kind"] for one in (await verify_all(daemon))[0]] == ["missing"]


async def test_a_store_that_is_not_there_is_trouble_and_not_a_finding(home: Path) -> None:
    async with open_daemon(home) as daemon:
        await upload(daemon)
        root = daemon.state / "assets"
        root.rename(daemon.state / "elsewhere")
        root.mkdir()
        for method, path in (("GET", VERIFY), ("POST", GC)):
            check_problem(await daemon.client.request(method, path), 503, "storage-unavailable")
        root.rmdir()
        (daemon.state / "elsewhere").rename(root)
        assert await verify_all(daemon) == ([], 1)


async def test_a_clock_that_is_put_forward_makes_no_garbage(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_daemon(home) as daemon:
        rowless = await upload(daemon)
        forget(daemon, rowless)
        monkeypatch.setattr("nexusd.service.clock.utc_now", lambda: utc_now() + timedelta(days=365))
        assert (await collect(daemon))["files"] == []
        assert path_of(daemon, rowless).exists()
