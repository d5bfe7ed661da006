"""The service manager's protocols, and what the unit files must keep saying."""

from __future__ import annotations

import configparser
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from nexusd.contract.paths import default_socket_path
from nexusd.errors import InvalidSettings
from nexusd.systemd import feed_watchdog, listen_fds, notify, watchdog_interval_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS = Path(__file__).parents[2] / "systemd"
ME = str(os.getpid())


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        yield receiver


def environ_of(manager: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.getsockname(), **more}


def run_with_sockets(count: int, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run listen_fds in a process that has descriptors 3 and 4 open, as its service manager would."""
    program = """
import os
from nexusd.systemd import listen_fds
descriptors = listen_fds()
left = [name for name in os.environ if name.startswith("LISTEN")]
print(descriptors, [os.get_inheritable(number) for number in (3, 4)], left)
"""
    names = " ".join(f"{name}={value}" for name, value in variables.items())
    script = f"exec 3</dev/null 4</dev/null; LISTEN_PID=$$ LISTEN_FDS={count} {names} exec '{sys.executable}' -c '{program}'"
    return subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_sockets_are_taken_over_and_no_child_gets_them() -> None:
    ended = run_with_sockets(2, LISTEN_FDNAMES="nexusd.socket:other")
    assert (ended.stdout, ended.stderr) == ("[3, 4] [False, False] []\n", "")


@pytest.mark.slow
def test_a_socket_that_was_promised_and_is_not_there_is_refused() -> None:
    ended = run_with_sockets(3)
    assert "InvalidSettings: LISTEN_FDS promises descriptor 5: Bad file descriptor" in ended.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "x"},
        {"LISTEN_PID": ME},
        {"LISTEN_PID": ME, "LISTEN_FDS": "0"},
        {"LISTEN_PID": f" {ME}", "LISTEN_FDS": "1"},
    ],
)
def test_without_sockets_for_us_there_are_none_and_nobody_else_takes_them_for_his(variables: dict[str, str]) -> None:
    environ = {"PATH": "/bin", **variables}
    assert listen_fds(environ) == []
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize("count", ["x", "-1", "1.5", "٣", "100000", "9" * 30])
def test_a_count_that_is_none_is_refused(count: str) -> None:
    with pytest.raises(InvalidSettings, match="LISTEN_FDS must be"):
        listen_fds({"LISTEN_PID": ME, "LISTEN_FDS": count})


def test_names_must_be_as_many_as_sockets() -> None:
    with pytest.raises(InvalidSettings, match="names 2 sockets, LISTEN_FDS says 1"):
        listen_fds({"LISTEN_PID": ME, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "a:b"})


def test_lines_reach_the_manager_as_one_message(manager: socket.socket) -> None:
    assert notify("READY=1", "STATUS=über", environ=environ_of(manager))
    assert manager.recv(1024) == "READY=1\nSTATUS=über".encode()


def test_an_abstract_address() -> None:
    name = f"nexusd-test-{ME}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name)
        assert notify("READY=1", environ={"NOTIFY_SOCKET": "@" + name})
        assert receiver.recv(1024) == b"READY=1"


@pytest.mark.parametrize(
    "address", ["", "relative", "/nowhere/at/all", "/dev/null", "@nobody-is-here", "vsock:2:1", "/" + "x" * 200]
)
def test_a_manager_that_is_not_there_ends_nobody(address: str) -> None:
    assert not notify("READY=1", environ={"NOTIFY_SOCKET": address})
    assert not notify("READY=1", environ={})


def test_a_manager_that_does_not_read_blocks_nobody(manager: socket.socket) -> None:
    told = 0
    while notify("X" * 1000, environ=environ_of(manager)):
        told += 1
        assert told < 100_000
    assert told > 0


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": ME}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({"WATCHDOG_USEC": "9" * 40}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(variables: dict[str, str], expected: float | None) -> None:
    assert watchdog_interval_seconds(variables) == expected


async def test_feeding_goes_on_as_long_as_the_loop_turns(manager: socket.socket, mock_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(feed_watchdog, environ_of(manager, WATCHDOG_USEC="2000000"))
        for _ in range(3):
            await trio.testing.wait_all_tasks_blocked()
            assert manager.recv(1024) == b"WATCHDOG=1"
            with pytest.raises(BlockingIOError):
                manager.recv(1024)
            mock_clock.jump(1.0)
        nursery.cancel_scope.cancel()


async def test_without_a_watchdog_nothing_is_fed(manager: socket.socket) -> None:
    await feed_watchdog(environ_of(manager))
    with pytest.raises(BlockingIOError):
        manager.recv(1024)


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((UNITS / name).read_text())
    return parser


def test_the_socket_unit_listens_where_clients_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    section = unit("nexusd.socket")["Socket"]
    assert Path(section["ListenStream"].replace("%t", str(tmp_path))) == default_socket_path()
    assert (section["SocketMode"], section["DirectoryMode"]) == ("0600", "0700")


def test_a_stop_of_the_service_leaves_the_sockets_directory() -> None:
    section = unit("nexusd.service")["Service"]
    assert (section["RuntimeDirectory"], section["RuntimeDirectoryPreserve"]) == ("nexusd", "yes")


def test_the_service_speaks_the_protocols_and_leaves_sandboxes_alone() -> None:
    section = unit("nexusd.service")["Service"]
    assert (section["Type"], section["KillMode"], section["Restart"]) == ("notify", "mixed", "on-failure")
    assert section["WatchdogSec"]
    for breaks_children in ("RestrictNamespaces", "MemoryDenyWriteExecute", "ProtectHome", "PrivateTmp", "StateDirectory"):
        assert breaks_children not in section
