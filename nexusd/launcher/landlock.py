"""Landlock: what a program may do with files, TCP and the processes outside, as far as the kernel's version knows of it.

See `program`. Invariant: what a version can handle is handled, so that whatever is not granted here is refused.
Source: the kernel's Documentation/userspace-api/landlock.rst.

What no version refuses: to look at a file's status, and to change mode, owner, times and extended attributes of a file that
the user owns. Files of other processes in /proc stay closed where they tell more than `ps` does, since Landlock ties them to
ptrace; but not to those who have capabilities, which `life` gives up first.
"""

import posix

from nexusd.launcher import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_TYPE_MASK, _DIRECTORY = 0o170000, 0o040000

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MAKE_CHAR, MAKE_BLOCK = 1 << 6, 1 << 11
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_ALL_OF_VERSION_1 = (1 << 13) - 1
_TCP = 0b11  # bind and connect
TRUNCATES_SINCE = 3
_SCOPES = 0b11  # abstract sockets of, and signals to, processes outside

READ = EXECUTE | READ_FILE | READ_DIR
WORK = ~(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV)  # a root's device node would lead to the disk
DEVICE = READ_FILE | WRITE_FILE | TRUNCATE
PROC = READ_FILE | READ_DIR
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def abi() -> int:
    """Return the version of the kernel's Landlock. Raises OSError when there is none, or it is switched off."""
    return kernel.syscall(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)


def file_rights(version: int) -> int:
    """Return every right on files that a version knows."""
    later = {2: REFER, TRUNCATES_SINCE: TRUNCATE, 5: IOCTL_DEV}
    return _ALL_OF_VERSION_1 | sum(right for since, right in later.items() if version >= since)


def ruleset_attributes(version: int, network: bool) -> bytes:
    """Return the kernel's `landlock_ruleset_attr` for a version: what is refused unless a rule grants it."""
    words = [file_rights(version)]
    if version >= 4:
        words.append(0 if network else _TCP)
    if version >= 6:
        words.append(_SCOPES)
    return b"".join(word.to_bytes(8, "little") for word in words)


def open_ruleset(version: int, workdir: str, read: list[str], network: bool) -> int:
    """Return the descriptor of a ruleset, for `restrict`. Raises OSError."""
    attributes = ruleset_attributes(version, network)
    ruleset = kernel.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    handled = file_rights(version)
    _grant(ruleset, workdir, WORK & handled)
    for path in _DEVICES:
        _grant_if_there(ruleset, path, DEVICE & handled)
    _grant_if_there(ruleset, "/proc", PROC)
    for path in read:
        _grant_if_there(ruleset, path, READ)
    return ruleset


def restrict(ruleset: int) -> None:
    """Put this process and all that it will start under a ruleset. Raises OSError; needs no new privileges forbidden."""
    kernel.syscall(_RESTRICT_SELF, ruleset, 0)


def _grant_if_there(ruleset: int, path: str, rights: int) -> None:
    try:  # noqa: SIM105 - importing contextlib takes two milliseconds
        _grant(ruleset, path, rights)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # what we do not reach the program does not either


def _grant(ruleset: int, path: str, rights: int) -> None:
    opened = posix.open(path, posix.O_PATH | posix.O_CLOEXEC)
    try:
        if posix.fstat(opened).st_mode & _TYPE_MASK != _DIRECTORY:
            rights &= FILE_RIGHTS  # the kernel refuses the others
        rule = rights.to_bytes(8, "little") + opened.to_bytes(4, "little")
        kernel.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        posix.close(opened)
