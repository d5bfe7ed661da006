"""Whole daemons that start in a tenth of the time: each is forked from a process that has imported the program already.

    python -m tests.support.forks        that process; it reads requests, one JSON object a line, and answers each with another

All else is a daemon as it is: a process and a session of its own, its own environment and log, killed by real signals.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

from tests.support.daemons import ROOT, Program, open_pidfd

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

IMPORTED: Final = (
    "alembic.command",
    "alembic.config",
    "nexusd.daemon",
    "nexusd.logs",
    "nexusd.settings",
    "tests.support.scripted_daemon",
)
"""What a daemon would import."""


class Forge:
    """The process that forks; made by `open_forge`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def start(self, argv: Sequence[str], environment: Mapping[str, str], log: str) -> int:
        """Fork a daemon and return its pid."""
        return self._ask({"argv": list(argv), "environment": dict(environment), "log": log})

    def reap(self, pid: int) -> int:
        """Wait for the end of a daemon, and return its exit code as subprocess does."""
        return self._ask({"reap": pid})

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def open_forge() -> Iterator[Forge]:
    """Start the process that forks; on leaving, end it."""
    command = [sys.executable, "-m", "tests.support.forks"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Forge(process)  # on leaving, its input is closed, and it ends


class ForkedProcess:
    """What the tests use of subprocess.Popen."""

    def __init__(self, forge: Forge, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._forge = forge

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._wait(0)

    def wait(self, timeout: float) -> int:
        """Return the exit code once it has ended."""
        if (code := self._wait(timeout)) is None:
            raise subprocess.TimeoutExpired("nexusd", timeout)
        return code

    def _wait(self, timeout: float) -> int | None:
        if self.returncode is None:
            with open_pidfd(self.pid) as ended:
                if not select.select([ended], [], [], timeout)[0]:
                    return None
            self.returncode = self._forge.reap(self.pid)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; until it is reaped its pid is nobody else's."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


@dataclass
class ForkedProgram(Program):
    """A Program whose lives are forked."""

    forge: Forge | None = None

    def spawn(self, *arguments: str, wrapper: Sequence[str] = ()) -> None:
        """Start it, and do not wait."""
        assert self.forge is not None
        assert not wrapper
        pid = self.forge.start(arguments, self.variables(), str(self.home / "log"))
        self.process = ForkedProcess(self.forge, pid)  # type: ignore[assignment]


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Fork and reap as asked, until there are no more requests."""
    for line in requests:
        request = json.loads(line)
        if "reap" in request:
            _, status = os.waitpid(request["reap"], 0)
            answer = os.waitstatus_to_exitcode(status)
        elif (answer := os.fork()) == 0:
            _be_daemon(request)
        answers.write(b"%d\n" % answer)
        answers.flush()


def _be_daemon(request: dict[str, Any]) -> None:
    """Become a daemon; never return."""
    from nexusd.__main__ import main

    code = 1
    try:
        os.setsid()
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(request["environment"])
        code = main(request["argv"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    serve(sys.stdin.buffer, sys.stdout.buffer)
