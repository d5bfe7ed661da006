"""The filter decides as its docstring says: a small machine runs its instructions for every call of both tables."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from nexusd.launcher import seccomp

ALLOW, KILL = "allow", "kill"
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003
CALLS = {
    "x86_64": {"clone": 56, "socket": 41, "socketpair": 53, "prlimit64": 302, "truncate": 76, "execve": 59, "connect": 42},
    "aarch64": {
        "clone": 220,
        "socket": 198,
        "socketpair": 199,
        "prlimit64": 261,
        "truncate": 45,
        "execve": 221,
        "connect": 203,
    },
}
NAMESPACES = {"NEWNS": 17, "NEWCGROUP": 25, "NEWUTS": 26, "NEWIPC": 27, "NEWUSER": 28, "NEWPID": 29, "NEWNET": 30}
THREAD = 0x003D0F00  # what the C library makes threads with


def decide(program: bytes, number: int, *arguments: int, architecture: int) -> str | int:
    """Run a filter as the kernel does; return what it says, an errno for a refusal."""
    data = struct.pack("<iIQ6Q", number, architecture, 0, *(*arguments, *[0] * (6 - len(arguments))))
    steps = list(struct.iter_unpack("<HBBI", program))
    at = value = 0
    while True:
        code, yes, no, constant = steps[at]
        at += 1
        if code == 0x20:
            [value] = struct.unpack_from("<I", data, constant)
        elif code == 0x54:
            value &= constant
        elif code == 0x06:
            return {0x7FFF0000: ALLOW, 0x80000000: KILL}.get(constant) or constant - 0x50000
        else:
            is_so = {0x15: value == constant, 0x35: value >= constant, 0x45: bool(value & constant)}[code]
            at += yes if is_so else no


class Filter:
    """A filter of one machine."""

    def __init__(self, machine: str, *, network: bool = False, truncates: bool = True) -> None:
        self.calls = CALLS[machine]
        self._architecture = ARCHITECTURES[machine]
        self._program = seccomp.assemble(machine, network, truncates)

    def __call__(self, call: str | int, *arguments: int, architecture: int | None = None) -> str | int:
        number = self.calls[call] if isinstance(call, str) else call
        return decide(self._program, number, *arguments, architecture=architecture or self._architecture)


@pytest.fixture(params=list(CALLS))
def machine(request: pytest.FixtureRequest) -> str:
    """Each machine that has a filter."""
    name: str = request.param
    return name


def test_exactly_the_named_calls_are_refused(machine: str) -> None:
    ask = Filter(machine)
    column = list(CALLS).index(machine)
    named = {numbers[column] for numbers in seccomp.REFUSED.values()}
    assert None in named or machine == "x86_64"
    special = {ask.calls["socket"]: errno.EAFNOSUPPORT, ask.calls["socketpair"]: errno.EAFNOSUPPORT, 435: errno.ENOSYS}
    for number in range(600):
        assert ask(number) == (errno.EPERM if number in named else special.get(number, ALLOW)), number


def test_numbers_are_those_of_the_kernels_headers() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    text = header.read_text() if header.exists() else ""  # where the headers are, they are asked
    known = {name: int(number) for name, number in re.findall(r"__NR_(\w+)\s+(\d+)", text)}
    for name, (number, _) in seccomp.REFUSED.items():
        assert known.get(name, number) == number, name
    generic = Path("/usr/include/asm-generic/unistd.h")
    text = generic.read_text() if generic.exists() else ""
    known = {name: int(number) for name, number in re.findall(r"__NR(?:3264)?_(\w+)\s+(\d+)", text)}
    for name, (_, other) in seccomp.REFUSED.items():
        assert other is None or known.get(name, other) == other, name


def test_another_table_of_calls_kills(machine: str) -> None:
    ask = Filter(machine)
    for architecture in {I386, 0x40000028, *ARCHITECTURES.values()} - {ARCHITECTURES[machine]}:
        assert ask("execve", architecture=architecture) == KILL


def test_the_calls_of_x32_are_refused() -> None:
    ask = Filter("x86_64")
    for number in (0x40000000, 0x40000000 + 59, 0x40000000 + 521, 0xFFFFFFF):
        assert ask(number) == (errno.EPERM if number >= 0x40000000 else ALLOW)


@pytest.mark.parametrize("flag", NAMESPACES)
def test_no_namespace_is_made(machine: str, flag: str) -> None:
    assert Filter(machine)("clone", THREAD | 1 << NAMESPACES[flag]) == errno.EPERM


def test_threads_and_forks_are_made(machine: str) -> None:
    ask = Filter(machine)
    assert [ask("clone", flags) for flags in (THREAD, 0x11, 0x01200011, 0x4111)] == [ALLOW] * 4


@pytest.mark.parametrize("network", [True, False])
def test_sockets_by_family(machine: str, network: bool) -> None:
    ask = Filter(machine, network=network)
    for family in range(50):
        wanted = ALLOW if network and family in (2, 10, 16) else errno.EAFNOSUPPORT
        assert ask("socket", family, 1) == wanted
        assert ask("socket", 7 << 32 | family, 1) == wanted  # the kernel takes half of the register
        if family != 1:
            assert ask("socketpair", family, 1) == errno.EAFNOSUPPORT


def test_pairs_by_kind(machine: str) -> None:
    ask = Filter(machine)
    for kind in range(11):
        for flags in (0, 0o2000000, 0o4000):
            assert ask("socketpair", 1, kind | flags) == (ALLOW if kind in (1, 5) else errno.EPERM)


def test_limits_are_a_processs_own(machine: str) -> None:
    ask = Filter(machine)
    assert ask("prlimit64", 0, 7, 0x7FFF00000000) == ALLOW
    assert ask("prlimit64", 99, 7, 0) == ALLOW  # only looks
    assert ask("prlimit64", 99, 7, 0x7FFF00000000) == errno.EPERM
    assert ask("prlimit64", 99, 7, 0x1000) == errno.EPERM


def test_truncating_by_the_path_is_refused_where_landlock_does_not_see_it(machine: str) -> None:
    assert Filter(machine, truncates=True)("truncate") == ALLOW
    assert Filter(machine, truncates=False)("truncate") == errno.EPERM


@pytest.mark.parametrize("name", ["riscv64", "i686", "32-bit x86_64", "aarch64_be", ""])
def test_a_machine_without_a_filter_is_refused(name: str) -> None:
    with pytest.raises(OSError, match="no filter") as raised:
        seccomp.assemble(name, network=False, truncates=True)
    assert raised.value.errno == errno.ENOSYS
