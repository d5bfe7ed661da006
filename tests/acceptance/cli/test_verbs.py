"""The other verbs against a real daemon: results, refusals, and every `--json` read by the contract's models."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from nexusd.contract.assets import Asset
from nexusd.contract.events import JobEvent, ProgressEvent
from nexusd.contract.jobs import CancelAnswer, Job, JobAccepted, JobList
from nexusd.contract.status import Status
from tests.acceptance.cli.home import Home, finish, open_gate, wait_line

pytestmark = pytest.mark.slow

DIAGRAM = '{"language": "d2", "source": "a -> b", "format": "svg"}'


def submit(home: Home, *options: str, job_input: str = DIAGRAM) -> str:
    done = home.run("submit", "diagram", "--input", job_input, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_submit_watch_show_and_fetch(shared: Home) -> None:
    job_id = submit(shared, "--source-task", "task-7", "--priority", "5", "--timeout", "30", "--max-attempts", "2")
    watched = shared.run("watch", job_id)
    assert watched.returncode == 0
    assert watched.stdout.splitlines()[-1].startswith("done asset ")
    job = Job.model_validate(shared.result("show", job_id))
    assert (job.source_task_id, job.priority, job.timeout_seconds, job.max_attempts) == ("task-7", 5, 30, 2)
    assert job.result_asset_id is not None
    fetched = shared.run("asset-get", job.result_asset_id)
    assert (fetched.returncode, fetched.stdout) == (0, "diagram.svg\n")
    again = shared.run("asset-get", job.result_asset_id)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    piped = shared.run("asset-get", job.result_asset_id, "-o", "-")
    assert piped.stdout == (shared.work / "diagram.svg").read_text()
    row = Asset.model_validate(shared.result("asset-get", job.result_asset_id, "-o", "copy.svg"))
    assert (shared.work / "copy.svg").stat().st_size == row.byte_size


def test_an_input_comes_from_a_file_or_standard_input(shared: Home) -> None:
    shared.file("job.json", DIAGRAM)
    first = submit(shared, job_input="@job.json")
    done = shared.run("submit", "diagram", "--input", "-", "--json", input=DIAGRAM)
    second = JobAccepted.model_validate_json(done.stdout).job_id
    assert shared.run("watch", first, "-q").returncode == shared.run("watch", second, "-q").returncode == 0


def test_the_same_key_gives_the_same_job(shared: Home) -> None:
    first = submit(shared, "--idempotency-key", "k-1")
    assert submit(shared, "--idempotency-key", "k-1") == first
    other = shared.run("submit", "diagram", "--input", '{"source": "x"}', "--idempotency-key", "k-1", "--verbose")
    assert other.returncode == 4
    assert "[idempotency-conflict]" in other.stderr


def test_what_the_daemon_refuses_is_exit_4_and_names_the_place(shared: Home) -> None:
    for arguments, slug, place in (
        (["submit", "nonsense", "--input", "{}"], "invalid-request", "/jobType"),
        (["submit", "diagram", "--input", '{"source": 5}'], "invalid-request", "/input/source"),
        (["submit", "diagram", "--input", '{"source": {"$asset": "nobodys"}}'], "invalid-request", "/input/source"),
        (["show", "nobodys"], "not-found", "nobodys"),
        (["watch", "nobodys"], "not-found", "nobodys"),
        (["cancel", "nobodys"], "not-found", "nobodys"),
        (["asset-get", "nobodys"], "not-found", "nobodys"),
        (["ls", "--company", "nobodys"], "not-found", "nobodys"),
    ):
        done = shared.run(*arguments, "--verbose")
        assert (done.returncode, done.stdout) == (4, ""), arguments
        assert f"[{slug}]" in done.stderr
        assert place in done.stderr


def test_usage_errors_start_no_daemon(home: Home) -> None:
    for arguments in (
        ["submit", "diagram", "--input", "{"],
        ["submit", "diagram", "--input", "@no-such-file"],
        ["submit", "diagram", "--input", "{}", "--priority", "100000"],
        ["submit", "Not A Type", "--input", "{}"],
        ["submit", "diagram"],
        ["ls", "--status", "nonsense"],
        ["ls", "--limit", "0"],
        ["show", ""],
        ["show"],
        ["asset-get", "x", "-o", "no/such/folder/x"],
        ["asset-get", "x", "-o", "-", "--json"],
        ["nonsense"],
        ["ls", "--socket", "/" + "x" * 120],
    ):
        done = home.run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), (arguments, done)
        assert "Traceback" not in done.stderr
    assert not home.socket.exists()


def test_ls_filters_and_pages(home: Home) -> None:
    ids = [submit(home, "--source-task", f"t-{number % 2}") for number in range(3)]
    for job_id in ids:
        home.run("watch", job_id)
    assert home.run("ls", "-q").stdout.split() == ids[::-1]
    assert home.run("ls", "-q", "--limit", "2").stdout.split() == ids[:0:-1]
    assert home.run("ls", "-q", "--task", "t-1").stdout.split() == [ids[1]]
    assert home.run("ls", "-q", "--status", "failed").stdout == ""
    assert home.run("ls", "-q", "--type", "document").stdout == ""
    listed = JobList.model_validate(home.result("ls", "--limit", "250"))
    assert [job.id for job in listed.items] == ids[::-1]


def test_tables_fit_a_narrow_terminal_and_are_whole_in_a_pipe(shared: Home) -> None:
    job_id = submit(shared, job_input='{"source": "a -> -> b: {"}')
    shared.run("watch", job_id)
    _, narrow = shared.run_in_terminal("ls", columns=40, NO_COLOR="1")
    assert max(map(len, narrow.splitlines())) <= 40
    assert job_id in narrow
    _, wide = shared.run_in_terminal("ls", columns=80, NO_COLOR="1")
    assert max(map(len, wide.splitlines())) <= 80
    piped = shared.run("ls").stdout
    assert "maps must be terminated" in piped
    _, shown = shared.run_in_terminal("show", job_id, columns=40, NO_COLOR="1")
    assert max(map(len, shown.splitlines())) <= 40


def test_cancel_a_running_and_a_queued_and_a_finished_job(shared: Home) -> None:
    gate = shared.new_gate()
    running, other, queued = (shared.submit_gate(gate) for _ in range(3))
    watching = shared.start("watch", running, "--json")
    wait_line(watching, '"at the gate"', stdout=True)
    answer = CancelAnswer.model_validate(shared.result("cancel", queued))
    assert (answer.outcome, answer.status) == ("cancelled", "cancelled")
    done = shared.run("cancel", running)
    assert (done.returncode, done.stdout) == (0, "cancelling\n")
    code, out, err = finish(watching)
    assert code == 1
    assert f"job {running} was cancelled" in err
    assert json.loads(out.splitlines()[-1])["job"]["status"] == "cancelled"
    shared.run("cancel", other)
    again = shared.run("cancel", running, "--verbose")
    assert again.returncode == 4
    assert "[already-finished]" in again.stderr


def test_watch_as_json_is_one_event_a_line_each_once(shared: Home) -> None:
    gate = shared.new_gate()
    job_id = shared.submit_gate(gate)
    watching = shared.start("watch", job_id, "--json")
    lines = wait_line(watching, '"at the gate"', stdout=True)
    open_gate(gate)
    code, out, err = finish(watching)
    assert (code, err) == (0, "")
    events = [json.loads(line) for line in [*lines, *out.splitlines()]]
    numbers = [event["id"] for event in events]
    assert numbers == sorted(set(numbers))
    for event in events:
        (JobEvent if event["event"] == "status" else ProgressEvent).model_validate(event)
    assert events[-1]["job"]["status"] == "done"


def test_watch_a_job_that_is_over(shared: Home) -> None:
    job_id = submit(shared, job_input='{"source": "a -> -> b: {"}')
    for _ in range(2):
        done = shared.run("watch", job_id)
        assert done.returncode == 1
        assert "invalid_input" in done.stderr
        assert done.stdout.splitlines()[-1].startswith("failed invalid_input")


def test_status_says_what_runs(shared: Home) -> None:
    submit(shared)
    assert Status.model_validate(shared.result("status")).socket == str(shared.socket)
    assert str(shared.socket) in shared.run("status").stdout


def test_version_needs_no_daemon(home: Home) -> None:
    assert home.run("version").stdout == home.run("--version").stdout
    assert set(home.result("version")) == {"version"}
    assert not home.socket.exists()


def test_listing_imports_no_framework_of_the_daemons(shared: Home) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "nexusctl", "ls", "-q"]
    done = subprocess.run(command, env=shared.environment, capture_output=True, text=True)
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "nexusctl.client.quick" in imported
    # With the dot: an import that was tried and failed is listed too, but none of its submodules.
    heavy = ("httpx.", "trio.", "anyio.", "rich.", "sqlmodel.", "sqlalchemy.", "fastapi.", "starlette.", "markdown_it.")
    assert not [name for name in imported if name.startswith(heavy)]
