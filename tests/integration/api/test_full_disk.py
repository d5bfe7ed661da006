"""A disk that gets full, at each stage of an upload and of a result.

It is said so, nothing acknowledged is lost, nothing is left behind, and once there is room again all goes on by itself.
"""

from __future__ import annotations

import hashlib
import logging
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.daemons import ASSETS, TERMINAL, Daemon, check_problem, open_daemon, wait_until
from tests.support.disks import full_disk, small_disk
from tests.support.scripted import Gate, scripted
from tests.support.stores import ask

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk that is full")]

DISK: Final = "size=16m,nr_inodes=400"
CONTENT: Final = os.urandom(40_000)
PAGE: Final = 4096
NAMES: Final = range(12)
"""How many new names there is room for: a temporary file, a shard of the index, six folders and the file need one each."""
PAGES: Final = (*range(16), 20, 24, 32, 48, 64)
"""The file needs ten; the database a few more."""
STUCK: Final = "an outcome cannot be stored yet"


async def check_whole(daemon: Daemon, assets: dict[str, bytes]) -> None:
    """Check that these assets are all there are, row by row and file by file, and that nothing else lies around."""
    page = (await daemon.client.get(ASSETS, params={"limit": 500})).json()
    listed = {asset["id"]: asset for asset in page["items"]}
    assert set(listed) == set(assets)
    root = daemon.state / "assets"
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and ".blobs" not in path.parts}
    assert files == {asset["objectKey"] for asset in listed.values()}
    for asset_id, content in assets.items():
        assert listed[asset_id]["sha256"] == hashlib.sha256(content).hexdigest()
        assert (await daemon.client.get(f"{ASSETS}/{asset_id}/content")).content == content


def rooms() -> list[dict[str, int]]:
    """Return how much room is left in each case."""
    return [{"free_names": count} for count in NAMES] + [{"free_bytes": pages * PAGE} for pages in PAGES]


async def test_an_upload_to_a_full_disk(home: Path) -> None:
    with small_disk(home / "state", DISK):
        async with open_daemon(home, min_free_bytes=0) as daemon:
            assets: dict[str, bytes] = {}
            refusals: list[str] = []
            for number, room in enumerate(rooms()):
                content = number.to_bytes(2) + CONTENT
                with full_disk(daemon.state, **room):
                    # a namespace of its own: folders are made for it
                    answer = await daemon.client.post(ASSETS, params={"namespace": f"n{number}"}, content=content)
                    if answer.status_code == 201:
                        assets[answer.json()["id"]] = content
                    else:
                        refusals.append(check_problem(answer, 507, "storage-full")["detail"])
                        assert answer.headers["retry-after"] == "30"
                    assert (await daemon.client.get(ASSETS)).status_code == 200, "what is there can be read"
                await check_whole(daemon, assets)
                again = await daemon.client.post(ASSETS, content=b"again" + content)
                assert again.status_code == 201, "room is enough, nothing need be restarted"
                assets[again.json()["id"]] = b"again" + content
            assert len(assets) > len(rooms())
            database = {refusal for refusal in refusals if "the database" in refusal}
            storage = {refusal for refusal in refusals if refusal.startswith("cannot store the file: No space left")}
            assert database
            assert storage
            assert database | storage == set(refusals)
            assert len(refusals) >= 16
        async with open_daemon(home, min_free_bytes=0) as daemon:
            await check_whole(daemon, assets)


async def test_a_result_on_a_full_disk(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    with small_disk(home / "state", DISK), Gate(home / "gate") as gate:
        async with open_daemon(home, min_free_bytes=0) as daemon:
            caplog.set_level(logging.WARNING, "nexusd.runner")
            ends: list[str] = []
            for number, room in enumerate(rooms()):
                size = 100_000 + number  # zeros, which take no room: what the storing itself needs is left
                steps = (("stretch", "a.txt", size), ("progress", 0.5, None), ("wait", gate.path))
                company = await daemon.add_company(f"c{number}")  # folders of its own
                job_id = await daemon.submit(scripted(*steps, maxAttempts=1), company)
                path = f"/v1/companies/{company}/content-jobs/{job_id}"

                async def get(path: str = path) -> dict[str, Any]:
                    found: dict[str, Any] = (await daemon.client.get(path)).json()
                    return found

                while (await get())["progress"] != 0.5:
                    await daemon.hub.wait_newer(daemon.hub.highest_event_id)
                caplog.clear()
                with full_disk(daemon.state, **room):
                    gate.let_through()
                    await wait_until(partial(is_settled, daemon, job_id, caplog))
                    ends.append("stuck" if STUCK in caplog.text else "")
                while (job := await get())["status"] not in TERMINAL:
                    await daemon.hub.wait_newer(daemon.hub.highest_event_id)
                ends[-1] += job["status"]
                if job["status"] == "done":
                    assert (daemon.state / "assets" / job["assets"][0]["objectKey"]).read_bytes() == bytes(size)
                else:
                    assert (job["status"], job["errorCode"]) == ("failed", "storage_full"), job
                    assert "No space left" in job["errorMessage"]
                assert not list((daemon.state / "work").iterdir())
            assert {"done", "failed", "stuckdone"} <= set(ends), ends


def is_settled(daemon: Daemon, job_id: str, caplog: pytest.LogCaptureFixture) -> bool:
    """Tell whether the job is over or waits for room to say so. The database itself is asked, which tells the same as HTTP."""
    [(status,)] = ask(daemon.state / "nexusd.db", "SELECT status FROM content_jobs WHERE id = ?", job_id)
    return status in TERMINAL or STUCK in caplog.text
