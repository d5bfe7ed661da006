"""A borrowed terminal is given back as it was, however the program ends; no tmux needed."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
from contextlib import suppress

import pytest

from tests.support.patience import HANG_SECONDS

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?25h\x1b[?1049l"
_PROGRAM = """
import sys
from nexusctl.output.fullscreen import Fullscreen
with Fullscreen() as terminal:
    terminal.draw(["here"])
    END
    while (typed := terminal.wait(60)) is not None:
        if typed:
            terminal.draw([repr(typed)])
"""


def run(end: str, *, after: signal.Signals | None = None, typed: bytes = b"") -> tuple[int, bytes, bool]:
    """Run a program on a full screen; return its exit code, all it sent, and whether the modes are as they were."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    command = [sys.executable, "-c", _PROGRAM.replace("END", end)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        sent = b""
        if after is not None or typed:
            while b"here" not in sent:
                sent += read(ours)
            os.write(ours, typed)
            while typed and repr(typed).encode() not in sent:
                sent += read(ours)
            if after is not None:
                process.send_signal(after)
        code = process.wait(HANG_SECONDS)
    same = termios.tcgetattr(theirs) == before
    os.set_blocking(ours, False)
    with suppress(BlockingIOError):
        sent += os.read(ours, 65536)
    os.close(ours)
    os.close(theirs)
    return code, sent, same


def read(descriptor: int) -> bytes:
    """What is sent next."""
    assert select.select([descriptor], [], [], HANG_SECONDS)[0]
    return os.read(descriptor, 65536)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "after", "expected"),
    [
        ("sys.exit(0)", None, 0),
        ("raise ValueError", None, 1),
        ("raise BrokenPipeError", None, 1),
        ("pass", signal.SIGINT, -signal.SIGINT),
        ("pass", signal.SIGHUP, 129),
        ("pass", signal.SIGQUIT, 131),
    ],
)
def test_the_terminal_is_given_back(end: str, after: signal.Signals | None, expected: int) -> None:
    code, sent, same = run(end, after=after)
    assert code == expected
    assert sent.count(ENTER) == sent.count(LEAVE) == 1
    assert sent.endswith(LEAVE)
    assert same


@pytest.mark.slow
def test_keys_are_taken_as_they_are_pressed_and_not_echoed() -> None:
    code, sent, same = run("pass", after=signal.SIGHUP, typed=b"j")
    assert (code, same) == (129, True)
    assert b"j" not in sent.replace(b"b'j'", b"")


@pytest.mark.slow
def test_while_it_is_left_the_terminal_is_as_it_was() -> None:
    leave = "before = terminal.left(); before.__enter__(); raise SystemExit(7)"
    code, sent, same = run(leave)
    assert (code, same) == (7, True)
    assert sent.count(ENTER) == sent.count(LEAVE) == 1
