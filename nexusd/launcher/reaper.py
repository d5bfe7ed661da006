"""The end of an attempt's processes: every descendant is found, stopped, killed and reaped.

Part of the launcher: see `program`. This process is the subreaper: whoever loses its parent comes to us, whatever it did with
sessions, groups and its environment. So `reap` knows without a search when nothing is left, and a job that leaves nothing
behind pays for none.

Invariants: `end_all` returns when there is no descendant any more, not before. A process is stopped before its children are
looked for, so that those who fork as fast as they can do not outrun the search. A pid alone is never signalled: it is opened,
and its parent must be one of ours, since by now the number may be somebody else's.
"""

import _signal  # type: ignore[import-not-found]  # what `signal` is made of; that takes nine milliseconds to import
import posix
import resource  # noqa: F401 - wait4 makes its answer with it: now, while there is memory

PASSES_MAX = 50
DEATH_SECONDS = 0.1
_WAIT_ALL = 0x40000000  # __WALL: also children that were made to end without a word


class Reaper:
    """The one who waits for all: for the main process's status, and for what all of them together used."""

    def __init__(self, main: int) -> None:
        self.status: int | None = None
        self.peak_kib = 0
        self.cpu_seconds = 0.0
        self._main = main

    def reap(self) -> bool:
        """Reap whatever has ended; tell whether there are children left."""
        while True:
            try:
                pid, status, used = posix.wait4(-1, posix.WNOHANG | _WAIT_ALL)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._main:
                self.status = status
            self.peak_kib = max(self.peak_kib, used.ru_maxrss)
            self.cpu_seconds += used.ru_utime + used.ru_stime

    def end_all(self) -> None:
        """Kill every descendant and reap it. SIGCHLD must be blocked."""
        while self.reap():
            try:
                kill_family(posix.getpid())
            except (OSError, MemoryError):
                self._kill_main()
            _signal.sigtimedwait((_signal.SIGCHLD,), DEATH_SECONDS)

    def _kill_main(self) -> None:
        """Kill what can be killed without a search: until it is reaped the number is its own."""
        if self.status is None:
            posix.kill(self._main, _signal.SIGKILL)


def kill_family(ancestor: int) -> None:
    """Stop every descendant of a process, then kill them all. Some may have been born meanwhile: do it until none is left."""
    family = [ancestor]
    known = {ancestor}
    lists = posix.access(f"/proc/self/task/{posix.getpid()}/children", posix.F_OK)
    for _ in range(PASSES_MAX):
        count = len(family)
        everybody = {} if lists else children_by_parent()
        for parent in family:  # which grows meanwhile
            for pid in children_of(parent) if lists else everybody.get(parent, ()):
                if pid not in known and _send(pid, _signal.SIGSTOP, known):
                    known.add(pid)
                    family.append(pid)
        if len(family) == count:
            break
    # Children first: the end of a session's leader would wake those of its group who are stopped.
    for pid in reversed(family[1:]):
        _send(pid, _signal.SIGKILL, known)


def children_of(parent: int) -> list[int]:
    """Return the children of a process, of each of its threads."""
    folder = f"/proc/{parent}/task"
    try:
        tasks = posix.listdir(folder)
    except OSError:
        return []
    return [int(pid) for task in tasks for pid in _read(f"{folder}/{task}/children").split()]


def children_by_parent() -> dict[int, list[int]]:
    """Return everybody's children, for kernels that keep no lists of them."""
    found: dict[int, list[int]] = {}
    for name in posix.listdir("/proc"):
        if name.isdigit():
            parent = _parent(int(name))
            if parent is not None:
                found.setdefault(parent, []).append(int(name))
    return found


def _parent(pid: int) -> int | None:
    stat = _read(f"/proc/{pid}/stat")
    return int(stat[stat.rindex(b")") + 2 :].split()[1]) if stat else None


def _send(pid: int, number: int, known: set[int]) -> bool:
    """Send a signal to a process that descends from a known one; tell whether it is one."""
    try:
        opened = posix.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if _parent(pid) not in known:
            return False
        _signal.pidfd_send_signal(opened, number)
    except ProcessLookupError:
        return False
    finally:
        posix.close(opened)
    return True


def _read(path: str) -> bytes:
    """Return what a file of /proc says; nothing when the process is gone, or hidden from us."""
    try:
        with open(path, "rb", 0) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""
