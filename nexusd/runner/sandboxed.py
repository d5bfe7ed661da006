"""A child inside bubblewrap: the namespace it runs in begins with a shell of ours as process 1, and ends with it.

What bubblewrap itself says is not enough: its outer process may be gone before the namespace is empty, and it tells a signal as
an exit code. So process 1 and the program are held by pidfds from before the program runs.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
from typing import TYPE_CHECKING, Final

import trio

from nexusd.runner import bubblewrap, exits, tree
from nexusd.runner.process import Child
from nexusd.store.jobs import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexusd.runner.pipes import Pipe
    from nexusd.runner.process import Spawn

EXIT_SECONDS: Final = 1.0
"""How long bubblewrap may take to end after what it held has: it only has to notice."""


class SandboxedChild(Child):
    """A program in namespaces of its own."""

    counts_processes = True
    outlives_daemon = False
    holders = 2

    def __init__(self, spawn: Spawn, bwrap: str, reads: Sequence[str]) -> None:
        super().__init__(spawn)
        self._bwrap = bwrap
        self._reads = (*reads, *spawn.reads)
        self._init = -1
        self._program = -1
        self._is_over = False
        # The kernel counts our own pages as bubblewrap's until its exec: a peak that is not above ours says nothing.
        self._inherited_peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def command(self, report: int, progress: int) -> list[str]:
        """Return bubblewrap's command line."""
        spawn = self.spawn
        place = bubblewrap.Place(spawn.workdir, self._reads, spawn.shown)
        return bubblewrap.command(self._bwrap, report, place, network=spawn.network)

    def variables(self) -> dict[str, str]:
        """Say where the work directory is inside.

        Bubblewrap itself carries the mark: when it is killed while it starts, with the daemon say, what is to become process 1
        waits for its word for ever, and is found by nothing else.
        """
        return {"HOME": bubblewrap.WORK, "TMPDIR": f"{bubblewrap.WORK}/tmp", tree.MARK: self.spawn.attempt_id}

    @property
    def root(self) -> int:
        """Process 1."""
        return super().root if self._init < 0 or self.leader is None else self.leader

    async def wait_ready(self, said: Pipe) -> list[int]:
        """Return process 1 and the program, which waits."""
        is_ready = await said.receive(1) == bubblewrap.READY  # by then bubblewrap has told all it has to tell
        told = await self.next_report() or {}
        init = told.get("child-pid")
        if not isinstance(init, int):
            raise OSError(errno.EAGAIN, "bubblewrap could not make the sandbox")
        descriptor = os.pidfd_open(init)
        if tree.read_parent(init) != super().root:  # it ended meanwhile, and the pid is another's
            os.close(descriptor)
            raise OSError(errno.EAGAIN, "bubblewrap could not make the sandbox")
        self._init = descriptor
        if not is_ready:
            raise OSError(errno.EAGAIN, "process 1 of the sandbox did not start")
        self.leader = init
        waiting = tree.find_children(init)
        if waiting:
            self._program = os.pidfd_open(waiting[0])
        return [init, *waiting]

    async def wait_exited(self) -> None:
        """Return when process 1 has ended: the kernel lets it go last."""
        await trio.lowlevel.wait_readable(self._init if self._init >= 0 else self._pidfd)
        self._is_over = self._init >= 0

    async def kill(self) -> bool:
        """Kill process 1, and with it the namespace."""
        if self._init < 0:
            self.signal_holder(signal.SIGKILL)
            await self.wait_holder()
            return False
        if not self._is_over:
            tree.signal_process(self._init, signal.SIGKILL)
            await trio.lowlevel.wait_readable(self._init)
        with trio.move_on_after(EXIT_SECONDS):
            await self.wait_holder()
        self.signal_holder(signal.SIGKILL)
        return True

    def judge(self, status: int, used: resource.struct_rusage) -> Usage:
        """Read the program's end from its pidfd, where the kernel tells it, else from bubblewrap's exit code."""
        known = exits.read_status(self._program) if self._program >= 0 else None
        exit_code, number = exits.split_status(status if known is None else known)
        if known is None and exit_code is not None:
            exit_code, number = exits.split_shell_code(exit_code)
        for descriptor in (self._init, self._program):
            if descriptor >= 0:
                os.close(descriptor)
        return Usage(
            exit_code=exit_code,
            signal=number,
            peak_memory_bytes=used.ru_maxrss * 1024 if used.ru_maxrss > self._inherited_peak_kib else None,
            cpu_seconds=round(used.ru_utime + used.ru_stime, 6),
        )
