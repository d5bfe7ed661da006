"""System calls that Python has no function for: prctl, capset, and whatever goes by its number.

It does what `ctypes` does, without the five milliseconds that importing it takes. Part of the launcher: see `program`.
"""

import _ctypes
import posix

_DEATH_SIGNAL = 1
_NO_NEW_PRIVILEGES = 38
_CHILD_SUBREAPER = 36
_CAPABILITY_VERSION_3 = 0x20080522


class _Long(_ctypes._SimpleCData):  # type: ignore[type-arg]  # it is generic for the type checker alone
    _type_ = "l"


class _Byte(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "c"


class _Function(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _Long


_libc = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # None is what is loaded already
_prctl = _Function(_ctypes.dlsym(_libc, "prctl"))
_syscall = _Function(_ctypes.dlsym(_libc, "syscall"))
_capset = _Function(_ctypes.dlsym(_libc, "capset"))


class Buffer:
    """Bytes that stay where they are, at `address`, for as long as this lives."""

    def __init__(self, content: bytes) -> None:
        kind = type("_Bytes", (_ctypes.Array,), {"_type_": _Byte, "_length_": len(content)})
        self._array = kind.from_buffer_copy(content)  # type: ignore[attr-defined]
        self.address = _ctypes.addressof(self._array)


def prctl(option: int, *values: int | bytes) -> int:
    """Call prctl. Raises OSError."""
    return _called(_prctl, option, *values)


def syscall(number: int, *values: int | bytes | None) -> int:
    """Make a system call; None is a null pointer. Raises OSError."""
    return _called(_syscall, number, *values)


def _called(function: _Function, *values: int | bytes | None) -> int:
    # A bare number would be passed as a C int, of which half a register is undefined.
    answer: int = function(*(_Long(value) if isinstance(value, int) else value for value in values))
    if answer == -1:
        errno = _ctypes.get_errno()
        raise OSError(errno, posix.strerror(errno))
    return answer


def die_with(parent: int, number: int) -> bool:
    """Have this process sent a signal when its parent ends; tell whether that parent is still there."""
    prctl(_DEATH_SIGNAL, number)
    return posix.getppid() == parent  # it may have ended before


def become_subreaper() -> None:
    """Become the parent of every descendant that loses its own."""
    prctl(_CHILD_SUBREAPER, 1)


def forbid_new_privileges() -> None:
    """Let no program that is executed from here on gain privileges by its file."""
    prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def drop_capabilities() -> None:
    """Give up every capability, for good where new privileges are forbidden: a root's would pass over the restrictions."""
    _called(_capset, _CAPABILITY_VERSION_3.to_bytes(4, "little") + bytes(4), bytes(24))
