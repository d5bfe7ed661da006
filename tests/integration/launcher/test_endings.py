"""Nothing that the program leaves behind outlives the launcher, however it ends and whatever it did."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.launchers import PARENT, READ, open_launched, python_argv, wait_readable
from tests.support.processes import holding, is_dead

if TYPE_CHECKING:
    from pathlib import Path

READING = [word for path in READ for word in ("--read", path)]


def sh(code: str) -> list[str]:
    return ["/bin/sh", "-c", code]


STUBBORN = """
def stubborn():
    ignore_term()
    wait()
def cleaned():
    os.execve("/bin/sleep", ["sleep", "600"], {})
def grown():
    # a tree of three generations below one that has gone
    for _ in range(2):
        os.fork()
    wait()
def stopped():
    os.kill(os.getpid(), signal.SIGSTOP)
"""
ESCAPES = {
    "a grandchild": "hide(session=False)",
    "a session of its own": "hide()",
    "TERM ignored": "hide(do=stubborn)",
    "a session of its own and no environment": "hide(do=cleaned)",
    "a tree": "hide(do=grown)",
    "stopped": "hide(do=stopped)",
}


@pytest.mark.parametrize("escape", ESCAPES)
def test_who_escapes_is_dead_when_the_launcher_has_ended(tmp_path: Path, level: str, escape: str) -> None:
    code = f"{STUBBORN}pid = {ESCAPES[escape]}\nhold_blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
    code += 'tell(0, f"{os.getpid()} {pid}")\nsignal.sigwait([signal.SIGUSR1])\nsys.exit(7)'
    with open_launched(tmp_path, python_argv(code), level, *READING) as launched:
        launched.main()
        launched.go()
        with holding(launched.pids()) as family:
            os.kill(next(iter(family)), signal.SIGUSR1)
            assert launched.end()["status"] == 7 << 8
            assert all(map(is_dead, family.values()))
        assert launched.is_over()


STORM = """
tokens, mint = os.pipe()
os.write(mint, b"x" * 300)
os.set_blocking(tokens, False)
def is_allowed():
    try:
        return os.read(tokens, 1)
    except BlockingIOError:
        return b""
def spread():
    while is_allowed():
        os.fork()
    wait()
def hop():
    # each generation is gone as soon as the next is there
    while is_allowed():
        if os.fork():
            os._exit(0)
        os.setsid()
    wait()
"""


@pytest.mark.slow
@pytest.mark.parametrize("storm", ["spread", "hop"])
@pytest.mark.parametrize("how", ["the program ends", "TERM"])
def test_a_fork_storm_is_over_when_the_launcher_has_ended(tmp_path: Path, storm: str, how: str) -> None:
    code = f"{STORM}ours = os.getpid()\nhide(do={storm})\ntell(0, 'storm')\n" + ("" if how != "TERM" else "wait()")
    with open_launched(tmp_path, python_argv(code)) as launched:
        launched.main()
        launched.go()
        assert launched.message() == "storm"
        if how == "TERM":
            launched.process.terminate()
        assert launched.end()["status"] == (signal.SIGKILL if how == "TERM" else 0)
        assert launched.is_over()


FAMILY = f"{STUBBORN}pids = [hide(session=False), hide(), hide(do=stubborn), hide(do=cleaned)]\n"
OBEDIENT = FAMILY + 'tell(0, " ".join(map(str, [os.getpid(), *pids])))\nwait()'
DEAF = "ignore_term()\n" + OBEDIENT


@pytest.mark.parametrize("code", [OBEDIENT, DEAF], ids=["obedient", "deaf"])
def test_term_ends_everything_at_once(tmp_path: Path, level: str, code: str) -> None:
    with open_launched(tmp_path, python_argv(code), level, *READING) as launched:
        launched.main()
        launched.go()
        with holding(launched.pids()) as family:
            launched.process.terminate()
            assert launched.end()["status"] == signal.SIGKILL
            assert len(family) == 5
            assert all(map(is_dead, family.values()))
        assert launched.is_over()


def test_term_before_the_go_runs_nothing(tmp_path: Path) -> None:
    with open_launched(tmp_path, ["/usr/bin/touch", "ran"]) as launched:
        launched.main()
        launched.process.terminate()
        assert launched.end()["status"] == signal.SIGKILL
        assert not (tmp_path / "ran").exists()


def test_other_signals_do_not_disturb_the_launcher(tmp_path: Path) -> None:
    with open_launched(tmp_path, python_argv("hold(); sys.exit(5)")) as launched:
        launched.main()
        launched.go()
        [pid] = launched.pids()
        handled = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM}
        for number in handled:
            launched.process.send_signal(number)
        os.kill(pid, signal.SIGUSR1)
        assert launched.end()["status"] == 5 << 8


@pytest.mark.parametrize("has_started", [True, False])
def test_the_death_of_the_parent_ends_everything(tmp_path: Path, level: str, has_started: bool) -> None:
    parent = [sys.executable, "-I", "-S", "-c", PARENT]
    with open_launched(tmp_path, python_argv(DEAF), level, *READING, wrapper=parent) as launched:
        pid = launched.main()
        with open(f"/proc/{pid}/stat") as stat:
            ours = int(stat.read().rpartition(")")[2].split()[1])
        pids = [ours, pid]
        if has_started:
            launched.go()
            pids = [ours, *launched.pids()]
        with holding(pids) as family:
            launched.process.kill()
            for descriptor in family.values():
                wait_readable(descriptor)
        assert launched.is_over()


def test_the_death_of_the_launcher_ends_the_program(tmp_path: Path, level: str) -> None:
    with open_launched(tmp_path, python_argv(DEAF), level, *READING) as launched:
        launched.main()
        launched.go()
        pids = launched.pids()
        with holding(pids) as family:
            launched.process.kill()
            wait_readable(family[pids[0]])
            for pid in pids[1:]:  # those are found by the mark: the daemon's business
                signal.pidfd_send_signal(family[pid], signal.SIGKILL)
                wait_readable(family[pid])


def test_when_nobody_listens_the_killing_is_done_all_the_same(tmp_path: Path) -> None:
    code = FAMILY + 'tell(0, " ".join(map(str, pids)))\n'
    with open_launched(tmp_path, python_argv(code)) as launched:
        launched.main()
        launched.close_report()
        launched.go()
        assert launched.process.wait() == 0
        assert launched.is_over()


def test_what_orphans_used_is_counted(tmp_path: Path) -> None:
    code = """
def burn():
    room = bytearray(b"x") * (64 << 20)
    while time.process_time() < 0.15:
        pass
    tell(0, "burnt")
    wait()
hide(do=burn)
wait()
"""
    with open_launched(tmp_path, python_argv(code)) as launched:
        launched.main()
        launched.go()
        assert launched.message() == "burnt"
        launched.process.terminate()
        told = launched.end()
        assert told["cpu_seconds"] >= 0.15
        assert told["peak_kib"] >= 64 << 10
