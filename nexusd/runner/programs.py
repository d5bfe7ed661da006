"""Whether a file can be run, asked before a sandbox is built around it.

Inside a sandbox a program that cannot be started looks like one that failed; so the daemon looks first, and says what the
kernel would have said. What is checked: existence, permission, and the format, which must be ELF for this machine, or `#!` and
a program that exists.

Source: execve(2), elf(5).
"""

from __future__ import annotations

import errno
import functools
import os
import shutil
import stat
import sys
from typing import Final

HEAD_BYTES: Final = 256
ELF: Final = b"\x7fELF"
_CLASS: Final = slice(4, 6)  # 32 or 64 bits, and the order of bytes
_MACHINE: Final = slice(18, 20)


def find_program(name: str, path: str) -> str:
    """Return the absolute path of a program, which is looked for in `path` when it is a mere name.

    Raises OSError, with the kernel's reason, when it cannot be run; ValueError for a name that no file can have.
    """
    found = name if "/" in name else shutil.which(name, path=path)
    if found is None:
        raise _error(errno.ENOENT, name)
    found = os.path.abspath(found)
    _check(found)
    return found


def _check(program: str) -> None:
    if not stat.S_ISREG(os.stat(program).st_mode) or not os.access(program, os.X_OK):
        raise _error(errno.EACCES, program)
    head = _read_head(program)
    if head.startswith(b"#!"):
        words = head[2:].split(b"\n", 1)[0].split()
        if not words:
            raise _error(errno.ENOEXEC, program)
        if not os.access(words[0], os.X_OK):
            raise _error(errno.ENOENT, os.fsdecode(words[0]))
    elif not (head.startswith(ELF) and _is_native(head)):
        raise _error(errno.ENOEXEC, program)


def _is_native(head: bytes) -> bool:
    own = _own_head()
    return head[_CLASS] == own[_CLASS] and head[_MACHINE] == own[_MACHINE]


@functools.cache
def _own_head() -> bytes:
    return _read_head(os.path.realpath(sys.executable))


def _read_head(program: str) -> bytes:
    try:
        with open(program, "rb") as file:
            return file.read(HEAD_BYTES)
    except PermissionError:  # what may be run but not read is taken at its word
        return _own_head()


def _error(number: int, name: str) -> OSError:
    return OSError(number, os.strerror(number), name)
