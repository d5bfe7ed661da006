"""Assets deleted and pinned over HTTP: refused with the reason, told to everybody, and the file goes with the row."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import trio

from nexusd import failpoints
from tests.support.daemons import ASSETS, Daemon, check_problem, open_daemon, take_stock
from tests.support.holds import holding_at
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import DONE, Gate, scripted

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


async def upload(daemon: Daemon, content: bytes = b"hello", company: str = "default") -> dict[str, Any]:
    answer = await daemon.client.post(f"/v1/companies/{company}/assets", content=content)
    assert answer.status_code == 201, answer.text
    asset: dict[str, Any] = answer.json()
    return asset


def path_of(daemon: Daemon, asset: dict[str, Any]) -> Path:
    path: Path = daemon.state / "assets" / asset["objectKey"]
    return path


async def test_what_is_deleted_is_gone_everywhere(home: Path) -> None:
    async with open_daemon(home) as daemon:
        twin, asset = await upload(daemon), await upload(daemon)
        cursor = daemon.hub.highest_event_id
        answer = await daemon.client.delete(f"{ASSETS}/{asset['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
        for path in ("", "/content"):
            check_problem(await daemon.client.get(f"{ASSETS}/{asset['id']}{path}"), 404, "not-found")
        check_problem(await daemon.client.delete(f"{ASSETS}/{asset['id']}"), 404, "not-found")
        assert [found["id"] for found in (await daemon.client.get(ASSETS)).json()["items"]] == [twin["id"]]
        assert not path_of(daemon, asset).exists()
        assert (await daemon.client.get(f"{ASSETS}/{twin['id']}/content")).content == b"hello"
        async with daemon.follow("/v1/companies/default/events", cursor) as stream:
            frame = await stream.next()
        assert frame is not None
        assert (frame.event, frame.data["assetId"], frame.data["asset"]["id"]) == ("asset.deleted", asset["id"], asset["id"])


async def test_another_company_cannot_delete_or_pin(home: Path) -> None:
    async with open_daemon(home) as daemon:
        await daemon.add_company("acme")
        asset = await upload(daemon)
        before = take_stock(daemon.state)
        for method, path in (("DELETE", ""), ("PUT", "/pin"), ("DELETE", "/pin")):
            answer = await daemon.client.request(method, f"/v1/companies/acme/assets/{asset['id']}{path}")
            check_problem(answer, 404, "not-found")
        assert take_stock(daemon.state) == before


async def test_what_is_pinned_is_kept_also_after_a_restart(home: Path) -> None:
    async with open_daemon(home) as daemon:
        asset = await upload(daemon)
        path = f"{ASSETS}/{asset['id']}"
        pinned = (await daemon.client.put(f"{path}/pin")).json()
        assert pinned["pinnedAt"] is not None
        assert pinned | {"pinnedAt": None} == asset
        assert (await daemon.client.put(f"{path}/pin")).json() == pinned
        check_problem(await daemon.client.delete(path), 409, "asset-pinned")
    async with open_daemon(home) as daemon:
        check_problem(await daemon.client.delete(path), 409, "asset-pinned")
        assert (await daemon.client.get(path)).json() == pinned
        assert (await daemon.client.delete(f"{path}/pin")).json() == asset
        assert (await daemon.client.delete(path)).status_code == 204
        assert not path_of(daemon, asset).exists()


async def test_what_a_job_needs_is_kept_until_it_is_over(home: Path) -> None:
    with Gate(home / "gate") as gate:
        async with open_daemon(home) as daemon:
            asset = await upload(daemon)
            body = scripted(("wait", gate.path), DONE)
            body["input"]["extra"] = {"picture": {"$asset": asset["id"]}}
            job_id = await daemon.submit(body)
            problem = check_problem(await daemon.client.delete(f"{ASSETS}/{asset['id']}"), 409, "asset-in-use")
            assert problem["jobId"] == job_id
            assert job_id in problem["detail"]
            gate.let_through()
            assert (await daemon.wait_status(job_id))["status"] == "done"
            assert (await daemon.client.delete(f"{ASSETS}/{asset['id']}")).status_code == 204
            again = await daemon.client.post("/v1/companies/default/content-jobs", json=body)
            check_problem(again, 422, "invalid-request", ["/input/extra/picture"])


async def test_a_job_keeps_its_end_when_its_result_is_deleted(home: Path) -> None:
    async with open_daemon(home) as daemon:
        job = await daemon.wait_status(await daemon.submit(scripted(DONE)))
        [result] = job["assets"]
        assert (await daemon.client.delete(f"{ASSETS}/{result['id']}")).status_code == 204
        after = await daemon.get(job["id"])
        assert (after["status"], after["assets"], after["resultAssetId"]) == ("done", [], result["id"])


async def test_a_client_that_leaves_in_the_middle_stops_nothing(home: Path) -> None:
    async with open_daemon(home) as daemon:
        asset = await upload(daemon)
        with holding_at("service.delete.after") as hold:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(daemon.client.delete, f"{ASSETS}/{asset['id']}")
                with trio.fail_after(HANG_SECONDS):
                    await hold.reached.wait()
                assert path_of(daemon, asset).exists()  # the row goes first
                check_problem(await daemon.client.get(f"{ASSETS}/{asset['id']}"), 404, "not-found")
                nursery.cancel_scope.cancel()
        with trio.fail_after(HANG_SECONDS):
            while path_of(daemon, asset).exists():  # noqa: ASYNC110 - files tell nobody
                await trio.sleep(0.01)


async def test_a_file_that_cannot_go_is_left_to_the_next_sweep(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with open_daemon(home) as daemon:
        asset = await upload(daemon)
        with failpoints.armed("storage.unlink.before", "errno:EIO"):
            assert (await daemon.client.delete(f"{ASSETS}/{asset['id']}")).status_code == 204
        assert path_of(daemon, asset).exists()
        assert "a deleted file stays until the next sweep" in caplog.text
        report = (await daemon.client.post("/v1/storage/gc")).json()
        assert [file["reason"] for file in report["files"]] == ["deleted"]
        assert not path_of(daemon, asset).exists()


async def test_a_download_that_has_begun_goes_on(home: Path) -> None:
    async with open_daemon(home) as daemon:
        content = os.urandom(8 * 1024 * 1024)
        asset = await upload(daemon, content)
        async with daemon.client.stream("GET", f"{ASSETS}/{asset['id']}/content") as answer:
            assert (await daemon.client.delete(f"{ASSETS}/{asset['id']}")).status_code == 204
            assert await answer.aread() == content
