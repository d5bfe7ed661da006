"""Limits that are set on a process from outside, and the groups that count processes."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from nexusd.runner import limits
from nexusd.runner.limits import ProcessLimits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KINDS = ("CORE", "NOFILE", "DATA", "FSIZE", "CPU", "NPROC")


@contextmanager
def sleeping() -> Iterator[int]:
    with subprocess.Popen(["/bin/sleep", "600"]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


@contextmanager
def talking(argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(argv, env={"A": "1"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process


def read(pid: int) -> dict[str, tuple[int, int]]:
    return {kind: resource.prlimit(pid, getattr(resource, f"RLIMIT_{kind}")) for kind in KINDS}


def test_all_that_is_wanted_is_set_and_nothing_else() -> None:
    with sleeping() as pid:
        before = read(pid)
        limits.apply([pid], ProcessLimits(), counts_processes=True)
        assert read(pid) == {**before, "CORE": (0, 0), "NOFILE": (1024, 1024)}
        assert os.getpriority(os.PRIO_PROCESS, pid) == max(limits.NICENESS, os.getpriority(os.PRIO_PROCESS, 0))
        wanted = ProcessLimits(memory_bytes=2**30, file_bytes=2**20, cpu_seconds=7, processes=99)
        limits.apply([pid], wanted, counts_processes=False)
        expected = {"DATA": (2**30, 2**30), "FSIZE": (2**20, 2**20), "CPU": (7, 12), "NPROC": before["NPROC"]}
        assert {kind: read(pid)[kind] for kind in expected} == expected
        limits.apply([pid], wanted, counts_processes=True)
        assert read(pid)["NPROC"] == (99, 99)


def test_a_limit_that_is_lower_already_stays() -> None:
    with sleeping() as pid:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (100, 200))
        resource.prlimit(pid, resource.RLIMIT_CPU, (3, 3))
        limits.apply([pid], ProcessLimits(cpu_seconds=7), counts_processes=False)
        assert (read(pid)["NOFILE"], read(pid)["CPU"]) == ((200, 200), (3, 3))


def test_who_has_ended_needs_none() -> None:
    with sleeping() as pid:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        limits.apply([pid], ProcessLimits(), counts_processes=True)
    limits.apply([pid], ProcessLimits(), counts_processes=True)


def test_a_limit_that_cannot_be_set_is_an_error() -> None:
    with sleeping() as pid, pytest.raises(OverflowError):
        limits.apply([pid], ProcessLimits(memory_bytes=2**70), counts_processes=True)


async def test_a_group_counts_and_is_removed_when_its_last_process_is_out() -> None:
    parent = limits.find_group_parent()
    if parent is None:
        return  # this machine gives us none: the status says so
    group = limits.make_group(parent, "a", 5)
    try:
        argv = limits.run_in_group(group, ["/bin/sh", "-c", "echo $*; echo A=$A; read -r _", "word", "a b", "$c"])
        with talking(argv) as process:
            assert process.stdout is not None
            assert [process.stdout.readline() for _ in range(2)] == [b"a b $c\n", b"A=1\n"]
            assert (group / "cgroup.procs").read_text().split() == [str(process.pid)]
            assert (group / "pids.max").read_text().strip() == "5"
            async with trio.open_nursery() as nursery:
                nursery.start_soon(limits.remove_group, group)
                await trio.testing.wait_all_tasks_blocked()
                assert group.exists()  # somebody is in it
                process.communicate(b"\n")
    finally:
        await limits.remove_group(group)
    assert not group.exists()
    with pytest.raises(OSError, match="Invalid argument"):
        limits.make_group(parent, "b", -1)
    assert not list(parent.glob(f"nexusd-{os.getpid()}-*"))


def test_nobody_is_less_nice_than_we_are() -> None:
    """As root: nobody else could make a process less nice at all."""
    code = """
import os, subprocess
from nexusd.runner import limits
os.nice(12 - os.getpriority(os.PRIO_PROCESS, 0))
with subprocess.Popen(["/bin/sleep", "600"]) as process:
    limits.apply([process.pid], limits.ProcessLimits(), counts_processes=False)
    print(os.getpriority(os.PRIO_PROCESS, process.pid))
    process.kill()
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout == "12\n"
