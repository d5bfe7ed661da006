"""The resource limits of one attempt, set from outside on processes that do not run yet.

A child that has been started waits for its word to go on (see `process`); what is set until then holds for all that it will
ever start. How many processes there may be is bounded by RLIMIT_NPROC, which counts inside the attempt's own user namespace
and so nobody else; for root the kernel ignores it, and a `pids` cgroup takes its place where there is one.

Source: setrlimit(2), user_namespaces(7), the kernel's cgroup-v1/pids and cgroup-v2 documents.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

logger = logging.getLogger("nexusd.runner")

OPEN_FILES_MAX: Final = 1024
NICENESS: Final = 5
CPU_GRACE_SECONDS: Final = 5
CGROUPS: Final = Path("/sys/fs/cgroup")
JOIN: Final = 'echo $$ >"$1" && shift && unset PWD OLDPWD SHLVL && exec "$@"'
GROUP_PREFIX: Final = "nexusd-"
"""Then come the daemon's pid and the attempt."""
PROBE_NAME: Final = "probe"
REMOVAL_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.03, 0.1, 0.3, 0.5)


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """Resource limits of one attempt; all but `processes` are of each process alone. None = no limit."""

    memory_bytes: int | None = None
    file_bytes: int | None = None
    cpu_seconds: int | None = None
    processes: int | None = None


def apply(pids: Iterable[int], limits: ProcessLimits, *, counts_processes: bool) -> None:
    """Set the limits, and a low priority but never a higher one than ours, on processes that wait.

    `counts_processes`: they have a user namespace of their own, in which RLIMIT_NPROC counts nobody else.
    Raises OSError when a limit cannot be set.
    """
    cpu = limits.cpu_seconds
    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NOFILE: _both(OPEN_FILES_MAX),
        resource.RLIMIT_DATA: _both(limits.memory_bytes),
        resource.RLIMIT_FSIZE: _both(limits.file_bytes),
        resource.RLIMIT_CPU: None if cpu is None else (cpu, cpu + CPU_GRACE_SECONDS),
        resource.RLIMIT_NPROC: _both(limits.processes) if counts_processes else None,
    }
    niceness = max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0))
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # so short a life needs no limits
            for kind, bound in wanted.items():
                if bound is not None:
                    _set(pid, kind, bound)
            with contextlib.suppress(PermissionError):  # it is nicer already
                os.setpriority(os.PRIO_PROCESS, pid, niceness)


def _set(pid: int, kind: int, bound: tuple[int, int]) -> None:
    _, hard = resource.prlimit(pid, kind)
    soft, most = bound if hard == resource.RLIM_INFINITY else (min(value, hard) for value in bound)
    resource.prlimit(pid, kind, (soft, most))


def _both(bound: int | None) -> tuple[int, int] | None:
    return None if bound is None else (bound, bound)


def find_group_parent() -> Path | None:
    """Return the cgroup below which groups that bound processes can be made, None when there is none."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "pids":
            candidate = CGROUPS / "pids" / path.lstrip("/")
        elif not controllers:
            candidate = CGROUPS / path.lstrip("/")
            if not _delegates_pids(candidate):
                continue
        else:
            continue
        if _holds_groups(candidate):
            return candidate
    return None


def _holds_groups(parent: Path) -> bool:
    try:
        make_group(parent, PROBE_NAME, 1).rmdir()
    except OSError:
        return False
    return True


def _delegates_pids(group: Path) -> bool:
    try:
        return "pids" in (group / "cgroup.subtree_control").read_text().split()
    except OSError:
        return False


def make_group(parent: Path, attempt_id: str, processes: int) -> Path:
    """Make a group that may have so many processes. Raises OSError."""
    group = parent / f"{GROUP_PREFIX}{os.getpid()}-{attempt_id}"
    group.mkdir()
    try:
        (group / "pids.max").write_text(str(processes))
    except BaseException:
        group.rmdir()
        raise
    return group


def run_in_group(group: Path, argv: Sequence[str]) -> list[str]:
    """Return the command line that runs `argv` in a group, and all that it starts.

    The process moves itself before it becomes the program: the kernel takes milliseconds for that, which the daemon has not.
    """
    return ["/bin/sh", "-c", JOIN, "nexusd", str(group / "cgroup.procs"), *argv]


async def remove_group(group: Path) -> None:
    """Remove the group of processes that have ended; say so in the log when that cannot be done.

    The kernel takes one that has been killed, or even reaped, out of its group a moment later and tells nobody, so that is
    waited for, a second at most. Cancellation: cannot be cancelled.
    """
    reason: OSError | None = None
    with trio.CancelScope(shield=True):
        for pause in REMOVAL_SECONDS:
            try:
                os.rmdir(group)
            except FileNotFoundError:
                return
            except OSError as error:
                reason = error
            else:
                return
            if reason.errno != errno.EBUSY:
                break
            await trio.sleep(pause)
    logger.warning("a cgroup stays behind", extra={"group": str(group), "reason": str(reason)})


def remove_old_groups(parent: Path) -> None:
    """Remove the groups that daemons left who are no more; what still has a process stays."""
    for group in parent.glob(f"{GROUP_PREFIX}[0-9]*-*"):
        owner = group.name.removeprefix(GROUP_PREFIX).split("-", 1)[0]
        if owner == str(os.getpid()) or not Path(f"/proc/{owner}").exists():
            with contextlib.suppress(OSError):
                group.rmdir()
