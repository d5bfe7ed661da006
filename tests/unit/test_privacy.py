"""A private directory is ours alone or refused; a lock has one holder and dies with it."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nexusd.errors import AlreadyRunning, UnsafePath
from nexusd.privacy import hold_lock, make_private_directory, take_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IS_ROOT = os.geteuid() == 0


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_directory_is_made_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    directory = tmp_path / "not" / "yet" / "there"
    before = os.umask(umask)
    try:
        make_private_directory(directory)
    finally:
        os.umask(before)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    (directory / "file").touch()
    make_private_directory(directory)
    assert os.listdir(directory) == ["file"]


def link_to_private(place: Path) -> None:
    (place.parent / "real").mkdir(mode=0o700)
    place.symlink_to("real")


def foreign(place: Path) -> None:
    place.mkdir(mode=0o700)
    os.chown(place, 12345, 12345)


def made_with(mode: int) -> Callable[[Path], None]:
    """Return what makes a directory of this mode, whatever the umask."""

    def make(place: Path) -> None:
        place.mkdir()
        place.chmod(mode)

    return make


BAD_DIRECTORIES: dict[str, tuple[Callable[[Path], object], str]] = {
    "symlink": (link_to_private, "is a symbolic link: name the directory itself"),
    "dangling": (lambda place: place.symlink_to("nowhere"), "is a symbolic link"),
    "file": (lambda place: place.touch(), "is not a directory: choose another path"),
    "group may read": (made_with(0o750), "is open to others: run `chmod 700 "),
    "others may enter": (made_with(0o701), "is open to others: run `chmod 700 "),
    "foreign": (foreign, "belongs to uid 12345: choose one of your own"),
}


@pytest.mark.parametrize("name", BAD_DIRECTORIES)
def test_a_directory_that_is_not_ours_alone_is_refused(tmp_path: Path, name: str) -> None:
    if name == "foreign" and not IS_ROOT:
        pytest.skip("only root can give a directory away")
    make, reason = BAD_DIRECTORIES[name]
    place = tmp_path / "place"
    make(place)
    with pytest.raises(UnsafePath) as refusal:
        make_private_directory(place)
    assert reason in str(refusal.value)
    assert str(place) in str(refusal.value)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnsafePath, match="cannot be made"):
        make_private_directory(tmp_path / "file" / "below")
    with pytest.raises(UnsafePath, match=r"cannot be made \(File name too long\)"):
        make_private_directory(tmp_path / ("x" * 300))


def test_a_lock_has_one_holder_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    for _ in range(2):
        with hold_lock(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            for _ in range(2):
                with pytest.raises(AlreadyRunning, match=f"Another daemon holds {path}"):
                    take_lock(path)
    assert path.exists()  # else two daemons could hold two locks of one name
    with pytest.raises(KeyError), hold_lock(path):
        raise KeyError
    os.close(take_lock(path))


def make_socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))


def foreign_file(place: Path) -> None:
    place.touch()
    os.chown(place, 12345, 12345)


IN_THE_WAY: dict[str, Callable[[Path], object]] = {
    "symlink": lambda place: place.symlink_to("elsewhere"),
    "fifo": os.mkfifo,
    "folder": lambda place: place.mkdir(),
    "socket": make_socket,
    "foreign": foreign_file,
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_what_is_in_the_place_of_the_lock_is_refused_and_nothing_is_left_open(tmp_path: Path, name: str) -> None:
    if name == "foreign" and not IS_ROOT:
        pytest.skip("only root can give a file away")
    IN_THE_WAY[name](tmp_path / "lock")
    before = os.listdir("/proc/self/fd")
    with pytest.raises(UnsafePath, match="The lock file"):
        take_lock(tmp_path / "lock")
    assert os.listdir("/proc/self/fd") == before
    assert not (tmp_path / "elsewhere").exists()


HOLDER = """
import sys, subprocess
from pathlib import Path
from nexusd.privacy import take_lock
take_lock(Path(sys.argv[1]))
subprocess.Popen(["/bin/sleep", "60"], close_fds=False)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_dies_with_its_holder_and_is_not_inherited(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(AlreadyRunning):
                take_lock(path)
            holder.kill()
            holder.wait()
            os.close(take_lock(path))  # although the holder's child lives on
        finally:
            os.killpg(holder.pid, signal.SIGKILL)
