"""`pause`, `resume` and `--drain` against a real daemon: what they print, what they wait for, and what stays when they end."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from nexusd.contract.jobs import Job
from nexusd.contract.pauses import QueueState
from tests.acceptance.cli.home import Home, finish, open_gate, wait_line

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

DIAGRAM = ("submit", "diagram", "--input", '{"source": "a -> b"}')


def status(home: Home, job_id: str) -> str:
    return Job.model_validate(home.result("show", job_id)).status


def state(home: Home) -> QueueState:
    """Look at the queue; to pause the whole of it again would change it."""
    with home.client() as client:
        return QueueState.model_validate_json(client.get("/v1/queue").content)


def at_gate(home: Home, gate: Path, *options: str) -> str:
    """Submit a job that runs until its gate is opened, and return once it does."""
    job_id = home.submit_gate(gate, *options)
    watching = home.start("watch", job_id, "--json", *options)
    wait_line(watching, '"at the gate"', stdout=True)
    watching.send_signal(signal.SIGINT)
    finish(watching)
    return job_id


def test_pause_and_resume_say_what_is_paused_and_status_too(home: Home) -> None:
    done = home.run("pause", "diagram", "--reason", "new \x1b[31mfonts")
    assert done.returncode == 0
    paused, *counts = done.stdout.splitlines()
    assert paused.startswith("paused       diagram, since ")
    assert paused.endswith(": new fonts")
    assert counts == ["running      0", "queued       0"]
    assert paused in home.run("status").stdout.splitlines()
    job_id = home.run(*DIAGRAM).stdout.strip()
    answer = QueueState.model_validate(home.result("pause"))
    assert [pause.job_type for pause in answer.paused] == [None, "diagram"]
    assert (answer.running, answer.queued) == (0, 1)
    assert "the whole queue, since " in home.run("status").stdout
    assert [pause.job_type for pause in QueueState.model_validate(home.result("resume")).paused] == ["diagram"]
    assert status(home, job_id) == "queued"
    resumed = home.run("resume", "diagram")
    assert (resumed.returncode, resumed.stdout.splitlines()[0]) == (0, "paused       nothing")
    assert home.run("watch", job_id, "-q").returncode == 0
    for job_type in ("diagram", "document"):
        home.run("pause", job_type)
    assert QueueState.model_validate(home.result("resume", "--all")).paused == []


def test_what_cannot_be_meant_is_refused(shared: Home) -> None:
    for arguments, code, said in (
        (["pause", "nothing", "--verbose"], 4, "[invalid-request]"),
        (["resume", "nothing", "--verbose"], 4, "/jobType"),
        (["pause", ""], 2, "empty"),
        (["resume", ""], 2, "empty"),
        (["resume", "diagram", "--all"], 2, "--all"),
    ):
        done = shared.run(*arguments)
        assert (done.returncode, done.stdout) == (code, ""), arguments
        assert said in done.stderr
    assert state(shared).paused == []


def test_a_drain_waits_for_what_runs_in_every_company_and_for_nothing_else(tmp_path: Path) -> None:
    home = Home(tmp_path, running_jobs=2)
    try:
        assert home.run("ls").returncode == 0
        with home.client() as client:
            assert client.post("/v1/companies", json={"slug": "acme"}).status_code == 201
        gates = [home.new_gate(f"gate-{number}") for number in range(2)]
        jobs = [at_gate(home, gates[0]), at_gate(home, gates[1], "--company", "acme")]
        elsewhere = home.run("pause", "diagram", "--drain")
        assert (elsewhere.returncode, elsewhere.stderr) == (0, "")  # nothing of that type runs
        draining = home.start("pause", "--drain", "--json")
        assert jobs[0] in wait_line(draining, "waiting for job")[-1]
        queued = home.run(*DIAGRAM).stdout.strip()
        open_gate(gates[0])
        assert jobs[1] in wait_line(draining, "waiting for job")[-1]
        assert draining.poll() is None
        open_gate(gates[1])
        code, out, err = finish(draining)
        assert (code, err) == (0, "")
        answer = QueueState.model_validate_json(out)
        assert ([pause.job_type for pause in answer.paused], answer.running, answer.queued) == ([None, "diagram"], 0, 1)
        assert status(home, queued) == "queued"
    finally:
        home.close()


def test_ctrl_c_ends_the_waiting_and_the_pause_stays(home: Home) -> None:
    job_id = at_gate(home, home.new_gate())
    draining = home.start("pause", "gate", "--drain")
    wait_line(draining, f"waiting for job {job_id}, gate")
    draining.send_signal(signal.SIGINT)
    code, out, err = finish(draining)
    assert (code, out) == (130, "")
    assert err == "nexusctl: not waiting any more; the pause stays\n  lift it with: nexusctl resume gate\n"
    assert [pause.job_type for pause in state(home).paused] == ["gate"]
    assert status(home, job_id) == "running"


def test_a_drain_survives_the_daemon_whose_jobs_then_wait(home: Home) -> None:
    job_id = at_gate(home, home.new_gate())
    draining = home.start("pause", "--drain")
    wait_line(draining, "waiting for job")
    home.kill_daemon()
    code, out, err = finish(draining)
    assert code == 0, err
    assert "trying again" in err
    assert out.startswith("paused       the whole queue, since ")
    assert status(home, job_id) == "queued"
    attempts = [attempt["outcome"] for attempt in home.result("show", job_id)["attempts"]]
    assert attempts == ["crashed"]


def test_a_pause_that_is_lifted_meanwhile_is_told(home: Home) -> None:
    gates = [home.new_gate(f"gate-{number}") for number in range(2)]
    at_gate(home, gates[0])
    home.submit_gate(gates[1])
    draining = home.start("pause", "--drain", "--verbose")
    wait_line(draining, "waiting for job")
    home.run("resume")
    open_gate(gates[0])
    code, out, err = finish(draining)
    assert (code, out) == (1, "")
    assert "the pause was lifted" in err
    assert "[not-drained]" in err
    open_gate(gates[1])


def test_the_json_is_the_apis_own(home: Home) -> None:
    printed = home.run("pause", "--json").stdout
    with home.client() as client:
        assert json.loads(printed) == client.get("/v1/queue").json()
