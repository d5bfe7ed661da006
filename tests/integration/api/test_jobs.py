"""Jobs over HTTP: submitted, repeated, listed, looked at, cancelled; and never seen by another company."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

from nexusd.contract.jobs import BATCH_MAX_ITEMS
from tests.support.daemons import DEFAULT, JOBS, check_problem, open_daemon, take_stock
from tests.support.patience import PROMPT_SECONDS
from tests.support.scripted import DONE, Gate, scripted

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def gate(home: Path) -> Any:
    """Return a gate that jobs can wait at."""
    with Gate(home / "gate") as gate:
        yield gate


async def test_a_submission_is_answered_while_slow_jobs_hold_every_slot(home: Path, gate: Gate) -> None:
    async with open_daemon(home, running_jobs=2) as daemon:
        slow = [await daemon.submit(scripted(("wait", gate.path), DONE)) for _ in range(2)]
        for job_id in slow:
            await daemon.wait_status(job_id, "running")
        answer = await daemon.client.post(JOBS, json=scripted(DONE))
        assert answer.status_code == 202
        accepted = answer.json()
        assert accepted["status"] == "queued"
        assert answer.headers["location"] == f"{JOBS}/{accepted['jobId']}"
        waiting = (await daemon.client.get(answer.headers["location"])).json()
        assert (waiting["status"], waiting["queuePosition"], waiting["createdAt"]) == ("queued", 1, accepted["createdAt"])
        assert [(await daemon.get(job_id))["status"] for job_id in slow] == ["running", "running"]
        gate.let_through(2)
        for job_id in [*slow, accepted["jobId"]]:
            assert (await daemon.wait_status(job_id))["status"] == "done"


async def test_the_whole_of_a_job(home: Path, gate: Gate) -> None:
    steps = [("say", "hello"), ("progress", 0.25, "a quarter"), ("wait", gate.path), ("write", "b.txt", "two"), DONE]
    async with open_daemon(home) as daemon:
        before = (await daemon.client.get("/v1/status")).json()
        body = scripted(*steps, sourceTaskId="conversation/7", priority=3, timeoutSeconds=60.5, maxAttempts=2)
        job_id = await daemon.submit(body)
        job = await daemon.wait_job(job_id, lambda job: job["progress"] == 0.25)
        assert job["status"] == "running"
        assert job["progressMessage"] == "a quarter"
        assert job["queuePosition"] is None
        [attempt] = job["attempts"]
        assert (attempt["number"], attempt["outcome"], attempt["finishedAt"]) == (1, None, None)
        gate.let_through()
        job = await daemon.wait_status(job_id)
        wanted = {
            "id": job_id,
            "jobType": "scripted",
            "status": "done",
            "sourceTaskId": "conversation/7",
            "priority": 3,
            "timeoutSeconds": 60.5,
            "maxAttempts": 2,
            "attempt": 1,
            "attemptsUsed": 1,
            "progress": 1.0,
            "errorCode": None,
            "errorMessage": None,
            "input": body["input"] | {"extra": {}},
        }
        assert {name: job[name] for name in wanted} == wanted
        assert job["createdAt"] <= job["startedAt"] <= job["finishedAt"] == job["updatedAt"]
        [attempt] = job["attempts"]
        assert (attempt["outcome"], attempt["exitCode"], attempt["signal"]) == ("done", 0, None)
        assert attempt["startedAt"] <= attempt["finishedAt"]
        assert [asset["originalFilename"] for asset in job["assets"]] == ["a.txt", "b.txt"]
        assert job["resultAssetId"] == job["assets"][0]["id"]
        for asset in job["assets"]:
            assert (asset["jobId"], asset["sourceTaskId"], asset["contentType"]) == (job_id, "conversation/7", "text/plain")
        content = await daemon.client.get(f"{DEFAULT}/assets/{job['assets'][1]['id']}/content")
        assert content.text == "two"
        after = (await daemon.client.get("/v1/status")).json()
        assert after["jobs"] == before["jobs"] | {"done": 1}
        assert (after["assets"], after["lastEventId"] > before["lastEventId"]) == (2, True)


@pytest.mark.parametrize(
    ("steps", "code", "says"),
    [
        ([("say", "line 3: no such arrow"), ("exit", 65)], "invalid_input", "line 3: no such arrow"),
        ([("say", "out of ideas"), ("exit", 3)], "renderer_failed", "out of ideas"),
        ([], "no_output", ""),
    ],
)
async def test_a_failure_is_data(home: Path, steps: list[Any], code: str, says: str) -> None:
    async with open_daemon(home) as daemon:
        job = await daemon.wait_status(await daemon.submit(scripted(*steps, maxAttempts=1)))
        assert (job["status"], job["errorCode"]) == ("failed", code)
        assert says in job["errorMessage"]
        assert job["assets"] == []


async def test_a_key_makes_a_submission_safe_to_repeat_also_after_a_restart(home: Path) -> None:
    single, batch = {b"Idempotency-Key": "k-1 ü".encode("latin-1")}, {b"Idempotency-Key": b"k-1"}
    body = scripted(DONE, extra={"a": 1})
    body["input"]["extra"] = {"a": 1, "b": {"c": [1, 2], "d": None}}
    reordered = json.dumps({"input": {"extra": {"b": {"d": None, "c": [1, 2]}, "a": 1}, "steps": [["write", "a.txt", "done"]]}})
    reordered = reordered[:-1] + ', "priority": 0,\n "jobType": "scripted"}'
    del body["extra"]
    several = {"items": [body, scripted(DONE), body]}
    async with open_daemon(home) as daemon:
        first = await daemon.client.post(JOBS, json=body, headers=single)
        assert first.status_code == 202
        first_batch = await daemon.client.post(f"{JOBS}/batch", json=several, headers=batch)
        assert [item["jobId"] for item in first_batch.json()["items"]] != []
        await daemon.wait_status(first.json()["jobId"])
        other = await daemon.add_company("other")
        elsewhere = await daemon.client.post(f"/v1/companies/{other}/content-jobs", json=body, headers=single)
        assert elsewhere.json()["jobId"] != first.json()["jobId"]
    async with open_daemon(home) as daemon:
        before = take_stock(daemon.state)
        for _ in range(2):
            again = await daemon.client.post(JOBS, content=reordered, headers={**single, b"Content-Type": b"application/json"})
            assert again.status_code == 202, again.text
            assert again.json() == first.json() | {"status": "done"}
            assert again.headers["location"] == first.headers["location"]
        again = await daemon.client.post(f"{JOBS}/batch", json=several, headers=batch)
        assert [item["jobId"] for item in again.json()["items"]] == [item["jobId"] for item in first_batch.json()["items"]]
        changed = {**body, "priority": 1}
        check_problem(await daemon.client.post(JOBS, json=changed, headers=single), 409, "idempotency-conflict")
        fewer = {"items": several["items"][:2]}
        check_problem(await daemon.client.post(f"{JOBS}/batch", json=fewer, headers=batch), 409, "idempotency-conflict")
        for table in ("content_jobs", "idempotency_keys"):
            assert take_stock(daemon.state)[table] == before[table]


async def test_the_same_key_at_the_same_moment_makes_one_job(home: Path) -> None:
    async with open_daemon(home) as daemon:
        found: list[str] = []

        async def submit() -> None:
            answer = await daemon.client.post(JOBS, json=scripted(DONE), headers={"Idempotency-Key": "k"})
            assert answer.status_code == 202
            found.append(answer.json()["jobId"])

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(submit)
        assert len(found) == 20
        assert len(set(found)) == 1
        assert take_stock(daemon.state)["content_jobs"] == 1


async def test_a_batch_of_a_thousand_is_one_transaction_in_the_order_given(home: Path) -> None:
    async with open_daemon(home, running_jobs_per_type={"scripted": 0}) as daemon:
        items = [scripted(DONE, sourceTaskId=f"t{number}") for number in range(BATCH_MAX_ITEMS)]
        answer = await daemon.client.post(f"{JOBS}/batch", json={"items": items})
        assert answer.status_code == 202
        ids = [item["jobId"] for item in answer.json()["items"]]
        assert len(set(ids)) == BATCH_MAX_ITEMS
        assert ids == sorted(ids)
        for number in (0, 499, 999):
            job = await daemon.get(ids[number])
            assert (job["sourceTaskId"], job["queuePosition"]) == (f"t{number}", number + 1)
        large = [scripted(DONE)] * BATCH_MAX_ITEMS
        large[0]["input"]["extra"] = {"text": "x" * 10_000}  # the same object a thousand times: 10 MB on the wire
        assert (await daemon.client.post(f"{JOBS}/batch", json={"items": large})).status_code == 202
        assert (await daemon.client.get("/v1/status")).json()["jobs"]["queued"] == 2 * BATCH_MAX_ITEMS


async def test_lists_are_filtered_and_paged(home: Path) -> None:
    async with open_daemon(home, running_jobs_per_type={"other": 0}) as daemon:
        ids = [await daemon.submit(scripted(DONE, sourceTaskId=f"t{number % 2}")) for number in range(5)]
        for job_id in ids:
            await daemon.wait_status(job_id)
        ids += [await daemon.submit(scripted(DONE, job_type="other", sourceTaskId="t0")) for _ in range(4)]
        moment = (await daemon.get(ids[4]))["createdAt"]
        after = (await daemon.get(ids[5]))["createdAt"]

        async def list_ids(limit: int, **query: Any) -> list[str]:
            found: list[str] = []
            cursor: dict[str, str] = {}
            while True:
                page = (await daemon.client.get(JOBS, params={**query, **cursor, "limit": limit})).json()
                assert len(page["items"]) <= limit
                found += [job["id"] for job in page["items"]]
                if page["nextCursor"] is None:
                    return found
                assert len(page["items"]) == limit
                cursor = {"cursor": page["nextCursor"]}

        cases: list[tuple[dict[str, Any], list[str]]] = [
            ({}, ids),
            ({"status": "done"}, ids[:5]),
            ({"status": "queued"}, ids[5:]),
            ({"status": ["queued", "done"]}, ids),
            ({"status": "failed"}, []),
            ({"jobType": "other"}, ids[5:]),
            ({"jobType": "nothing"}, []),
            ({"sourceTaskId": "t0"}, [ids[0], ids[2], ids[4], *ids[5:]]),
            ({"sourceTaskId": "t0", "status": "done"}, [ids[0], ids[2], ids[4]]),
            ({"createdAfter": moment, "jobType": "other"}, ids[5:]),
            ({"createdBefore": after, "jobType": "scripted"}, ids[:5]),
            ({"createdBefore": "2020-01-01T00:00:00Z"}, []),
            ({"createdAfter": "2020-01-01T01:00:00+01:00"}, ids),
        ]
        for query, wanted in cases:
            for limit in (1, 2, 3, 500):
                assert await list_ids(limit, **query) == wanted[::-1], (query, limit)
        [newest] = (await daemon.client.get(JOBS, params={"limit": 1})).json()["items"]
        assert "input" not in newest
        for slug in ("a", "b", "c"):
            await daemon.add_company(slug)
        first = (await daemon.client.get("/v1/companies", params={"limit": 3})).json()
        rest = (await daemon.client.get("/v1/companies", params={"limit": 3, "cursor": first["nextCursor"]})).json()
        assert [company["slug"] for company in first["items"] + rest["items"]] == ["default", "a", "b", "c"]


async def test_a_cancel_tells_the_truth(home: Path, gate: Gate) -> None:
    async with open_daemon(home, running_jobs=1) as daemon:
        running = await daemon.submit(scripted(("wait", gate.path), DONE))
        await daemon.wait_status(running, "running")
        queued = await daemon.submit(scripted(DONE))
        cancel = daemon.client.post

        answer = await cancel(f"{JOBS}/{queued}/cancel")
        assert (answer.status_code, answer.json()) == (200, {"jobId": queued, "outcome": "cancelled", "status": "cancelled"})
        for _ in range(2):  # the second may come before or after the end: both are true answers
            answer = await cancel(f"{JOBS}/{running}/cancel")
            if answer.status_code != 409:
                wanted = {"jobId": running, "outcome": "cancelling", "status": "running"}
                assert (answer.status_code, answer.json()) == (202, wanted)
        job = await daemon.wait_status(running)
        assert (job["status"], job["errorCode"], job["resultAssetId"]) == ("cancelled", None, None)
        assert job["cancelRequestedAt"] <= job["finishedAt"]
        assert [attempt["outcome"] for attempt in job["attempts"]] == ["cancelled"]
        done = await daemon.submit(scripted(DONE))
        failed = await daemon.submit(scripted(("exit", 65)))
        for job_id in (done, failed):
            await daemon.wait_status(job_id)
        for job_id, status in ((queued, "cancelled"), (running, "cancelled"), (done, "done"), (failed, "failed")):
            before = take_stock(daemon.state)
            problem = check_problem(await cancel(f"{JOBS}/{job_id}/cancel"), 409, "already-finished")
            assert problem["jobStatus"] == status
            assert take_stock(daemon.state) == before


async def test_companies_see_nothing_of_each_other(home: Path, gate: Gate) -> None:
    async with open_daemon(home, running_jobs=1) as daemon:
        other_id = await daemon.add_company("other")
        job_id = await daemon.submit(scripted(("wait", gate.path), DONE, sourceTaskId="secret"))
        await daemon.wait_status(job_id, "running")
        asset = (await daemon.client.post(f"{DEFAULT}/assets?sourceTaskId=secret", content=b"secret")).json()
        before = take_stock(daemon.state)
        for name in ("other", other_id):
            other = f"/v1/companies/{name}"
            ask = partial(daemon.client.request, timeout=PROMPT_SECONDS)
            for method, path in (
                ("GET", f"{other}/content-jobs/{job_id}"),
                ("POST", f"{other}/content-jobs/{job_id}/cancel"),
                ("GET", f"{other}/content-jobs/{job_id}/events"),
                ("GET", f"{other}/content-jobs/{job_id}/events?after=0"),
                ("GET", f"{other}/assets/{asset['id']}"),
                ("GET", f"{other}/assets/{asset['id']}/content"),
            ):
                answer = await ask(method, path)
                problem = check_problem(answer, 404, "not-found")
                assert "secret" not in json.dumps(problem)
            for path in ("content-jobs", "content-jobs?sourceTaskId=secret", "assets", f"assets?jobId={job_id}"):
                assert (await ask("GET", f"{other}/{path}")).json() == {"items": [], "nextCursor": None}
            foreign = {"steps": [], "extra": {"picture": {"$asset": asset["id"]}}}
            answer = await ask("POST", f"{other}/content-jobs", json={"jobType": "scripted", "input": foreign})
            check_problem(answer, 422, "invalid-request", ["/input/extra/picture"])
        assert take_stock(daemon.state) == before
        async with daemon.follow("/v1/companies/other/events", after=0) as stream:
            mine = (await daemon.client.post("/v1/companies/other/assets", content=b"mine")).json()
            [first] = await stream.take(1)
            assert (first.event, first.data["assetId"]) == ("asset.created", mine["id"])
        gate.let_through()
        assert (await daemon.wait_status(job_id))["status"] == "done"
