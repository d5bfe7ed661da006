"""A disk that is nearly full, and one that is full: said clearly, nothing acknowledged is lost, and it passes by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
import trio

from nexusd.contract.base import utc_now
from nexusd.runner import pool
from tests.support.daemons import ASSETS, JOBS, Daemon, check_problem, open_daemon, take_stock
from tests.support.mounts import MEBIBYTE, mounted
from tests.support.oracle import Told, check
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import DONE, Gate, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

DISK: Final = 96 * MEBIBYTE
MIN_FREE: Final = 48 * MEBIBYTE


@pytest.fixture
def disk(home: Path) -> Iterator[Path]:
    """Return the state directory of a daemon in `home`, on a small disk of its own."""
    with mounted(home / "state", DISK) as path:
        yield path


async def explain(daemon: Daemon, job_id: str) -> list[dict[str, Any]]:
    reasons: list[dict[str, Any]] = (await daemon.client.get(f"{JOBS}/{job_id}/why")).json()["reasons"]
    return reasons


async def test_a_disk_that_is_nearly_full_holds_back_what_would_fill_it(home: Path, disk: Path) -> None:
    with Gate(home / "gate") as gate:
        async with open_daemon(home, min_free_bytes=MIN_FREE) as daemon:
            kept = (await daemon.client.post(ASSETS, content=b"kept")).json()
            running = await daemon.submit(scripted(("wait", gate.path), DONE))
            await daemon.wait_status(running, "running")
            (disk / "fill").write_bytes(bytes(DISK - MIN_FREE))
            waiting = await daemon.submit(scripted(DONE))
            before = take_stock(disk)
            refused = check_problem(await daemon.client.post(ASSETS, content=b"more"), 507, "storage-full")
            assert "min_free_bytes" in refused["detail"]
            assert take_stock(disk) == before
            assert (await daemon.client.get(f"{ASSETS}/{kept['id']}/content")).content == b"kept"
            reason = (await explain(daemon, waiting))[0]
            assert (reason["code"], reason["neededBytes"]) == ("disk_low", MIN_FREE)
            assert 0 < reason["freeBytes"] < MIN_FREE
            gate.let_through()
            assert (await daemon.wait_status(running))["status"] == "done"  # what runs goes on
            assert (await daemon.get(waiting))["status"] == "queued"
            (disk / "fill").unlink()
            with trio.fail_after(HANG_SECONDS):
                assert (await daemon.wait_status(waiting))["status"] == "done"  # and nobody had to ask
            assert (await daemon.client.post(ASSETS, content=b"more")).status_code == 201


async def test_while_the_disk_is_low_cancels_and_a_stop_are_heard(
    home: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LOW_DISK_SECONDS", 10_000.0)  # whoever waited for the next look would hang
    with Gate(home / "gate") as gate:
        async with open_daemon(home, min_free_bytes=MIN_FREE, running_jobs=4) as daemon:
            running = await daemon.submit(scripted(("wait", gate.path), DONE))
            await daemon.wait_status(running, "running")
            (disk / "fill").write_bytes(bytes(DISK - MIN_FREE))
            waiting = await daemon.submit(scripted(DONE))
            for job_id in (waiting, running):
                await daemon.client.post(f"{JOBS}/{job_id}/cancel")
                assert (await daemon.wait_status(job_id))["status"] == "cancelled"
            queued = await daemon.submit(scripted(DONE))
        async with open_daemon(home, min_free_bytes=0) as daemon:
            assert (await daemon.wait_status(queued))["status"] == "done"


async def test_a_disk_that_is_full_loses_nothing_and_passes(home: Path, disk: Path) -> None:
    async with open_daemon(home, min_free_bytes=0) as daemon:
        kept = (await daemon.client.post(ASSETS, content=b"kept")).json()
        with (disk / "fill").open("wb", buffering=0) as fill:
            while True:
                try:
                    fill.write(bytes(MEBIBYTE // 16))
                except OSError:
                    break
        acknowledged = []
        for _ in range(200):
            answer = await daemon.client.post(JOBS, json=scripted(DONE))
            if answer.status_code != 202:
                check_problem(answer, 507, "storage-full")
                break
            acknowledged.append(answer.json()["jobId"])
        else:
            raise AssertionError("the disk was not full")
        check_problem(await daemon.client.post(ASSETS, content=bytes(MEBIBYTE)), 507, "storage-full")
        check_problem(await daemon.client.delete(f"{ASSETS}/{kept['id']}"), 507, "storage-full")
        assert (await daemon.client.get(f"{ASSETS}/{kept['id']}/content")).content == b"kept"
        assert (await daemon.client.post("/v1/storage/gc")).status_code == 200
        (disk / "fill").unlink()
        begun = utc_now()
        further = await daemon.submit(scripted(DONE))
        for job_id in [*acknowledged, further]:
            job = await daemon.wait_status(job_id)
            assert job["status"] == "done", (job, begun)
        assert (await daemon.client.delete(f"{ASSETS}/{kept['id']}")).status_code == 204
        assert (await daemon.client.get("/v1/storage/verify")).json()["findings"] == []
    check(disk, Told(acknowledged))
