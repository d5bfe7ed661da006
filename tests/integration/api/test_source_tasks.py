"""What came of a conversation task: jobs and assets in one list, newest first, whatever its owner calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest

from nexusd.contract.assets import Asset
from nexusd.contract.jobs import JobSummary
from nexusd.contract.source_tasks import SourceTask
from tests.support.daemons import ASSETS, DEFAULT, Daemon, check_problem, open_daemon
from tests.support.scripted import DONE, scripted

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

TASKS: Final = f"{DEFAULT}/source-tasks"
STRANGE: Final = (
    "a/b",
    "/",
    "a//b/",
    "..",
    ".",
    "../../v1/status",
    "ä ö",
    "100%",
    "%2F",
    "?q#f",
    "+",
    "\u202e",
    "x" * 255,
    "é" * 255,
)


def path_of(task: str) -> str:
    """Return the path of a task, as any client may write it: each dot too, which it would else take for a folder."""
    return f"{TASKS}/{quote(task, safe='').replace('.', '%2E')}"


async def look(daemon: Daemon, task: str, **query: Any) -> SourceTask:
    answer = await daemon.client.get(path_of(task), params=query)
    assert answer.status_code == 200, answer.text
    return SourceTask.model_validate_json(answer.content)


async def upload(daemon: Daemon, task: str, company: str = "default") -> str:
    path = f"/v1/companies/{company}/assets"
    found: str = (await daemon.client.post(path, params={"sourceTaskId": task}, content=b"x")).json()["id"]
    return found


async def test_jobs_and_assets_are_in_one_list_newest_first(home: Path) -> None:
    async with open_daemon(home) as daemon:
        await daemon.add_company("acme")
        uploaded = [await upload(daemon, "t")]
        jobs = [await daemon.submit(scripted(DONE, sourceTaskId="t"))]
        done = await daemon.wait_status(jobs[0])
        uploaded.append(await upload(daemon, "t"))
        jobs.append(await daemon.submit(scripted(("exit", 1), sourceTaskId="t")))
        await daemon.wait_status(jobs[1])
        await upload(daemon, "T")
        await upload(daemon, "t", "acme")
        await daemon.submit(scripted(DONE, sourceTaskId="t"), "acme")
        await daemon.submit(scripted(DONE))
        expected = [
            ("job", jobs[1]),
            ("asset", uploaded[1]),
            ("asset", done["resultAssetId"]),
            ("job", jobs[0]),
            ("asset", uploaded[0]),
        ]
        whole = await look(daemon, "t")
        assert [(item.kind, item.id) for item in whole.items] == expected
        assert (whole.source_task_id, whole.next_cursor) == ("t", None)
        for item in whole.items:
            assert (item.job is None, item.asset is None) == (item.kind == "asset", item.kind == "job")
        job = (await daemon.client.get(f"{DEFAULT}/content-jobs/{jobs[1]}")).content
        assert whole.items[0].job == JobSummary.model_validate_json(job)
        asset = (await daemon.client.get(f"{ASSETS}/{uploaded[1]}")).content
        assert whole.items[1].asset == Asset.model_validate_json(asset)
        for size in range(1, 7):
            found, cursor, pages = [], None, 0
            while pages == 0 or cursor is not None:
                query: dict[str, Any] = {"limit": size} if cursor is None else {"limit": size, "cursor": cursor}
                page = await look(daemon, "t", **query)
                found += [(item.kind, item.id) for item in page.items]
                cursor, pages = page.next_cursor, pages + 1
                assert pages <= len(expected), "it has no end"
            assert (found, pages) == (expected, -(-len(expected) // size)), size
        first = await look(daemon, "t", limit=2)
        await upload(daemon, "t")  # what comes between two pages moves neither
        rest = await look(daemon, "t", cursor=first.next_cursor)
        assert [(item.kind, item.id) for item in rest.items] == expected[2:]


async def test_an_id_is_any_text_and_one_that_nobody_named_has_nothing(home: Path) -> None:
    async with open_daemon(home) as daemon:
        for task in STRANGE:
            asset = await upload(daemon, task)
            found = await look(daemon, task)
            assert (found.source_task_id, [item.id for item in found.items]) == (task, [asset])
        assert await look(daemon, "b") == SourceTask(source_task_id="b", items=[], next_cursor=None)
        for wrong in ("", "%0A", "x" * 256, "%7F"):
            check_problem(await daemon.client.get(f"{TASKS}/{wrong}"), 404, "not-found")
        check_problem(await daemon.client.get("/v1/companies/nobody/source-tasks/t"), 404, "not-found")
        check_problem(await daemon.client.get(path_of("t"), params={"cursor": "x"}), 422, "invalid-request", ["?cursor"])
