"""`nexusctl wait`: the exit code says how jobs ended, however long that takes and whatever happens meanwhile."""

from __future__ import annotations

import signal

import pytest

from nexusd.contract.jobs import Job
from tests.acceptance.cli.home import Home, finish, open_gate, wait_line

pytestmark = pytest.mark.slow


def test_wait_prints_each_as_it_ends_and_ends_with_the_last(shared: Home) -> None:
    gates = [shared.new_gate(f"gate-{number}") for number in range(2)]
    jobs = [shared.submit_gate(gate) for gate in gates]
    waiting = shared.start("wait", *jobs)
    open_gate(gates[1])
    assert wait_line(waiting, jobs[1], stdout=True)[-1].startswith(f"{jobs[1]} done")
    open_gate(gates[0])
    code, out, err = finish(waiting)
    assert (code, err) == (0, "")
    assert out.startswith(f"{jobs[0]} done")
    done = shared.run("wait", *jobs, "--json")
    assert {Job.model_validate_json(line).id for line in done.stdout.splitlines()} == set(jobs)


def test_wait_for_any_ends_with_the_first_and_a_timeout_with_124(shared: Home) -> None:
    gates = [shared.new_gate(f"gate-{number}") for number in range(2)]
    jobs = [shared.submit_gate(gate) for gate in gates]
    for arguments in (jobs[:1], jobs, ["--any", *jobs]):
        done = shared.run("wait", "--timeout", "0.5", "--verbose", *arguments)
        assert (done.returncode, done.stdout) == (124, ""), arguments
        assert "[timed-out]" in done.stderr
    long = shared.run("wait", "--timeout", "5", *jobs)
    assert long.stderr == f"nexusctl: 2 of 2 jobs are not over\n  wait on with: nexusctl wait {jobs[0]} {jobs[1]}\n"
    waiting = shared.start("wait", "--any", *jobs, "--format", "{id} {status}")
    shared.run("cancel", jobs[1])
    code, out, err = finish(waiting)
    assert (code, out) == (1, f"{jobs[1]} cancelled\n")
    assert f"job {jobs[1]} was cancelled" in err
    open_gate(gates[0])
    both = shared.run("wait", *jobs, "-q")
    assert (both.returncode, both.stdout) == (1, "")
    assert "1 of 2 jobs did not end done" in both.stderr


def test_ctrl_c_ends_the_waiting_alone(shared: Home) -> None:
    gate = shared.new_gate()
    job_id = shared.submit_gate(gate)
    other = shared.run("submit", "diagram", "-F", "source=a").stdout.strip()
    waiting = shared.start("wait", job_id, other)
    wait_line(waiting, other, stdout=True)
    waiting.send_signal(signal.SIGINT)
    code, _, err = finish(waiting)
    assert code == 130
    assert f"wait on with: nexusctl wait {job_id}\n" in err
    open_gate(gate)
    assert shared.run("wait", job_id).returncode == 0


def test_a_daemon_that_dies_under_it_is_started_again(home: Home) -> None:
    gates = [home.new_gate(f"gate-{number}") for number in range(2)]
    jobs = [home.submit_gate(gate) for gate in gates]
    waiting = home.start("wait", *jobs)
    open_gate(gates[0])
    wait_line(waiting, jobs[0], stdout=True)
    home.kill_daemon()
    wait_line(waiting, "started nexusd")
    open_gate(gates[1])
    code, out, _ = finish(waiting)
    assert (code, out.split()[:2]) == (0, [jobs[1], "done"])


def test_what_cannot_be_waited_for_is_refused(shared: Home) -> None:
    assert shared.run("wait").returncode == 2
    assert shared.run("wait", "").returncode == 2
    assert shared.run("wait", "--timeout", "-1", "x").returncode == 2
    assert shared.run("wait", "nobodys").returncode == 4
    assert shared.run("wait", "nobodys", "nobody-elses").returncode == 4


def test_a_submission_may_wait(shared: Home) -> None:
    done = shared.run("submit", "diagram", "-F", "source=b ->", "--wait")
    assert done.returncode == 1
    assert "failed, invalid_input" in done.stderr
    assert done.stdout.split()[1:3] == ["failed", "invalid_input:"]


def test_a_daemon_that_starts_is_waited_for_within_the_timeout(home: Home) -> None:
    asking = home.start("status", "--timeout", "60", "--format", "{pid}")
    assert home.run("status", "--timeout", "0").returncode == 3
    assert home.run("ls").returncode == 0
    code, out, _ = finish(asking)
    assert (code, out) == (0, f"{home.daemon_pid()}\n")
