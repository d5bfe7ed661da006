"""A child under our launcher, for where there is no bubblewrap: its supervisor is the subreaper of all that descends from it.

The launcher puts the program under Landlock and seccomp when the level is `landlock`, kills what the program leaves behind, and
tells how it ended. Nothing is found by searching /proc, unless the launcher itself was killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

import nexusd
from nexusd.runner import exits
from nexusd.runner.process import Child
from nexusd.store.jobs import Usage

if TYPE_CHECKING:
    import resource
    from collections.abc import Sequence

    from nexusd.runner.pipes import Pipe
    from nexusd.runner.process import Spawn

LAUNCHER: Final = str(Path(nexusd.__file__).parent / "launcher" / "program.py")
END_SECONDS: Final = 5.0
"""How long the launcher may take to kill what it supervises: it repeats until nobody is left."""


class SupervisedChild(Child):
    """A program whose launcher is its parent."""

    def __init__(self, spawn: Spawn, level: str, reads: Sequence[str]) -> None:
        super().__init__(spawn)
        self._level = level
        self._reads = (*reads, *spawn.reads)
        self._final: dict[str, Any] | None = None

    def command(self, report: int, progress: int) -> list[str]:
        """Return the launcher's command line."""
        spawn = self.spawn
        words = ["--level", self._level, "--attempt", spawn.attempt_id, "--parent", str(os.getpid()), "--report", str(report)]
        words += ["--workdir", str(spawn.workdir), "--keep", str(progress)]
        for descriptor in spawn.inherited:
            words += ["--keep", str(descriptor)]
        for path in self._reads:
            words += ["--read", path]
        if spawn.network:
            words.append("--network")
        return [sys.executable, "-I", "-S", LAUNCHER, *words, "--"]

    def variables(self) -> dict[str, str]:
        """Say where the work directory is."""
        return {"HOME": str(self.spawn.workdir), "TMPDIR": str(self.spawn.workdir / "tmp")}

    async def wait_ready(self, said: Pipe) -> list[int]:
        """Return the program, which waits. `said` has nothing to say yet."""
        told = await self.next_report()
        if told is None or "main" not in told:
            raise _failure(told)
        self.leader = int(told["main"])
        return [self.leader]

    async def wait_exited(self) -> None:
        """Return when the launcher has ended: it is the last."""
        await self.wait_holder()

    async def kill(self) -> bool:
        """Have the launcher end all, and hear from it how the program ended."""
        self.signal_holder(signal.SIGTERM)
        self.signal_holder(signal.SIGCONT)  # the program may have stopped it
        with trio.move_on_after(END_SECONDS):
            await self.wait_holder()
        self.signal_holder(signal.SIGKILL)
        await self.wait_holder()
        with contextlib.suppress(OSError), trio.move_on_after(END_SECONDS):
            while (told := await self.next_report()) is not None:
                if "errno" in told:
                    self.refusal = _failure(told)
                elif "status" in told:
                    self._final = told
        return self._final is not None

    def judge(self, status: int, used: resource.struct_rusage) -> Usage:
        """Read the program's end from what the launcher told; what the kernel says of the launcher is for when it did not."""
        final = self._final
        if final is None:
            exit_code, number = exits.split_status(status)
            return Usage(exit_code=exit_code, signal=number)
        exit_code, number = exits.split_status(int(final["status"]))
        return Usage(
            exit_code=exit_code,
            signal=number,
            peak_memory_bytes=int(final["peak_kib"]) * 1024,
            cpu_seconds=round(float(final["cpu_seconds"]), 6),
        )


def _failure(told: dict[str, Any] | None) -> OSError:
    """Return why the program was not started, as the launcher tells it."""
    number = int(told["errno"]) if told is not None and "errno" in told else 0
    what = str(told["what"]) if told is not None and "what" in told else "start"
    return OSError(number, f"{os.strerror(number)} ({what})" if number else "the launcher did not start")
