"""What became of a job, and once more: `why`, `logs` and `retry` against a real daemon."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nexusd.contract.events import JobEvent, ProgressEvent
from nexusd.contract.jobs import Job, JobAccepted
from nexusd.contract.logs import LogPage
from nexusd.contract.why import Why
from tests.acceptance.cli.home import Home, finish, open_gate, wait_line

pytestmark = pytest.mark.slow

GOOD = '{"language": "d2", "source": "a -> b", "format": "svg"}'
BAD = '{"source": "a -> -> b: {"}'


def submit_and_wait(home: Home, job_input: str) -> str:
    done = home.run("submit", "diagram", "--input", job_input)
    assert done.returncode == 0, done.stderr
    job_id = done.stdout.strip()
    home.run("watch", job_id)
    return job_id


def log_file(home: Home, job_id: str) -> Path:
    """Return where the daemon stores what a job's first attempt writes."""
    return Path(home.environment["XDG_STATE_HOME"], "nexusd", "logs", job_id, "1.log")


def test_why_says_what_went_wrong_and_what_to_do(shared: Home) -> None:
    job_id = submit_and_wait(shared, BAD)
    told = Why.model_validate(shared.result("why", job_id))
    assert (told.job_id, [str(reason.code) for reason in told.reasons]) == (job_id, ["failed"])
    shown = shared.run("why", job_id)
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[0] == f"failed: {told.summary}"
    assert told.reasons[0].advice
    assert told.reasons[0].advice in shown.stdout
    assert "exit code    65" in shown.stdout
    _, narrow = shared.run_in_terminal("why", job_id, columns=40, NO_COLOR="1")
    assert max(map(len, narrow.splitlines())) <= 40


def test_why_says_who_holds_the_slots(shared: Home) -> None:
    gate = shared.new_gate()
    running = [shared.submit_gate(gate) for _ in range(2)]
    watching = [shared.start("watch", job_id, "--json") for job_id in running]
    for process in watching:
        wait_line(process, '"at the gate"', stdout=True)
    queued = shared.submit_gate(gate)
    shown = shared.run("why", queued).stdout
    assert shown.startswith("queued: There is no room for it")
    assert all(job_id in shown for job_id in running)
    assert "running: Attempt 1 runs and says it is 25% done." in shared.run("why", running[0]).stdout
    for job_id in [queued, *running]:
        shared.run("cancel", job_id)
    for process in watching:
        finish(process)
    assert shared.run("why", queued).stdout.startswith("cancelled: ")


def test_logs_are_clean_unless_raw(shared: Home) -> None:
    job_id = submit_and_wait(shared, BAD)
    stored = log_file(shared, job_id).read_bytes()
    assert b"maps must be terminated" in stored
    shown = shared.run("logs", job_id)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "maps must be terminated" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert shared.run("logs", job_id, "--raw", "--attempt", "1").stdout.encode() == stored
    pages = [LogPage.model_validate_json(line) for line in shared.run("logs", job_id, "--json").stdout.splitlines()]
    assert "".join(page.text for page in pages).encode() == stored
    assert pages[-1].complete


def test_what_may_steer_a_terminal_is_left_out(shared: Home) -> None:
    job_id = submit_and_wait(shared, BAD)
    evil = b"\x1b]0;pwned\x07\x1b[31mred\x1b[0m\rover\n" + b"a\xffb\xc2\x9b2J" + b"x" * 1_100_000 + b"\x1b[31mend\n"
    log_file(shared, job_id).write_bytes(evil)
    shown = shared.run("logs", job_id).stdout
    assert shown == "red\nover\na\ufffdb" + "x" * 1_100_000 + "end\n"
    _, terminal = shared.run_in_terminal("logs", job_id)
    assert "\x1b" not in terminal
    lines = shared.run("logs", job_id, "--json").stdout.splitlines()
    assert len(lines) == 2
    assert "\x1b" not in "".join(lines)


def test_a_job_that_wrote_nothing(shared: Home) -> None:
    gate = shared.new_gate()
    job_id = shared.submit_gate(gate)
    watching = shared.start("watch", job_id, "--json")
    wait_line(watching, '"at the gate"', stdout=True)
    shown = shared.run("logs", job_id)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "nexusctl: nothing was written yet\n")
    assert shared.run("logs", job_id, "--raw").stdout == ""
    open_gate(gate)
    finish(watching)
    assert shared.run("logs", job_id).stderr == "nexusctl: nothing was written\n"


def test_retry_prints_the_new_id(shared: Home) -> None:
    job_id = submit_and_wait(shared, GOOD)
    done = shared.run("retry", job_id)
    assert (done.returncode, done.stderr) == (0, "")
    job = Job.model_validate(shared.result("show", done.stdout.strip()))
    assert (job.retry_of, job.job_type, job.input["source"]) == (job_id, "diagram", "a -> b")
    accepted = JobAccepted.model_validate(shared.result("retry", job_id))
    assert accepted.job_id not in (job_id, job.id)
    assert f"retry of     {job_id}" in shared.run("show", job.id).stdout


def test_retry_follows_the_new_job_to_its_end(shared: Home) -> None:
    good, bad = submit_and_wait(shared, GOOD), submit_and_wait(shared, BAD)
    followed = shared.run("retry", good, "--follow")
    assert followed.returncode == 0
    assert followed.stdout.splitlines()[-1].startswith("done asset ")
    assert followed.stdout.splitlines()[0] == shared.run("ls", "-q", "--limit", "1").stdout.strip()
    failed = shared.run("retry", "-f", bad)
    assert failed.returncode == 1
    assert "invalid_input" in failed.stderr
    first, *events = shared.run("retry", good, "--follow", "--json").stdout.splitlines()
    new_id = JobAccepted.model_validate_json(first).job_id
    for event in map(json.loads, events):
        told = (JobEvent if event["event"] == "status" else ProgressEvent).model_validate(event)
        assert told.job_id == new_id
    assert json.loads(events[-1])["job"]["status"] == "done"


def test_what_cannot_be_done_is_refused_with_a_reason(shared: Home) -> None:
    gate = shared.new_gate()
    waiting = shared.submit_gate(gate)
    job_id = submit_and_wait(shared, GOOD)
    for arguments, code, slug in (
        (["retry", waiting], 4, "not-finished"),
        (["retry", "nobodys"], 4, "not-found"),
        (["why", "nobodys"], 4, "not-found"),
        (["logs", "nobodys"], 4, "not-found"),
        (["logs", "nobodys", "--raw"], 4, "not-found"),
        (["logs", job_id, "--attempt", "2"], 4, "not-found"),
        (["logs", job_id, "--raw", "--json"], 2, "usage"),
    ):
        done = shared.run(*arguments, "--verbose")
        assert (done.returncode, done.stdout) == (code, ""), arguments
        assert f"[{slug}]" in done.stderr
    for arguments in (["logs", job_id, "--attempt", "0"], ["retry", ""], ["why"]):
        done = shared.run(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
    shared.run("cancel", waiting)
