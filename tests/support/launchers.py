"""The launcher as a process of its own, with the pipes that the daemon would hold. No daemon is needed."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from nexusd.launcher import landlock, program
from nexusd.renderers.job import PROGRESS_FD_VARIABLE
from tests.support.patience import HANG_SECONDS
from tests.support.renderers import PRELUDE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

ATTEMPT: Final = "01attempt"
READ: Final = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", sys.base_prefix, sys.prefix)
"""What a program of this interpreter or of the system's has to read."""
PARENT: Final = """
import os, subprocess, sys
command = sys.argv[1:]
command[command.index("--parent") + 1] = str(os.getpid())
subprocess.Popen(command, close_fds=False).wait()
"""
"""A process that starts the launcher and waits, for those who want to kill the launcher's parent."""


def landlock_version() -> int:
    """Return the version of the kernel's Landlock; 0 when it has none."""
    try:
        return landlock.abi()
    except OSError:
        return 0


LEVELS: Final = ("limits", "landlock") if landlock_version() else ("limits",)


def python_argv(code: str) -> list[str]:
    """Return the command of a program in Python, with what `renderers.PRELUDE` offers."""
    return [sys.executable, "-I", "-S", "-c", PRELUDE + code]


class Launched:
    """A launcher that runs, and our ends of its pipes."""

    def __init__(self, process: subprocess.Popen[bytes], report: int, go: int, progress: int) -> None:
        self.process = process
        self.progress = progress
        self._report = report
        self._go = go
        self._read = b""

    def told(self) -> dict[str, Any]:
        """Return the next line of the report; empty when there is none any more."""
        line, _, self._read = self._until(self._report).partition(b"\n")
        told: dict[str, Any] = json.loads(line or b"{}")
        return told

    def main(self) -> int:
        """Return the pid of the process that waits for the go."""
        pid: int = self.told()["main"]
        return pid

    def go(self, said: bytes = b"go\n") -> None:
        """Let the program start, or whatever else is said."""
        os.write(self._go, said)
        os.close(self._go)
        self._go = -1

    def pids(self) -> list[int]:
        """Return the numbers that the program tells as its progress."""
        return [int(pid) for pid in self.message().split()]

    def message(self) -> str:
        """Return the message that the program tells as its progress."""
        line = b""
        while not line.endswith(b"\n"):
            wait_readable(self.progress)
            read = os.read(self.progress, 1)
            assert read, "the program told nothing"
            line += read
        message: str = json.loads(line)["message"]
        return message

    def end(self) -> dict[str, Any]:
        """Return the last line of the report, once the launcher has ended as it should."""
        line = self.told()
        assert self.process.wait(HANG_SECONDS) == 0
        return line

    def run(self) -> dict[str, Any]:
        """Let the program run to its end and return the last line."""
        self.main()
        self.go()
        return self.end()

    def is_over(self) -> bool:
        """Tell whether nobody is left of all who were born with the progress pipe open, whatever else they did."""
        waiting = select.poll()
        waiting.register(self.progress, select.POLLIN)
        while waiting.poll(0):
            if not os.read(self.progress, 65536):
                return True
        return False

    def close_report(self) -> None:
        """Stop listening."""
        os.close(self._report)
        self._report = -1

    def close(self) -> None:
        """End it, whatever a test did."""
        self.process.terminate()  # with all that it has started
        self.process.wait(HANG_SECONDS)
        for descriptor in (self._report, self._go, self.progress):
            if descriptor >= 0:
                os.close(descriptor)

    def _until(self, descriptor: int) -> bytes:
        while b"\n" not in self._read:
            wait_readable(descriptor)
            read = os.read(descriptor, 4096)
            if not read:
                break
            self._read += read
        return self._read


def wait_readable(descriptor: int) -> None:
    """Return when there is something to read, or the end; a pidfd's process has ended then."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    assert waiting.poll(HANG_SECONDS * 1000), "nothing happens"


@contextmanager
def open_launched(
    workdir: Path,
    argv: Sequence[str],
    level: str = "limits",
    *options: str,
    environment: Mapping[str, str] | None = None,
    wrapper: Sequence[str] = (),
    **popen: Any,
) -> Iterator[Launched]:
    """Start a launcher in a work directory; at the end nothing of it is left. `popen` goes to `subprocess.Popen`."""
    (workdir / "out").mkdir(exist_ok=True)
    if not (workdir / "input.json").exists():
        (workdir / "input.json").write_text("{}")
    go, said = os.pipe()
    report, told = os.pipe()
    progress, telling = os.pipe()
    variables = {PROGRESS_FD_VARIABLE: str(telling)} if environment is None else environment
    words = ["--level", level, "--attempt", ATTEMPT, "--parent", str(os.getpid()), "--report", str(told)]
    words += ["--workdir", str(workdir), "--keep", str(telling), *options]
    command = [sys.executable, "-I", "-S", program.__file__, *words, "--", *argv]
    given = (told, telling, *popen.pop("pass_fds", ()))
    process = subprocess.Popen([*wrapper, *command], stdin=go, cwd=workdir, env=variables, pass_fds=given, **popen)
    for descriptor in (go, told, telling):
        os.close(descriptor)
    launched = Launched(process, report, said, progress)
    try:
        yield launched
    finally:
        launched.close()
