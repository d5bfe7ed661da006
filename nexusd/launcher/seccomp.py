"""The filter of system calls: what Landlock does not see, and what no renderer has a use for.

See `program`. Invariants: a call by another architecture's table kills; x32's calls, which are the same ones
by other numbers, are refused; whatever else is not named here is allowed.

Sockets: without the network there are none but pairs of AF_UNIX, with it those of the Internet too. The pairs are streams: a
socket that takes an address would reach the user's service manager or this very daemon, who would do what is refused here.
Source: seccomp(2), linux/bpf_common.h; the numbers are those of the kernel's tables.
"""

import posix
import sys

from nexusd.launcher import kernel

EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _AND, _RETURN, _EQUAL, _AT_LEAST, _ANY_BIT = 0x20, 0x54, 0x06, 0x15, 0x35, 0x45
_NUMBER, _ARCHITECTURE = 0, 4
_X32 = 0x40000000
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_STREAM, _SEQPACKET, _TYPE_MASK = 1, 5, 0xF
_NAMESPACES = 0x7E020000  # the CLONE_NEW… flags that clone knows

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_COLUMN = {"x86_64": 0, "aarch64": 1}

REFUSED = {
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438), "kcmp": (312, 272), "move_pages": (279, 239), "migrate_pages": (256, 238),
    # the kernel's own insides
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "syslog": (103, 116),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "lookup_dcookie": (212, 18),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "create_module": (174, None),
    "iopl": (172, None), "ioperm": (173, None), "uselib": (134, None), "fanotify_init": (300, 262),
    # keys
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51), "pivot_root": (155, 41), "mount": (165, 40),
    "umount2": (166, 39), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "open_tree_attr": (467, 467),
    "open_by_handle_at": (304, 265),
    # the machine
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "acct": (163, 89), "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171),
    "clock_adjtime": (305, 266), "sethostname": (170, 161), "setdomainname": (171, 162), "vhangup": (153, 58),
}  # fmt: skip
"""The numbers on x86_64 and aarch64; None where there is no such call."""
_CLONE, _SOCKET, _SOCKETPAIR = (56, 220), (41, 198), (53, 199)
_CLONE3, _PRLIMIT, _TRUNCATE = (435, 435), (302, 261), (76, 45)


def assemble(machine: str, network: bool, truncates: bool) -> bytes:
    """Return the filter for a machine. `truncates`: whether a file may be cut by its path, without opening it.

    Raises OSError (ENOSYS) for a machine whose numbers are not known here.
    """
    if machine not in MACHINES or sys.byteorder != "little":
        raise OSError(ENOSYS, f"no filter for {machine}")
    column = _COLUMN[machine]
    families = (_INET, _INET6, _NETLINK) if network else ()
    refused = [numbers[column] for numbers in REFUSED.values()]
    if not truncates:
        refused.append(_TRUNCATE[column])
    x32 = _refuse_if(_AT_LEAST, _X32, EPERM) if machine == "x86_64" else []
    return b"".join([
        _load(_ARCHITECTURE), _step(_EQUAL, MACHINES[machine], yes=1), _return(_KILL),
        _load(_NUMBER), *x32,
        *_refuse_if(_EQUAL, _CLONE3[column], ENOSYS),  # its flags are out of sight; the C library takes clone instead
        *(step for number in refused if number is not None for step in _refuse_if(_EQUAL, number, EPERM)),
        *_case(_CLONE[column], [_load_argument(0), *_refuse_if(_ANY_BIT, _NAMESPACES, EPERM)]),
        *_case(_SOCKET[column], _only(families)),
        *_case(_SOCKETPAIR[column], _pairs()),
        *_case(_PRLIMIT[column], _own_limits()),
        _return(_ALLOW),
    ])  # fmt: skip


def restrict(program: bytes) -> None:
    """Put this process and all that it will start under a filter. Raises OSError; needs no new privileges forbidden."""
    steps = kernel.Buffer(program)
    described = (len(program) // 8).to_bytes(8, "little") + steps.address.to_bytes(8, "little")
    kernel.prctl(_PR_SET_SECCOMP, _MODE_FILTER, described)


def machine() -> str:
    """Return this machine's name; one that has no filter where the interpreter is of 32 bits."""
    name: str = posix.uname().machine
    return name if sys.maxsize > 2**32 else f"32-bit {name}"


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """One instruction; `yes` and `no` are how many to pass over."""
    return (code | yes << 16 | no << 24 | value << 32).to_bytes(8, "little")


def _load(offset: int) -> bytes:
    return _step(_LOAD, offset)


def _load_argument(index: int, high: bool = False) -> bytes:
    return _load(16 + 8 * index + 4 * high)


def _return(action: int, errno: int = 0) -> bytes:
    return _step(_RETURN, action | errno)


def _refuse_if(test: int, value: int, errno: int) -> list[bytes]:
    return [_step(test, value, no=1), _return(_REFUSE, errno)]


def _case(number: int, body: list[bytes]) -> list[bytes]:
    """What is done for one call. It ends in the allowing: the number is loaded no longer."""
    body = [*body, _return(_ALLOW)]
    return [_step(_EQUAL, number, no=len(body)), *body]


def _only(families: tuple[int, ...]) -> list[bytes]:
    """A socket's family is one of these."""
    allowed = [step for family in families for step in (_step(_EQUAL, family, no=1), _return(_ALLOW))]
    return [_load_argument(0), *allowed, _return(_REFUSE, EAFNOSUPPORT)]


def _pairs() -> list[bytes]:
    """A pair's family is AF_UNIX, and its kind one whose ends stay with each other."""
    return [
        _load_argument(0), _step(_EQUAL, _UNIX, yes=1), _return(_REFUSE, EAFNOSUPPORT),
        _load_argument(1), _step(_AND, _TYPE_MASK),
        _step(_EQUAL, _STREAM, yes=2), _step(_EQUAL, _SEQPACKET, yes=1), _return(_REFUSE, EPERM),
    ]  # fmt: skip


def _own_limits() -> list[bytes]:
    """Limits are set by a process for itself, not for others: the daemon is the same user's."""
    return [
        _load_argument(0), _step(_EQUAL, 0, no=1), _return(_ALLOW),
        _load_argument(2), *_refuse_unless_zero(), _load_argument(2, high=True), *_refuse_unless_zero(),
    ]  # fmt: skip


def _refuse_unless_zero() -> list[bytes]:
    return [_step(_EQUAL, 0, yes=1), _return(_REFUSE, EPERM)]
