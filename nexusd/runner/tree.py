"""The processes of an attempt: found, signalled, and proven dead.

A child is the leader of its own session, and all that descends from it inherits the mark `NEXUSD_ATTEMPT=<attempt id>` in its
environment. A process belongs to the attempt when it carries the mark or is in that session; so a double fork with
setsid does not hide it, nor does the death of its parents. Only one that forks, leaves the session *and* cleans its environment
escapes: holding those is the business of a sandbox.

Invariants: never by name; never a pid alone, since a pid may be somebody else's by now: each process is opened (pidfd), looked
at again, and signalled through the descriptor.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nexusd.store.jobs import ProcessIdentity

MARK: Final = "NEXUSD_ATTEMPT"
PROC: Final = Path("/proc")
PASSES_MAX: Final = 50
DEATH_SECONDS: Final = 0.1
READ_BYTES: Final = 64 * 1024
_SESSION_FIELD: Final = 3  # of /proc/PID/stat, counted from the state, which comes after the command's name
_STATE_FIELD: Final = 0
_PARENT_FIELD: Final = 1
_TIME_FIELDS: Final = (11, 12, 13, 14)  # its own and its ended children's, in user mode and in the kernel
_START_FIELD: Final = 19
_RESIDENT_FIELD: Final = 21
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_GONE: Final = (FileNotFoundError, ProcessLookupError)
"""What opening a process says that has ended. Any other error is no proof of a death."""


@functools.cache
def boot_id() -> str:
    """Return the id of this boot of the kernel."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when it is gone."""
    fields = _stat(pid)
    return int(fields[_START_FIELD]) if fields else None


def signal_tree(attempt_id: str, leader: int | None, number: signal.Signals, wait_seconds: float = 0) -> int:
    """Send a signal to every living process of the attempt once; return how many there were. Blocks.

    `leader` is the pid of the session's leader while that is known to be the attempt's own, else None. `wait_seconds` is how
    long to wait for each of them to end.
    """
    count = 0
    for pid in _pids():
        if not _belongs(pid, attempt_id, leader):
            continue
        with _opened(pid) as descriptor:
            if descriptor is not None and _belongs(pid, attempt_id, leader):
                count += 1
                signal_process(descriptor, number)  # one that became another user's stays counted
                _wait_dead(descriptor, wait_seconds)
    return count


def signal_descendants(ancestor: int, number: signal.Signals) -> None:
    """Send a signal to every descendant of a process. Blocks. Raises OSError.

    Ordering: all are found before the first is signalled, since the children of one that ends move away. Who is born meanwhile
    may be missed.
    """
    family = [ancestor]
    started: dict[int, int] = {}
    for parent in family:  # which grows meanwhile
        for pid in find_children(parent):
            if pid not in started and (ticks := start_ticks(pid)) is not None:
                started[pid] = ticks
                family.append(pid)
    for pid, ticks in started.items():
        with _opened(pid) as descriptor:
            if descriptor is not None and start_ticks(pid) == ticks:
                signal_process(descriptor, number)


def read_parent(pid: int) -> int | None:
    """Return the parent of a process; None when it is gone."""
    fields = _stat(pid)
    return int(fields[_PARENT_FIELD]) if fields else None


def find_children(pid: int) -> list[int]:
    """Return the children of a process, of each of its threads."""
    if not _lists_children():
        return [child for child in _pids() if (fields := _stat(child)) and int(fields[_PARENT_FIELD]) == pid]
    found: list[int] = []
    with contextlib.suppress(*_GONE):
        for task in os.listdir(f"{PROC}/{pid}/task"):
            with contextlib.suppress(*_GONE):
                found += map(int, _read(f"{pid}/task/{task}/children").split())
    return found


@functools.cache
def _lists_children() -> bool:
    return (PROC / "thread-self/children").exists()  # CONFIG_PROC_CHILDREN


def measure_family(ancestor: int) -> tuple[int, float]:
    """Return how much memory a process and its descendants hold, in bytes, and how much processor time they have used, in
    seconds. Pages that they share count for each.
    """
    family, resident, ticks = [ancestor], 0, 0
    for pid in family:  # which grows meanwhile
        if fields := _stat(pid):
            resident += int(fields[_RESIDENT_FIELD])
            ticks += sum(int(fields[field]) for field in _TIME_FIELDS)
            family += find_children(pid)
    return resident * PAGE_BYTES, ticks / TICKS_PER_SECOND


def signal_process(pidfd: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        signal.pidfd_send_signal(pidfd, number)


def kill_tree(attempt_id: str, leader: int | None) -> bool:
    """Kill every process of the attempt, again and again until none is left; tell whether that was reached. Blocks.

    One that is still there at the end sits in the kernel with the KILL pending: it runs no instruction of its own any more.
    """
    return any(_kill_once(attempt_id, leader) == 0 for _ in range(PASSES_MAX))


def kill_orphans(attempt_id: str, process: ProcessIdentity | None) -> bool:
    """Kill what is left of an attempt of an earlier life of the daemon; tell whether none is left. Blocks."""
    leader = None
    if process is not None and process.boot_id == boot_id() and start_ticks(process.pid) == process.start_ticks:
        leader = process.pid
    return kill_tree(attempt_id, leader)


def _kill_once(attempt_id: str, leader: int | None) -> int | None:
    """Return how many had to be killed; None when there was no looking, for want of descriptors say."""
    try:
        return signal_tree(attempt_id, leader, signal.SIGKILL, DEATH_SECONDS)
    except OSError:
        time.sleep(DEATH_SECONDS)
        return None


def _wait_dead(descriptor: int, seconds: float) -> None:
    waiting = select.poll()  # select() takes no descriptor above 1023
    waiting.register(descriptor, select.POLLIN)
    waiting.poll(seconds * 1000)


def _pids() -> Iterator[int]:
    for name in os.listdir(PROC):
        if name.isdigit():
            yield int(name)


def _belongs(pid: int, attempt_id: str, leader: int | None) -> bool:
    if pid == os.getpid():
        return False
    fields = _stat(pid)
    if not fields or fields[_STATE_FIELD] in "ZX":
        return False
    return (leader is not None and int(fields[_SESSION_FIELD]) == leader) or _is_marked(pid, attempt_id)


def _is_marked(pid: int, attempt_id: str) -> bool:
    try:
        environment = _read(f"{pid}/environ")
    except (*_GONE, PermissionError):  # another user's is not ours
        return False
    return f"{MARK}={attempt_id}".encode() in environment.split(b"\0")


def _stat(pid: int) -> list[str] | None:
    try:
        text = _read(f"{pid}/stat")
    except _GONE:
        return None
    return text[text.rindex(b")") + 2 :].decode("ascii").split()


def _read(name: str) -> bytes:
    """Return what a file of /proc says: with bare descriptors, a third of the cost of a file object."""
    descriptor = os.open(f"{PROC}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(descriptor, READ_BYTES):
            parts.append(part)
    finally:
        os.close(descriptor)
    return b"".join(parts)


@contextlib.contextmanager
def _opened(pid: int) -> Iterator[int | None]:
    try:
        descriptor = os.pidfd_open(pid)
    except _GONE:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)
