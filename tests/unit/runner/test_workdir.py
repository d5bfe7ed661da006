"""A work directory can be removed, whatever the child has made of it, and nothing outside of it is touched."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from nexusd.runner.workdir import remove

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
