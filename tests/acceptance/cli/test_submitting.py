"""`nexusctl submit`: one job from flags, many from lines, each batch whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nexusd.contract.jobs import Job, JobAccepted, JobList

if TYPE_CHECKING:
    from tests.acceptance.cli.home import Home

pytestmark = pytest.mark.slow


def lines(*jobs: dict[str, object]) -> str:
    return "".join(json.dumps(job) + "\n" for job in jobs)


def diagram(source: str, **more: object) -> dict[str, object]:
    return {"jobType": "diagram", "input": {"source": source}, **more}


def test_flags_make_the_input(shared: Home) -> None:
    shared.file("flow.d2", "a -> b")
    done = shared.run("submit", "diagram", "-F", "source=@flow.d2", "-f", "format=png", "--json")
    job = Job.model_validate(shared.result("show", JobAccepted.model_validate_json(done.stdout).job_id))
    assert (job.input["source"], job.input["format"]) == ("a -> b", "png")


def test_many_jobs_come_from_lines(home: Home) -> None:
    text = lines(diagram("a"), diagram("b", priority=3))
    ids = home.run("submit", "-", "--source-task", "t", "--priority", "1", "--idempotency-key", "k", input=text).stdout.split()
    listed = JobList.model_validate(home.result("ls", "--task", "t", "--type", "diagram"))
    assert [(job.id, job.priority) for job in listed.items] == [(ids[1], 3), (ids[0], 1)]
    home.file("jobs.ndjson", text)
    again = home.run("submit", "@jobs.ndjson", "--source-task", "t", "--priority", "1", "--idempotency-key", "k", "--json")
    assert [JobAccepted.model_validate_json(line).job_id for line in again.stdout.splitlines()] == ids
    waited = home.run("submit", "-", "--wait", "-q", input=text)
    assert (waited.returncode, len(waited.stdout.split())) == (0, 2)


def test_a_thousand_and_one_are_two_batches_and_a_wrong_one_spoils_only_its_own(home: Home) -> None:
    home.run("pause")
    good = [diagram("a")] * 1000
    done = home.run("submit", "-", input=lines(*good, diagram("a", jobType="nonsense")))
    assert done.returncode == 4
    assert len(done.stdout.split()) == 1000
    assert "/items/0/jobType" in done.stderr
    assert "1000 of 1001 jobs were submitted before" in done.stderr


def test_what_cannot_be_meant_is_refused_before_anything_is_contacted(home: Home) -> None:
    for arguments, text in (
        (["-"], "{"),
        (["-"], ""),
        (["-", "--input", "{}"], ""),
        (["@no-such-file"], ""),
        (["diagram", "-F", "source"], ""),
        (["diagram", "-F", "source=@no-such-file"], ""),
        (["diagram"], ""),
    ):
        done = home.run("submit", *arguments, input=text)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert "Traceback" not in done.stderr
    assert not home.socket.exists()
