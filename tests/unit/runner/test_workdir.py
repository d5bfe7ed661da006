"""A work directory can be removed, whatever the child has made of it, and nothing outside of it is touched."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from nexusd.runner.workdir import is_above, remove

NOBODY = 65534


def nest(folder: Path, depth: int) -> None:
    """Nest folders deeper than a path can be long, and deeper than a function can recurse."""
    before = os.open(".", os.O_RDONLY)
    os.chdir(folder)
    for _ in range(depth):
        os.mkdir("deep" * 10)
        os.chdir("deep" * 10)
    Path("file").touch()
    os.fchdir(before)
    os.close(before)


def spoil(folder: Path, outside: Path) -> None:
    """Do what a child can do to make its folder hard to remove."""
    for name in ("a", "a/b", "a/b/c", "closed", "closed/inner"):
        (folder / name).mkdir()
        (folder / name / "file").write_bytes(b"x")
    os.mkfifo(folder / "a" / "fifo")
    (folder / "a" / "out of here").symlink_to(outside)
    (folder / "a" / "dangling").symlink_to("nowhere")
    (folder / "a" / os.fsdecode(b"\xff\n")).touch()
    (folder / "a" / "b" / "file").chmod(0)
    for name, mode in [("closed/inner", 0), ("closed", 0o000), ("a/b/c", 0o500), (".", 0o500)]:
        (folder / name).chmod(mode)


def check_removed(directory: Path) -> None:
    folder, outside = directory / "work", directory / "outside"
    for path in (folder, outside):
        path.mkdir(mode=0o750)
    (outside / "kept").write_bytes(b"kept")
    try:
        nest(folder, 1100)
        spoil(folder, outside)
        remove(folder)
        assert not os.path.lexists(folder)
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)  # what pytest could not remove either
    remove(folder)  # not there: nothing to do
    assert (outside / "kept").read_bytes() == b"kept"
    assert oct(outside.stat().st_mode & 0o777) == "0o750"


@pytest.mark.slow
def test_any_folder_is_removed_and_nothing_else(tmp_path: Path) -> None:
    check_removed(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; whom modes bind is tested above then")
def test_modes_that_bind_their_owner_are_no_obstacle() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, NOBODY, NOBODY)
        code = f"import tests.unit.runner.test_workdir as t, os, pathlib; os.setgid({NOBODY}); os.setuid({NOBODY})"
        command = [sys.executable, "-c", code + f"; t.check_removed(pathlib.Path({name!r}))"]
        assert subprocess.run(command, capture_output=True, check=False).stderr == b""


def test_a_file_and_a_link_in_its_place_are_removed_too(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("kept")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("file", "link", "dangling"):
        remove(tmp_path / name)
    assert os.listdir(tmp_path) == ["kept"]
    assert os.listdir(tmp_path / "kept") == ["file"]


def test_what_is_on_the_disk_counts_and_not_what_files_pretend(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    (tmp_path / "link").symlink_to("/usr")
    assert not is_above(tmp_path, 2**20)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "full").write_bytes(bytes(2**20))
    assert not is_above(tmp_path, 2**21)
    assert is_above(tmp_path, 2**19)
    (tmp_path / "a").chmod(0)
    assert is_above(tmp_path, 2**19)


def test_folders_that_are_too_deep_to_look_into_are_too_much(tmp_path: Path) -> None:
    for name, depth, is_too_much in [("a", 50, False), ("b", 200, True)]:
        (tmp_path / name).mkdir()
        nest(tmp_path / name, depth)
        try:
            assert is_above(tmp_path / name, 2**30) is is_too_much
        finally:
            remove(tmp_path / name)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; whom modes bind is tested above then")
def test_a_folder_that_its_owner_has_shut_counts() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, NOBODY, NOBODY)
        code = (
            f"from nexusd.runner.workdir import is_above; import os, pathlib; os.setgid({NOBODY}); os.setuid({NOBODY});"
            f"folder = pathlib.Path({name!r}) / 'shut'; folder.mkdir(); (folder / 'full').write_bytes(bytes(2**20));"
            "folder.chmod(0); print(is_above(folder.parent, 2**19), is_above(folder.parent, 2**21))"
        )
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ended.stdout, ended.stderr) == (b"True False\n", b"")


@pytest.mark.slow
def test_what_vanishes_meanwhile_is_no_trouble(tmp_path: Path) -> None:
    done = threading.Event()

    def churn() -> None:
        while not done.is_set():
            for name in ("a", "b"):
                (tmp_path / name / "c").mkdir(parents=True)
                (tmp_path / name / "c" / "file").touch()
            for name in ("a", "b"):
                (tmp_path / name / "c" / "file").unlink()
                (tmp_path / name / "c").rmdir()
                (tmp_path / name).rmdir()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        assert not any(is_above(tmp_path, 2**20) for _ in range(3000))
    finally:
        done.set()
        thread.join()
    assert not is_above(tmp_path / "never", 0)
