"""Binding and adopting: what is private, whose it is, and who was there first.

Source: RELIABILITY row 40.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nexusd.errors import AlreadyRunning, UnsafePath
from nexusd.server import adopt_listener, bind_unix
from tests.integration.server.support import open_descriptors, private_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def directory() -> Iterator[Path]:
    with private_directory() as made:
        yield made


@pytest.fixture(autouse=True)
def no_descriptor_leaks() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert open_descriptors() == before


def make_socket(path: Path, *, kind: int = socket.SOCK_STREAM, backlog: int | None = 1, mode: int = 0o600) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(os.fspath(path))
    os.chmod(path, mode)
    if backlog is not None:
        made.listen(backlog)
    return made


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_directory_is_made_and_everything_is_private(directory: Path) -> None:
    path = directory / "a" / "b" / "s"
    umask = os.umask(0)
    try:
        with bind_unix(path):
            assert (mode_of(path.parent), mode_of(path)) == (0o700, 0o600)
            assert mode_of(path.parent / "s.lock") == 0o600
    finally:
        assert os.umask(umask) == 0  # and ours is put back


def test_a_client_may_connect_before_anybody_accepts(directory: Path) -> None:
    with bind_unix(directory / "s") as listener, socket.socket(socket.AF_UNIX) as client:
        client.connect(os.fspath(listener.path))


def test_close_removes_the_socket_and_releases_the_lock(directory: Path) -> None:
    for _ in range(2):
        listener = bind_unix(directory / "s")
        listener.close()
        listener.close()
        assert not listener.path.exists()


def test_close_leaves_what_is_not_ours(directory: Path) -> None:
    listener = bind_unix(directory / "s")
    listener.path.unlink()
    with make_socket(listener.path):
        listener.close()
        assert listener.path.exists()


def test_a_relative_path_survives_a_change_of_directory(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(directory)
    listener = bind_unix(type(directory)("s"))
    monkeypatch.chdir("/")
    listener.close()
    assert not (directory / "s").exists()


def test_a_stale_socket_is_replaced(directory: Path) -> None:
    make_socket(directory / "s").close()
    with bind_unix(directory / "s"), socket.socket(socket.AF_UNIX) as client:
        client.connect(os.fspath(directory / "s"))


@pytest.mark.parametrize(("kind", "backlog"), [(socket.SOCK_STREAM, 1), (socket.SOCK_STREAM, 0), (socket.SOCK_DGRAM, None)])
def test_a_socket_that_somebody_holds_is_never_removed(directory: Path, kind: int, backlog: int | None) -> None:
    with make_socket(directory / "s", kind=kind, backlog=backlog), socket.socket(socket.AF_UNIX, kind) as client:
        client.connect(os.fspath(directory / "s"))  # with backlog 0 it is now full
        with pytest.raises(AlreadyRunning, match="answers"):
            bind_unix(directory / "s")
        assert (directory / "s").is_socket()


def test_a_second_one_in_this_process_is_refused(directory: Path) -> None:
    with bind_unix(directory / "s") as first:
        with pytest.raises(AlreadyRunning, match="lock"):
            bind_unix(directory / "s")
        assert first.path.is_socket()


def test_a_lock_of_another_process_decides_even_without_a_socket(directory: Path) -> None:
    program = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-S", "-c", program, os.fspath(directory / "s.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning):
            bind_unix(directory / "s")
        holder.kill()  # and a killed daemon holds nothing
        holder.wait()
        bind_unix(directory / "s").close()


def put_file(directory: Path) -> None:
    (directory / "s").write_text("precious")


def put_link(directory: Path) -> None:
    (directory / "s").symlink_to(directory / "elsewhere")


def put_directory(directory: Path) -> None:
    (directory / "s").mkdir()


def put_lock_link(directory: Path) -> None:
    (directory / "s.lock").symlink_to(directory / "elsewhere")


def put_lock_fifo(directory: Path) -> None:
    os.mkfifo(directory / "s.lock")


def open_to_group(directory: Path) -> None:
    directory.chmod(0o710)


def open_to_others(directory: Path) -> None:
    directory.chmod(0o701)


@pytest.mark.parametrize(
    "spoil", [put_file, put_link, put_directory, put_lock_link, put_lock_fifo, open_to_group, open_to_others]
)
def test_what_cannot_be_trusted_is_refused_and_left_alone(directory: Path, spoil: Callable[[Path], None]) -> None:
    spoil(directory)
    before = {entry.name for entry in directory.iterdir()}
    with pytest.raises(UnsafePath, match=r": .") as refused:
        bind_unix(directory / "s")
    assert str(directory) in str(refused.value)
    assert {entry.name for entry in directory.iterdir()} - {"s.lock"} == before - {"s.lock"}
    if spoil is put_file:
        assert (directory / "s").read_text() == "precious"


def test_a_linked_directory_is_refused(directory: Path) -> None:
    (directory / "real").mkdir(mode=0o700)
    (directory / "link").symlink_to(directory / "real")
    with pytest.raises(UnsafePath, match="symbolic link"):
        bind_unix(directory / "link" / "s")


def test_a_file_for_a_directory_is_refused(directory: Path) -> None:
    put_file(directory)
    with pytest.raises(UnsafePath, match="not a directory"):
        bind_unix(directory / "s" / "s")
    with pytest.raises(UnsafePath, match="cannot be made"):
        bind_unix(directory / "s" / "t" / "s")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give things away")
def test_a_directory_of_somebody_else_is_refused(directory: Path) -> None:
    os.chown(directory, 65534, 65534)
    with pytest.raises(UnsafePath, match="uid 65534"):
        bind_unix(directory / "s")


def test_the_longest_path_is_taken_and_a_longer_one_refused(directory: Path) -> None:
    longest = directory / ("s" * (107 - len(os.fsencode(directory)) - 1))
    bind_unix(longest).close()
    with pytest.raises(UnsafePath, match="108 bytes"):
        bind_unix(longest.with_name(longest.name + "s"))


def test_adopting_takes_over_and_never_removes(directory: Path) -> None:
    descriptor = make_socket(directory / "s").detach()
    os.set_inheritable(descriptor, True)
    listener = adopt_listener(descriptor)
    assert (listener.path, listener.socket.getblocking(), os.get_inheritable(descriptor)) == (directory / "s", False, False)
    listener.close()
    listener.close()
    assert (directory / "s").is_socket()


def a_file(directory: Path) -> int:
    return os.open(directory / "f", os.O_CREAT | os.O_RDWR)


def a_tcp_listener(directory: Path) -> int:
    listening = socket.create_server(("127.0.0.1", 0))
    return listening.detach()


def a_datagram_socket(directory: Path) -> int:
    return make_socket(directory / "s", kind=socket.SOCK_DGRAM, backlog=None).detach()


def a_packet_socket(directory: Path) -> int:
    return make_socket(directory / "s", kind=socket.SOCK_SEQPACKET).detach()


def one_that_does_not_listen(directory: Path) -> int:
    return make_socket(directory / "s", backlog=None).detach()


def an_abstract_one(directory: Path) -> int:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(b"\0nexusd-test-" + os.fsencode(directory))
    listening.listen()
    return listening.detach()


def one_open_to_others(directory: Path) -> int:
    return make_socket(directory / "s", mode=0o666).detach()


def one_open_to_the_group(directory: Path) -> int:
    return make_socket(directory / "s", mode=0o660).detach()


def one_whose_path_is_gone(directory: Path) -> int:
    descriptor = make_socket(directory / "s").detach()
    (directory / "s").unlink()
    return descriptor


def one_whose_path_is_a_file(directory: Path) -> int:
    descriptor = one_whose_path_is_gone(directory)
    put_file(directory)
    return descriptor


@pytest.mark.parametrize(
    "make",
    [
        a_file,
        a_tcp_listener,
        a_datagram_socket,
        a_packet_socket,
        one_that_does_not_listen,
        an_abstract_one,
        one_open_to_others,
        one_open_to_the_group,
        one_whose_path_is_gone,
        one_whose_path_is_a_file,
    ],
)
def test_what_is_not_a_private_listener_is_not_adopted(directory: Path, make: Callable[[Path], int]) -> None:
    descriptor = make(directory)
    with pytest.raises(UnsafePath, match=r": ."):
        adopt_listener(descriptor)
    os.close(descriptor)  # it is still the caller's


def test_a_closed_descriptor_is_not_adopted(directory: Path) -> None:
    descriptor = a_file(directory)
    os.close(descriptor)
    with pytest.raises(UnsafePath, match="not open"):
        adopt_listener(descriptor)


def test_the_lock_is_not_inherited(directory: Path) -> None:
    with bind_unix(directory / "s"), subprocess.Popen(["sleep", "60"]) as child:
        fd_targets = [os.readlink(f"/proc/{child.pid}/fd/{name}") for name in os.listdir(f"/proc/{child.pid}/fd")]
        child.kill()
    assert not any("s.lock" in target for target in fd_targets)
    with open(directory / "s.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
