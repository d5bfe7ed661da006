"""`nexusctl top` in a real terminal: what it shows moves, its keys act, and it leaves the terminal as it found it."""

from __future__ import annotations

import os
import re
import select
import signal
from typing import TYPE_CHECKING

import pytest

from nexusctl.output.text import cell_width
from tests.acceptance.cli.home import NEXUSCTL, Home, finish, open_gate, wait_line
from tests.support.patience import HANG_SECONDS
from tests.support.processes import holding
from tests.support.tmux import Terminal, open_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

SGR = re.compile(r"\x1b\[[\d;]*m")
TOP = f"{NEXUSCTL} top"


@pytest.fixture
def terminal(home: Home) -> Iterator[Terminal]:
    """A terminal on the desktop."""
    with open_terminal(home.environment) as terminal:
        yield terminal


def enter_checked(terminal: Terminal, home: Home, command: str) -> None:
    """Type a command between two looks at the terminal's modes."""
    terminal.enter(f"cd {home.work}; clear; stty -a > before; {command}; echo ended $? >&2; stty -a > after; echo looked")


def check_clean(terminal: Terminal, home: Home, code: int) -> str:
    """Wait for the end of the command; the terminal must be as it was."""
    text = terminal.wait_text(f"ended {code}", "looked\n")
    assert terminal.state() == (False, True)
    assert (home.work / "after").read_text() == (home.work / "before").read_text()
    return text


@pytest.mark.debian
def test_a_job_is_seen_running_and_done_and_q_leaves_the_terminal_clean(terminal: Terminal, home: Home) -> None:
    gate = home.new_gate()
    job = home.submit_gate(gate)
    enter_checked(terminal, home, TOP)
    terminal.wait_text("Running 1", job[-8:], " 25%", "at the gate", "1/1 slots")
    assert terminal.state() == (True, False)
    open_gate(gate, '{"progress": 0.75, "message": "half through"}\n')
    terminal.wait_text(" 75%", "half through")
    open_gate(gate)
    terminal.wait_text("Running 0", "Ended 1", "done")
    terminal.type("q")
    text = check_clean(terminal, home, 0)
    assert job[-8:] not in text


@pytest.mark.debian
def test_ctrl_c_and_sigterm_leave_the_terminal_clean(terminal: Terminal, home: Home) -> None:
    assert home.run("ls").returncode == 0
    enter_checked(terminal, home, TOP)
    terminal.wait_text("no jobs yet")
    terminal.type("C-c")
    assert "nexusctl: interrupted\n" in check_clean(terminal, home, 130)
    enter_checked(terminal, home, TOP)
    terminal.wait_text("no jobs yet")
    os.kill(terminal.foreground(), signal.SIGTERM)
    check_clean(terminal, home, 143)


@pytest.mark.debian
def test_a_terminal_that_goes_away_takes_top_with_it(terminal: Terminal, home: Home) -> None:
    assert home.run("ls").returncode == 0
    terminal.enter(TOP)
    terminal.wait_text("no jobs yet")
    with holding([terminal.foreground()]) as held:
        [pidfd] = held.values()
        terminal.tmux("respawn-pane", "-k", "/bin/sh")
        assert select.select([pidfd], [], [], HANG_SECONDS)[0]


@pytest.mark.debian
def test_a_stopped_top_gives_the_terminal_back_and_fg_takes_it_again(terminal: Terminal, home: Home) -> None:
    assert home.run("ls").returncode == 0
    terminal.enter(f"cd {home.work}; set -m; clear; {TOP}; echo left $?")
    terminal.wait_text("no jobs yet")
    terminal.type("C-z")
    terminal.wait_text("left 148")
    assert terminal.state() == (False, True)
    terminal.enter("fg; echo came back")
    terminal.wait_text("no jobs yet")
    assert terminal.state() == (True, False)
    terminal.type("q")
    terminal.wait_text("came back\n")
    assert terminal.state() == (False, True)


@pytest.mark.debian
def test_keys_cancel_retry_and_pause(terminal: Terminal, home: Home) -> None:
    gate = home.new_gate()
    first, second = home.submit_gate(gate), home.submit_gate(gate)
    terminal.enter(TOP)
    terminal.wait_text("Running 1", "Queue 1", f"> {first[-8:]}")
    terminal.type("j")
    terminal.wait_text(f"> {second[-8:]}")
    terminal.type("k")
    terminal.wait_text(f"> {first[-8:]}")
    terminal.type("c")
    terminal.wait_text(f"cancel job {first[-8:]}? y/n")
    terminal.type("n")
    terminal.wait_text("not cancelled", "Running 1")
    terminal.type("p")
    terminal.wait_text("paused the whole queue")
    terminal.type("c")
    terminal.type("y")
    terminal.wait_text("Running 0", "Ended 1", "cancelled")
    assert home.result("show", first)["status"] == "cancelled"
    assert home.result("show", second)["status"] == "queued"
    terminal.type("p")
    terminal.wait_text("resumed", "Running 1")
    terminal.type("G")
    terminal.wait_text(f"> {first[-8:]}")
    terminal.type("r")
    terminal.wait_text(f"job {first[-8:]} once more: ", "Queue 1")
    terminal.type("q")
    [retry] = home.result("ls", "--status", "queued")["items"]
    assert retry["retryOf"] == first


