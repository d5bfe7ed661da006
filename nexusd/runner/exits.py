"""How a process ended that is not our child: its raw wait status, from its pidfd.

A shell and bubblewrap tell a death by signal n as exit code 128 + n, which a program may also choose by itself. Since Linux
6.15 a pidfd that was opened in time still knows the truth after somebody else has reaped the process; before, we read the
code as shells do.

Source: PIDFD_GET_INFO in the kernel's include/uapi/linux/pidfd.h.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
from typing import Final

PIDFD_INFO_EXIT: Final = 1 << 3
# mask, cgroup id, pid, tgid, ppid, eight user and group ids, exit code
_INFO: Final = struct.Struct("=QQ11Ii")
PIDFD_GET_INFO: Final = (3 << 30) | (64 << 16) | (0xFF << 8) | 11  # _IOWR(PIDFS_IOCTL_MAGIC, 11, struct pidfd_info)
SIGNALLED: Final = 128


def read_status(pidfd: int) -> int | None:
    """Return the wait status of a process that has ended and was reaped; None when this kernel does not tell."""
    answer = bytearray(64)
    struct.pack_into("=Q", answer, 0, PIDFD_INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, PIDFD_GET_INFO, answer)
    except OSError:
        return None
    mask, *_, status = _INFO.unpack_from(answer)
    return int(status) if mask & PIDFD_INFO_EXIT else None


def split_status(status: int) -> tuple[int | None, int | None]:
    """Return (exit code, None) or (None, signal) of a wait status."""
    code = os.waitstatus_to_exitcode(status)
    return (code, None) if code >= 0 else (None, -code)


def split_shell_code(code: int) -> tuple[int | None, int | None]:
    """Return the same of an exit code in which a signal is 128 + its number."""
    number = code - SIGNALLED
    return (None, number) if 0 < number <= signal.SIGRTMAX else (code, None)
