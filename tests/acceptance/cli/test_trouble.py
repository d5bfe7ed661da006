"""Row 47 of RELIABILITY.md: no daemon, a daemon that dies, Ctrl-C, a reader that leaves, two starts at once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time

import pytest

from tests.acceptance.cli.home import NEXUSCTL, Home, finish, open_gate, wait_line
from tests.support.patience import HANG_SECONDS

pytestmark = pytest.mark.slow

FLOW = "a -> b: hello\nb -> c\n"


def test_status_never_starts_one(home: Home) -> None:
    assert home.run("status").returncode == 3
    assert not home.socket.parent.exists()


def test_a_daemon_that_hangs_is_given_up_within_the_timeout(home: Home) -> None:
    assert home.run("ls").returncode == 0
    pid = home.daemon_pid()
    os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    done = home.run("ls", "--timeout", "1")
    took_seconds = time.monotonic() - begun
    os.kill(pid, signal.SIGCONT)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "nexusctl: nexusd did not answer in time\n  see the daemon's log\n"
    assert 1 <= took_seconds < 20, "not the thirty of nothing said"
    assert home.run("ls", "--timeout", "0").returncode == 0, "one that is there has a second"


def test_a_stale_socket_is_replaced(home: Home) -> None:
    home.file("flow.d2", FLOW)
    home.socket.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(home.socket))
    assert home.run("ls", "--no-start").returncode == 3
    assert home.run("render", "flow.d2").returncode == 0


def test_a_daemon_that_cannot_start_is_reported_with_its_words(home: Home) -> None:
    home.file("flow.d2", FLOW)
    done = home.run("render", "flow.d2", NEXUSD_RUNNING_JOBS="none")
    assert done.returncode == 3
    assert "ended at once" in done.stderr
    assert "running_jobs" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_starts_at_once_end_with_one_daemon(home: Home) -> None:
    home.file("flow.d2", FLOW)
    both = [home.start("render", "flow.d2", "-o", f"{number}.svg") for number in range(3)]
    ends = [finish(process) for process in both]
    assert [code for code, _, _ in ends] == [0, 0, 0], ends
    assert sum("started nexusd" in err for _, _, err in ends) == 1
    assert len({(home.work / f"{number}.svg").read_bytes() for number in range(3)}) == 1


def test_ctrl_c_detaches_and_the_job_goes_on(shared: Home) -> None:
    gate = shared.new_gate()
    job_id = shared.submit_gate(gate)
    watching = shared.start("watch", job_id)
    wait_line(watching, "at the gate", stdout=True)
    watching.send_signal(signal.SIGINT)
    code, _, err = finish(watching)
    assert code == 130
    assert err == (
        f"nexusctl: detached; job {job_id} goes on\n"
        f"  watch it again with: nexusctl watch {job_id}\n"
        f"  cancel it with: nexusctl cancel {job_id}\n"
    )
    open_gate(gate)
    assert shared.run("watch", job_id).returncode == 0


def test_ctrl_c_in_render_leaves_no_file_and_the_daemon_lives(home: Home) -> None:
    gate = home.new_gate()
    home.submit_gate(gate)  # takes the only place, so the next job is queued for as long as we like
    home.file("flow.d2", FLOW)
    rendering = home.start("render", "flow.d2")
    job_id = wait_line(rendering, "queued")[0].split()[-1]
    rendering.send_signal(signal.SIGINT)
    code, out, err = finish(rendering)
    assert (code, out) == (130, "")
    assert f"nexusctl watch {job_id}" in err
    assert f"nexusctl cancel {job_id}" in err
    assert sorted(path.name for path in home.work.iterdir()) == ["flow.d2", "gate"]
    open_gate(gate)
    assert home.run("watch", job_id).returncode == 0


def test_the_suggested_commands_reach_the_same_daemon(shared: Home) -> None:
    gate = shared.new_gate()
    job_id = shared.submit_gate(gate)
    watching = shared.start("watch", job_id, "--socket", str(shared.socket))
    wait_line(watching, "at the gate", stdout=True)
    watching.send_signal(signal.SIGINT)
    assert f"nexusctl --socket {shared.socket} cancel {job_id}" in finish(watching)[2]


def test_ctrl_c_in_a_terminal_puts_the_terminal_back(shared: Home) -> None:
    gate = shared.new_gate()
    job_id = shared.submit_gate(gate)
    pid, terminal = os.forkpty()
    if pid == 0:
        os.chdir(shared.work)
        os.execve(NEXUSCTL, [NEXUSCTL, "watch", job_id], shared.environment)
    seen = b""
    while b"at the gate" not in seen and b"\xe2\x94\x81" not in seen:
        seen += os.read(terminal, 4096)
    os.write(terminal, b"\x03")
    try:
        while chunk := os.read(terminal, 4096):
            seen += chunk
    except OSError:
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert b"detached" in seen
    assert seen.rindex(b"\x1b[?25h") > seen.rindex(b"\x1b[?25l")
    open_gate(gate)


def test_a_daemon_that_dies_mid_watch_is_started_again_and_the_stream_resumed(home: Home) -> None:
    gate = home.new_gate()
    job_id = home.submit_gate(gate)
    watching = home.start("watch", job_id, "--json")
    lines = wait_line(watching, '"at the gate"', stdout=True)
    home.kill_daemon()
    lines += wait_line(watching, '"at the gate"', stdout=True)
    open_gate(gate)
    code, out, err = finish(watching)
    assert code == 0, err
    assert "Traceback" not in err
    events = [json.loads(line) for line in [*lines, *out.splitlines()]]
    numbers = [event["id"] for event in events if event["id"] is not None]
    assert numbers == sorted(set(numbers)), "in order, each once"
    statuses = [event["job"]["status"] for event in events if event["event"] == "status"]
    assert statuses[-1] == "done"
    assert statuses.count("done") == 1
    assert "queued" in statuses[1:], "the crash put it back"


def test_a_daemon_that_dies_mid_render_is_started_again_and_the_result_written(home: Home) -> None:
    home.file("flow.d2", FLOW)
    home.run("ls")  # a daemon of somebody else's, so that only the render's own restart is told
    gate = home.new_gate()
    home.submit_gate(gate)
    rendering = home.start("render", "flow.d2")
    wait_line(rendering, "queued")
    home.kill_daemon()
    wait_line(rendering, "started nexusd")
    open_gate(gate)
    code, out, err = finish(rendering)
    assert (code, out) == (0, "flow.svg\n"), err
    assert b"<svg" in (home.work / "flow.svg").read_bytes()
    assert len(home.result("ls", "--type", "diagram")["items"]) == 1, "it was not submitted twice"


def test_a_daemon_that_was_started_here_is_replaced_at_once(home: Home) -> None:
    home.file("big.md", "# Big\n\n" + "".join(f"## Section {n}\n\nText **bold** {n}.\n\n" for n in range(8_000)))
    rendering = home.start("render", "big.md")
    wait_line(rendering, "running")
    home.kill_daemon()
    code, out, err = finish(rendering)
    assert (code, out) == (0, "big.pdf\n"), err
    assert (home.work / "big.pdf").read_bytes().startswith(b"%PDF")
    assert err.count("started nexusd") == 1
    assert "Traceback" not in err


def test_an_orderly_stop_mid_watch_is_survived_too(home: Home) -> None:
    gate = home.new_gate()
    job_id = home.submit_gate(gate)
    watching = home.start("watch", job_id)
    wait_line(watching, "at the gate", stdout=True)
    os.kill(home.daemon_pid(), signal.SIGTERM)
    wait_line(watching, "at the gate", stdout=True)
    open_gate(gate)
    assert finish(watching)[0] == 0
    assert home.result("show", job_id)["attemptsUsed"] <= 1, "a stop is not a failure"


def test_without_permission_to_start_a_dead_daemon_is_waited_for(home: Home) -> None:
    gate = home.new_gate()
    job_id = home.submit_gate(gate)
    watching = home.start("watch", job_id, "--no-start")
    wait_line(watching, "at the gate", stdout=True)
    home.kill_daemon()
    wait_line(watching, "trying again")
    assert home.run("ls").returncode == 0  # somebody starts it
    wait_line(watching, "at the gate", stdout=True)
    open_gate(gate)
    assert finish(watching)[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [["ls", "--json"], ["--help"], ["status"], ["version"], ["version", "--json"], ["events", "-f", "--since", "0"]],
)
def test_a_reader_that_leaves_is_no_news(shared: Home, arguments: list[str]) -> None:
    shared.file("any.txt", "any")
    assert shared.run("asset", "put", "any.txt").returncode == 0  # a daemon, and an event to tell of
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [NEXUSCTL, *arguments],
        env=shared.environment,
        stdout=writer,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        timeout=HANG_SECONDS,
    )
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == (1 if arguments == ["--help"] else 141), "help is Typer's own"


def test_a_reader_that_leaves_mid_watch_is_no_news(shared: Home) -> None:
    gate = shared.new_gate()
    job_id = shared.submit_gate(gate)
    watching = shared.start("watch", job_id, "--json")
    wait_line(watching, '"at the gate"', stdout=True)
    assert watching.stdout is not None
    watching.stdout.close()
    open_gate(gate)
    assert watching.wait(HANG_SECONDS) == 141
    assert watching.stderr is not None
    assert watching.stderr.read() == ""
    watching.stderr.close()


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_trouble(shared: Home, closed: str) -> None:
    shared.file("flow.d2", FLOW)
    script = f"{NEXUSCTL} render flow.d2 {closed}"
    done = subprocess.run(
        ["bash", "-c", script], env=shared.environment, cwd=shared.work, capture_output=True, timeout=HANG_SECONDS
    )
    assert done.returncode == 0, done.stderr
    assert b"<svg" in (shared.work / "flow.svg").read_bytes()


def test_a_terminated_render_leaves_no_file(home: Home) -> None:
    gate = home.new_gate()
    home.submit_gate(gate)
    home.file("flow.d2", FLOW)
    rendering = home.start("render", "flow.d2")
    wait_line(rendering, "queued")
    rendering.terminate()
    assert finish(rendering)[0] == 143
    assert sorted(path.name for path in home.work.iterdir()) == ["flow.d2", "gate"]
    open_gate(gate)
