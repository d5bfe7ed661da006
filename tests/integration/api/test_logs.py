"""The log of a job over HTTP: what it wrote, in pages, of each attempt, also while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nexusd.contract.logs import LOG_PAGE_MAX_BYTES, LogPage
from tests.support.daemons import JOBS, Daemon, check_problem, open_daemon
from tests.support.scripted import DONE, Gate, scripted
from tests.support.stores import ask

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

pytestmark = pytest.mark.slow

TEXT = "one ü\nzwei 漢字 🙂\n"


async def read(daemon: Daemon, job_id: str, accept: str = "*/*", **query: Any) -> httpx.Response:
    answer = await daemon.client.get(f"{JOBS}/{job_id}/log", params=query, headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    return answer


def standing(answer: httpx.Response) -> tuple[int, int, str]:
    headers = answer.headers
    return int(headers["x-log-offset"]), int(headers["x-log-next-offset"]), headers["x-log-complete"]


async def say(daemon: Daemon, text: str) -> str:
    """Return a job that is over and has written this; a print adds the last newline."""
    job_id = await daemon.submit(scripted(("say", text.removesuffix("\n")), DONE))
    await daemon.wait_status(job_id)
    return job_id


async def test_the_log_as_text_as_json_and_as_bytes(home: Path) -> None:
    async with open_daemon(home) as daemon:
        job_id = await say(daemon, TEXT)
        size = len(TEXT.encode())
        plain = await read(daemon, job_id)
        assert plain.headers["content-type"] == "text/plain; charset=utf-8"
        assert (plain.content, standing(plain)) == (TEXT.encode(), (0, size, "true"))
        assert (await read(daemon, job_id, "text/plain, application/json")).content == plain.content
        as_json = await read(daemon, job_id, "application/json")
        page = LogPage.model_validate_json(as_json.content)
        assert page == LogPage(job_id=job_id, attempt=1, offset=0, next_offset=size, complete=True, text=TEXT)
        assert standing(as_json) == standing(plain)
        raw = await read(daemon, job_id, "application/json", raw="true")
        assert raw.headers["content-type"] == "application/octet-stream"
        assert (raw.content, standing(raw)) == (plain.content, standing(plain))


@pytest.mark.parametrize("limit", [4, 5, 7, 1000])
async def test_pages_put_together_are_the_whole(home: Path, limit: int) -> None:
    async with open_daemon(home) as daemon:
        job_id = await say(daemon, TEXT)
        for query in ({}, {"raw": "true"}):
            found, offset, complete = b"", 0, "false"
            while complete == "false":
                page = await read(daemon, job_id, offset=offset, limit=limit, **query)
                start, following, complete = standing(page)
                assert (start, following) == (offset, offset + len(page.content))
                assert offset < following <= offset + limit
                found, offset = found + page.content, following
            assert found == TEXT.encode()


async def test_what_is_no_utf_8_is_replaced_but_not_lost(home: Path) -> None:
    async with open_daemon(home) as daemon:
        job_id = await say(daemon, "x")
        path = daemon.state / "logs" / job_id / "1.log"
        path.write_bytes(b"a\xff\xe6\xbcb\x1b[31m\xf0\x9f")
        text = await read(daemon, job_id)
        assert (text.text, standing(text)) == ("a\ufffd\ufffdb\x1b[31m\ufffd", (0, 12, "true"))
        assert (await read(daemon, job_id, raw="true")).content == path.read_bytes()
        cut = await read(daemon, job_id, limit=11)  # within the last character
        assert (cut.text, standing(cut)) == ("a\ufffd\ufffdb\x1b[31m", (0, 10, "false"))


async def test_a_log_that_is_still_written(home: Path) -> None:
    with Gate(home / "gate") as gate:
        async with open_daemon(home) as daemon:
            steps = [("say", "before"), ("progress", 0.5, ""), ("wait", gate.path), ("say", "after"), DONE]
            job_id = await daemon.submit(scripted(*steps))
            await daemon.wait_job(job_id, lambda job: job["progress"] == 0.5)
            first = await read(daemon, job_id)
            assert first.text in ("", "before\n")  # progress may be faster than the log
            assert standing(first) == (0, len(first.content), "false")
            path = daemon.state / "logs" / job_id / "1.log"
            with path.open("ab") as log:
                log.write(b"\xe6\xbc")  # a character whose last byte is still to come
            held = await read(daemon, job_id)
            assert "\ufffd" not in held.text
            assert standing(held)[2] == "false"
            gate.let_through()
            await daemon.wait_status(job_id)
            rest = await read(daemon, job_id, offset=standing(first)[1])
            assert rest.text.endswith("after\n")
            assert standing(rest)[2] == "true"


async def test_where_there_is_nothing_yet_or_any_more(home: Path) -> None:
    async with open_daemon(home, running_jobs_per_type={"other": 0}) as daemon:
        queued = await daemon.submit(scripted(DONE, job_type="other"))
        empty = await read(daemon, queued)
        assert (empty.content, standing(empty)) == (b"", (0, 0, "false"))
        page = LogPage.model_validate_json((await read(daemon, queued, "application/json")).content)
        assert (page.attempt, page.text) == (None, "")
        await daemon.client.post(f"{JOBS}/{queued}/cancel")
        assert standing(await read(daemon, queued)) == (0, 0, "true")
        job_id = await say(daemon, "x")
        beyond = await read(daemon, job_id, offset=10_000)
        assert (beyond.content, standing(beyond)) == (b"", (10_000, 10_000, "true"))
        far = await read(daemon, job_id, offset=2**63 - 1, limit=LOG_PAGE_MAX_BYTES, raw="true")
        assert far.content == b""
        path = daemon.state / "logs" / job_id / "1.log"
        path.unlink()
        path.symlink_to(daemon.state / "nexusd.db")
        assert (await read(daemon, job_id)).content == b""


async def test_each_attempt_has_its_own_log(home: Path) -> None:
    async with open_daemon(home) as daemon:
        job_id = await say(daemon, "second")
        folder = daemon.state / "logs" / job_id
        (folder / "1.log").rename(folder / "2.log")
        (folder / "1.log").write_text("first\n")
        ask(daemon.state / "nexusd.db", "UPDATE job_attempts SET number = 2 WHERE job_id = ?", job_id)
        columns = "job_id, number, outcome, started_at, finished_at"
        first = f"INSERT INTO job_attempts (id, {columns}) SELECT 'x', job_id, 1, 'killed', started_at, finished_at"
        ask(daemon.state / "nexusd.db", f"{first} FROM job_attempts WHERE job_id = ?", job_id)
        assert (await read(daemon, job_id)).text == "second\n"
        assert (await read(daemon, job_id, attempt=2)).text == "second\n"
        assert (await read(daemon, job_id, attempt=1)).text == "first\n"
        problem = check_problem(await daemon.client.get(f"{JOBS}/{job_id}/log?attempt=3"), 404, "not-found")
        assert "no attempt 3" in problem["detail"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("attempt=0", "?attempt"),
        ("attempt=x", "?attempt"),
        ("offset=-1", "?offset"),
        (f"offset={2**63}", "?offset"),
        ("limit=3", "?limit"),
        (f"limit={LOG_PAGE_MAX_BYTES + 1}", "?limit"),
        ("raw=perhaps", "?raw"),
        ("follow=perhaps", "?follow"),
        ("follow=true&offset=1099511627776", "?offset"),
    ],
)
async def test_a_wrong_query_is_refused(home: Path, query: str, name: str) -> None:
    async with open_daemon(home, running_jobs_per_type={"scripted": 0}) as daemon:
        job_id = await daemon.submit(scripted(DONE))
        check_problem(await daemon.client.get(f"{JOBS}/{job_id}/log?{query}"), 422, "invalid-request", [name])


async def test_nobody_reads_the_log_of_another_company(home: Path) -> None:
    async with open_daemon(home) as daemon:
        await daemon.add_company("other")
        job_id = await say(daemon, "secret")
        for path in (f"/v1/companies/other/content-jobs/{job_id}/log", f"{JOBS}/nobodys/log", f"{JOBS}/..%2F{job_id}/log"):
            answer = await daemon.client.get(path)
            check_problem(answer, 404, "not-found")
            assert "secret" not in answer.text
