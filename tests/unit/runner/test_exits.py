"""A pidfd tells of a process that somebody else has reaped what its parent was told."""

from __future__ import annotations

import os
import signal

import pytest

from nexusd.runner.exits import read_status, split_shell_code, split_status
from tests.support.processes import holding

FATAL = [1, 2, 3, 6, 9, 11, 13, 14, 15, 24, 25, 34, 64]


@pytest.mark.parametrize("number", FATAL)
def test_a_signal(number: int) -> None:
    argv = ["sh", "-c", f"ulimit -c 0; kill -{number} $$"]
    pid = os.posix_spawn("/bin/sh", argv, {}, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])  # which Python ignores
    check(pid, (None, number))


@pytest.mark.parametrize("code", [0, 1, 65, 126, 127, 128, 129, 137, 192, 255])
def test_an_exit_code(code: int) -> None:
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", f"exit {code}"], {})
    check(pid, (code, None))


def check(pid: int, expected: tuple[int | None, int | None]) -> None:
    with holding([pid]) as held:
        _, status = os.waitpid(pid, 0)
        assert split_status(status) == expected
        assert read_status(held[pid]) in (status, None)  # None before Linux 6.15
        assert (read_status(held[pid]) is None) is (kernel() < (6, 15))


def kernel() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int(minor)


def test_who_lives_has_no_status_yet() -> None:
    pid = os.posix_spawn("/bin/sleep", ["sleep", "600"], {})
    with holding([pid]) as held:
        assert read_status(held[pid]) is None
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    with open(os.devnull) as file:
        assert read_status(file.fileno()) is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [(0, (0, None)), (128, (128, None)), (129, (None, 1)), (137, (None, 9)), (192, (None, 64)), (193, (193, None))],
)
def test_a_shell_tells_a_signal_as_a_code(code: int, expected: tuple[int | None, int | None]) -> None:
    assert split_shell_code(code) == expected
