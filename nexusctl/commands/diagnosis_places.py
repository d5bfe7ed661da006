"""Checks of places: the socket, the state directory and who holds it, the disk, and what dead daemons have left.

Only looks: nothing is connected to but the socket, and no lock is taken, for that could keep a daemon from starting.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexusctl.client.autostart import LOG_NAME
from nexusctl.client.quick import NoAnswer, get
from nexusctl.client.sockets import check_owner, check_path, is_answering
from nexusctl.commands.findings import failed, ok, skipped, warning
from nexusctl.errors import NexusctlError
from nexusctl.output.present import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nexusd.contract.doctor import Check, Examination, Setup
    from nexusd.contract.status import Status

HEALTH_SECONDS: Final = 5.0
FOLDERS: Final = ("assets", "logs", "work")
LOCK_NAME: Final = "nexusd.lock"
FILES: Final = ("nexusd.db", "nexusd.db-wal", "nexusd.db-shm", LOCK_NAME)
MARK: Final = b"NEXUSD_ATTEMPT="
PROC: Final = Path("/proc")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_SHOWN_MAX: Final = 5


def look_at_socket(path: Path) -> Iterator[Check]:
    """Where the socket is, whose, closed to others, and whether somebody answers. Raises NexusctlError."""
    check_path(path)
    check_owner(path)
    start = "nexusctl starts one when a verb needs it; to have one now: nexusd"
    if not os.path.lexists(path):
        yield warning("socket", f"no nexusd runs: there is no {path}", start)
        return
    for place, mode in ((path.parent, 0o700), (path, 0o600)):
        if place.stat().st_mode & _OTHERS:
            yield warning("socket", f"{place} is open to others", f"close it with: chmod {mode:o} {place}")
    if not is_answering(path):
        yield warning("socket", f"no nexusd runs: {path} is left from one that is gone", f"the next start replaces it; {start}")
    elif is_healthy(path):
        yield ok("socket", f"{path} answers, and is open to you alone")
    else:
        log = path.with_name(LOG_NAME)
        yield failed(
            "socket", f"somebody holds {path}, but is not ready and does not say why", f"see its log, {log} or journalctl"
        )


def is_healthy(path: Path) -> bool:
    """Whether a daemon at the socket says that it is ready."""
    try:
        check_path(path)
        return bool(get(path, "/v1/health", time.monotonic() + HEALTH_SECONDS))
    except (NexusctlError, NoAnswer):
        return False


def find_state(status: Status | None, setup: Setup | None) -> Path | None:
    """Return the state directory: that of the daemon, or the one that a daemon would use."""
    named = status.state_directory if status is not None else None if setup is None else setup.state_directory
    return None if named is None else Path(named)


def look_at_state(state: Path | None) -> Iterator[Check]:
    """Whether the state directory and what is in it belong to us alone."""
    name = "state directory"
    if state is None:
        yield skipped(name, "it is not known where it is, since the settings are wrong")
        return
    if not os.path.lexists(state):
        yield ok(name, f"there is no {state} yet; the first start makes it")
        return
    wrong = [problem for place in _inside(state) for problem in _problems_of(place)]
    for problem, advice in wrong[:_SHOWN_MAX]:
        yield failed(name, problem, advice)
    if not wrong:
        yield ok(name, f"{state} is yours, and closed to others")


def _inside(state: Path) -> Iterator[Path]:
    yield state
    yield from (place for name in (*FOLDERS, *FILES) if os.path.lexists(place := state / name))


def _problems_of(place: Path) -> Iterator[tuple[str, str]]:
    found = place.lstat()
    wanted = 0o600 if place.name in FILES else 0o700
    if stat.S_ISLNK(found.st_mode):
        yield f"{place} is a symbolic link", "put there what it leads to: nexusd does not follow it"
        return
    if stat.S_ISDIR(found.st_mode) != (wanted == 0o700):
        yield f"{place} is not what it should be", "move it away, and look at what it is"
    if found.st_uid != os.geteuid():
        yield f"{place} belongs to another user (uid {found.st_uid})", f"sudo chown {os.geteuid()} {place}"
    if found.st_mode & _OTHERS:
        yield f"{place} is open to others", f"close it with: chmod {wanted:o} {place}"
    if found.st_mode & wanted != wanted:
        yield f"{place} is closed to yourself", f"chmod {wanted:o} {place}"


def find_holder(state: Path) -> int | None:
    """Return the process that holds the lock of a state directory, None when nobody does. Does not touch the lock."""
    lock = state / LOCK_NAME
    try:
        found, lines = lock.stat(), (PROC / "locks").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if fields[1:2] == ["FLOCK"] and fields[5].rpartition(":")[2] == str(found.st_ino) and _has_open(int(fields[4]), found):
            return int(fields[4])
    return None


def _has_open(pid: int, wanted: os.stat_result) -> bool:
    try:
        return any(os.path.samestat(os.stat(descriptor), wanted) for descriptor in _descriptors(pid))
    except OSError:
        return False


def _descriptors(pid: int) -> Iterator[Path]:
    for descriptor in (PROC / str(pid) / "fd").iterdir():
        if os.path.exists(descriptor):
            yield descriptor


def look_for_hidden_daemon(holder: int | None) -> Iterator[Check]:
    """Whether a daemon runs that does not answer where it is looked for."""
    if holder is not None:
        yield failed(
            "daemon",
            f"process {holder} holds the state directory, but does not answer at this socket",
            f"it starts, hangs, or listens elsewhere: name that with --socket, or end it with: kill {holder}",
        )


def look_at_disk(setup: Setup | None, examination: Examination | None) -> Iterator[Check]:
    """Whether there is room enough for jobs to start, by the daemon's own settings where one runs."""
    disk = None if setup is None else setup.disk
    if examination is not None:
        disk = examination.disk
    if disk is None:
        yield skipped("disk", "it is not known where the state directory is, or how full its disk")
        return
    told = f"{format_size(disk.free_bytes)} are free, {format_size(disk.needed_bytes)} are to stay free (min_free_bytes)"
    advice = "delete something: nexusctl gc, nexusctl asset rm; or set min_free_bytes"
    if disk.free_bytes < disk.needed_bytes:
        yield failed("disk", f"{told}: no job starts, and uploads are refused", advice)
    elif disk.free_bytes < 2 * disk.needed_bytes:
        yield warning("disk", told, advice)
    else:
        yield ok("disk", told)


def look_for_leftovers(state: Path | None, *, has_daemon: bool) -> Iterator[Check]:
    """Whether work folders or processes are left of a daemon that is gone."""
    name = "leftovers"
    if has_daemon:
        yield ok(name, "the daemon that runs looks after its own")
        return
    if state is None:
        yield skipped(name, "it is not known where the state directory is")
        return
    try:
        folders = sorted(entry.name for entry in (state / "work").iterdir())
    except FileNotFoundError:
        folders = []
    processes = sorted(_marked({folder.encode() for folder in folders}))
    if processes:
        pids = " ".join(map(str, processes))
        yield warning(name, f"processes of jobs run on without a daemon: {pids}", "the next start of nexusd ends them")
    if folders:
        yield warning(
            name, f"{len(folders)} work folders are left in {state / 'work'}", "the next start of nexusd removes them"
        )
    if not processes and not folders:
        yield ok(name, "nothing is left of earlier daemons")


def _marked(attempts: set[bytes]) -> Iterator[int]:
    """Yield the processes that belong to these attempts."""
    for entry in PROC.glob("[0-9]*"):
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(variable.startswith(MARK) and variable.removeprefix(MARK) in attempts for variable in variables):
            yield int(entry.name)