@pytest.mark.debian
def test_the_log_is_shown_and_left_by_ctrl_c(terminal: Terminal, home: Home) -> None:
    job = home.submit_gate(home.new_gate())
    enter_checked(terminal, home, TOP)
    terminal.wait_text("Running 1")
    terminal.type("l")
    terminal.wait_text(f"the log of job {job}")
    assert terminal.state() == (False, True)
    terminal.type("C-c")
    terminal.wait_text("Running 1", " 25%")
    assert terminal.state() == (True, False)
    terminal.type("q")
    check_clean(terminal, home, 0)


@pytest.mark.debian
def test_it_goes_on_over_the_death_of_the_daemon(terminal: Terminal, home: Home) -> None:
    gate = home.new_gate()
    home.submit_gate(gate)
    terminal.enter(TOP)
    terminal.wait_text(" 25%")
    home.kill_daemon()
    terminal.wait_text("reconnecting…")
    text = terminal.wait(lambda text: "reconnecting" not in text and " 25%" in text and "/1 slots" in text)
    assert "Running 1" in text
    open_gate(gate)
    terminal.wait_text("Running 0", "Ended 1")
    terminal.type("q")


@pytest.mark.debian
def test_a_small_terminal_and_one_that_changes(home: Home) -> None:
    gate = home.new_gate()
    jobs = [home.submit_gate(gate) for _ in range(4)]
    with open_terminal(home.environment, columns=40, lines=10) as terminal:
        terminal.enter(TOP)
        text = terminal.wait_text("Running 1", "Queue 3", " 25%", *(job[-8:] for job in jobs))
        assert text.splitlines()[0].startswith("nexusd")
        assert len(next(line for line in text.splitlines() if line.startswith("Running"))) == 40
        terminal.resize(100, 30)
        terminal.wait_text("at the gate", "Failed 0", "? help")
        terminal.resize(30, 4)
        terminal.wait(lambda text: "Failed" not in text and f"> {jobs[0][-8:]}" in text)
        terminal.type("q")
        terminal.wait(lambda text: "ready>" in text)


@pytest.mark.debian
def test_ctrl_c_in_watch_leaves_the_terminal_clean(terminal: Terminal, home: Home) -> None:
    job = home.submit_gate(home.new_gate())
    enter_checked(terminal, home, f"{NEXUSCTL} watch {job}")
    terminal.wait_text("25%")
    terminal.type("C-c")
    text = check_clean(terminal, home, 130)
    assert f"detached; job {job} goes on" in text.replace("\n", " ")


def test_what_is_no_terminal_is_refused_with_what_to_use_instead(shared: Home) -> None:
    for variables in ({}, {"TERM": "dumb"}):
        done = shared.run("top", **variables)
        assert (done.returncode, done.stdout) == (2, "")
        assert "nexusctl events -f" in done.stderr
        assert "nexusctl ls" in done.stderr
    code, text = shared.run_in_terminal("top", TERM="dumb")
    assert code == 2
    assert "\x1b[?1049h" not in text
    assert shared.run("top", "--unknown").returncode == 2


def test_once_prints_a_frame_as_text(home: Home) -> None:
    gate = home.new_gate()
    running, queued = home.submit_gate(gate), home.submit_gate(gate)
    seen = home.start("events", "-f", "--since", "0")
    wait_line(seen, "at the gate", stdout=True)
    seen.kill()
    finish(seen)
    done = home.run("top", "--once")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("nexusd ")
    assert "1/1 slots" in lines[0]
    assert re.search(rf"^  {running[-8:]} gate +█+░+ +25% .*at the gate$", done.stdout, re.MULTILINE)
    assert re.search(rf"^  {queued[-8:]} gate +#1 ", done.stdout, re.MULTILINE)
    code, text = home.run_in_terminal("top", "--once", columns=40)
    assert code == 0
    assert max(cell_width(SGR.sub("", line)) for line in text.splitlines()) <= 40


def test_without_a_daemon_it_says_so(home: Home) -> None:
    done = home.run("top", "--once", "--no-start")
    assert done.returncode == 3
    assert "nexusd is not running" in done.stderr
