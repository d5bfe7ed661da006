"""A retry: a new job like one that is over, checked anew, and safe to repeat."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import trio

from nexusd.renderers.assets import find_references
from nexusd.renderers.diagram import DIAGRAM
from nexusd.renderers.document import DOCUMENT
from tests.support.daemons import DEFAULT, JOBS, check_problem, open_daemon, take_stock
from tests.support.scripted import DONE, SCRIPTED, Gate, scripted
from tests.support.stores import ask

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.spec import RendererSpec

pytestmark = pytest.mark.slow

SAME = ("jobType", "input", "sourceTaskId", "priority", "timeoutSeconds", "maxAttempts", "companyId")


async def test_a_retry_is_a_new_job_like_the_old_one(home: Path) -> None:
    async with open_daemon(home) as daemon:
        body = scripted(("exit", 65), sourceTaskId="chat-42", priority=3, timeoutSeconds=60.5, maxAttempts=2)
        old = await daemon.wait_status(await daemon.submit(body))
        answer = await daemon.client.post(f"{JOBS}/{old['id']}/retry")
        assert answer.status_code == 202
        accepted = answer.json()
        assert accepted["jobId"] != old["id"]
        assert accepted["status"] == "queued"
        assert answer.headers["location"] == f"{JOBS}/{accepted['jobId']}"
        new = await daemon.wait_status(accepted["jobId"])
        assert {name: new[name] for name in SAME} == {name: old[name] for name in SAME}
        assert (new["retryOf"], old["retryOf"]) == (old["id"], None)
        assert (new["status"], new["attempt"], new["errorCode"]) == ("failed", 1, "invalid_input")
        assert (await daemon.get(old["id"])) == old
        again = (await daemon.client.post(f"{JOBS}/{new['id']}/retry")).json()["jobId"]
        assert (await daemon.wait_status(again))["retryOf"] == new["id"]


async def test_only_what_is_over_can_be_retried(home: Path) -> None:
    with Gate(home / "gate") as gate:
        async with open_daemon(home, running_jobs=1) as daemon:
            running = await daemon.submit(scripted(("wait", gate.path), DONE))
            await daemon.wait_status(running, "running")
            queued = await daemon.submit(scripted(DONE))
            before = take_stock(daemon.state)
            for job_id, status in ((running, "running"), (queued, "queued")):
                problem = check_problem(await daemon.client.post(f"{JOBS}/{job_id}/retry"), 409, "not-finished")
                assert problem["jobStatus"] == status
                assert "cancel" in problem["detail"]
            check_problem(await daemon.client.post(f"{JOBS}/nobodys/retry"), 404, "not-found")
            await daemon.add_company("other")
            elsewhere = f"/v1/companies/other/content-jobs/{running}/retry"
            check_problem(await daemon.client.post(elsewhere), 404, "not-found")
            assert take_stock(daemon.state) | {"companies": 1} == before
            await daemon.client.post(f"{JOBS}/{queued}/cancel")
            gate.let_through()
            await daemon.wait_status(running)
            for job_id in (running, queued):  # done and cancelled
                gate.let_through()
                answer = await daemon.client.post(f"{JOBS}/{job_id}/retry")
                assert (await daemon.wait_status(answer.json()["jobId"]))["status"] == "done"


async def test_a_key_makes_a_retry_safe_to_repeat(home: Path) -> None:
    key = {"Idempotency-Key": "k"}
    async with open_daemon(home) as daemon:
        submitted = await daemon.client.post(JOBS, json=scripted(DONE), headers=key)  # the same key, but another route
        old, other = submitted.json()["jobId"], await daemon.submit(scripted(DONE))
        for job_id in (old, other):
            await daemon.wait_status(job_id)
        found: list[str] = []

        async def retry() -> None:
            answer = await daemon.client.post(f"{JOBS}/{old}/retry", headers=key)
            assert answer.status_code == 202
            found.append(answer.json()["jobId"])

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(retry)
        assert len(found) == 10
        assert len({*found, old}) == 2
        before = take_stock(daemon.state)["content_jobs"]
        conflict = await daemon.client.post(f"{JOBS}/{other}/retry", headers=key)  # alike in all but the id
        check_problem(conflict, 409, "idempotency-conflict")
        check_problem(
            await daemon.client.post(f"{JOBS}/{old}/retry", headers={"Idempotency-Key": ""}),
            422,
            "invalid-request",
            ["Idempotency-Key"],
        )
        assert take_stock(daemon.state)["content_jobs"] == before == 3
        unkeyed = [(await daemon.client.post(f"{JOBS}/{old}/retry")).json()["jobId"] for _ in range(2)]
        assert len({*unkeyed, *found}) == 3


async def test_what_the_input_names_is_looked_for_again(home: Path) -> None:
    async with open_daemon(home) as daemon:
        asset = (await daemon.client.post(f"{DEFAULT}/assets", content=b"x")).json()["id"]
        body = scripted(DONE)
        body["input"]["extra"] = {"a": {"$asset": asset}, "b": [{"$asset": asset}]}
        old = await daemon.submit(body)
        await daemon.wait_status(old)
        new = (await daemon.client.post(f"{JOBS}/{old}/retry")).json()["jobId"]
        rows = ask(daemon.state / "nexusd.db", "SELECT asset_id FROM job_asset_references WHERE job_id = ?", new)
        assert rows == [(asset,)]
        assert (await daemon.wait_status(new))["status"] == "done"
        ask(daemon.state / "nexusd.db", "UPDATE assets SET deleted_at = created_at WHERE id = ?", asset)
        problem = check_problem(
            await daemon.client.post(f"{JOBS}/{old}/retry"), 422, "invalid-request", ["/input/extra/a", "/input/extra/b/0"]
        )
        assert asset in json.dumps(problem)


async def test_the_input_is_checked_by_todays_renderer(home: Path) -> None:
    async with open_daemon(home) as daemon:
        other = await daemon.submit(scripted(DONE, job_type="other"))
        old = await daemon.submit(scripted(DONE))
        for job_id in (other, old):
            await daemon.wait_status(job_id)
    async with open_daemon(home, specs=(SCRIPTED,)) as daemon:
        problem = check_problem(await daemon.client.post(f"{JOBS}/{other}/retry"), 422, "invalid-request", ["/jobType"])
        assert "scripted" in json.dumps(problem)
        stored = json.dumps({"steps": "what an older renderer took", "more": 1})
        ask(daemon.state / "nexusd.db", "UPDATE content_jobs SET input = ? WHERE id = ?", stored, old)
        check_problem(await daemon.client.post(f"{JOBS}/{old}/retry"), 422, "invalid-request", ["/input/steps", "/input/more"])


@pytest.mark.parametrize(
    ("spec", "given"),
    [
        (DIAGRAM, DIAGRAM.examples["d2"]),
        (DOCUMENT, DOCUMENT.examples["markdown"]),
        (DOCUMENT, {"source": {"$asset": "one"}, "files": {"a/b.png": {"$asset": "two"}}}),
        (SCRIPTED, {"steps": [], "extra": {"$asset": "one"}}),
    ],
)
def test_what_a_renderer_took_it_takes_again(spec: RendererSpec, given: dict[str, Any]) -> None:
    """A retry validates what a submission stored, which is what the model made of it."""
    stored = spec.input_model.model_validate(dict(given), by_alias=True, by_name=False).model_dump_json(by_alias=True)
    again = spec.input_model.model_validate(json.loads(stored), by_alias=True, by_name=False).model_dump_json(by_alias=True)
    assert again == stored
    assert find_references(json.loads(stored)) == find_references(dict(given))
