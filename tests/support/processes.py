"""Processes as the kernel sees them: held by a pidfd, so that a number used again is not taken for an old friend."""

from __future__ import annotations

import os
import select
import threading
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROC = Path("/proc")


@contextmanager
def holding(pids: Iterable[int]) -> Iterator[dict[int, int]]:
    """Hold processes that are alive; yields pid → pidfd."""
    with ExitStack() as stack:
        held: dict[int, int] = {}
        for pid in pids:
            held[pid] = os.pidfd_open(pid)
            stack.callback(os.close, held[pid])
        yield held


def is_dead(pidfd: int) -> bool:
    """Tell whether a held process has ended, reaped or not."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def find_marked(attempt_ids: Iterable[str]) -> set[int]:
    """Return the living processes that carry the mark of one of these attempts in their environment."""
    marks = {f"NEXUSD_ATTEMPT={attempt_id}".encode() for attempt_id in attempt_ids}
    found = set()
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                is_marked = not marks.isdisjoint((entry / "environ").read_bytes().split(b"\0"))
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if is_marked and state not in "ZX":
                found.add(int(entry.name))
    return found


def find_named(word: str) -> set[int]:
    """Return the living processes whose command line holds a word, whatever environment they have."""
    found = set()
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if word in (entry / "cmdline").read_text(errors="replace"):  # that of a zombie is empty
                    found.add(int(entry.name))
    return found


def find_parent(pid: int) -> int:
    """Return the parent of a process."""
    return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])


def count_open_files() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir(PROC / "self" / "fd"))


def children() -> set[int]:
    """Return the children of this process, zombies too."""
    found: set[int] = set()
    for task in (PROC / "self" / "task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has ended meanwhile
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def running_threads() -> set[threading.Thread]:
    """Return this process's threads, but for those that trio keeps for a while."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith("Trio thread")}


def threads() -> set[str]:
    """Return the names of `running_threads`."""
    return {thread.name for thread in running_threads()}
