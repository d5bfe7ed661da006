"""Result files are whole or not there."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from nexusctl.errors import BadAnswer, JobLost, UsageError
from nexusctl.output.files import Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = b"<svg/>"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def save(path: Path | None, content: bytes = CONTENT) -> None:
    Target(path).save([content[:2], content[2:]], sha256=SHA256, byte_size=len(CONTENT))


def test_a_new_file_gets_the_mode_that_new_files_get(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save(tmp_path / "x.svg")
    finally:
        os.umask(before)
    assert (tmp_path / "x.svg").read_bytes() == CONTENT
    assert stat.S_IMODE((tmp_path / "x.svg").stat().st_mode) == 0o640
    assert len(list(tmp_path.iterdir())) == 1


def test_an_old_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.svg"
    real.write_bytes(b"old")
    real.chmod(0o600)
    (tmp_path / "link.svg").symlink_to("real.svg")
    save(tmp_path / "link.svg")
    assert (tmp_path / "link.svg").is_symlink()
    assert (real.read_bytes(), stat.S_IMODE(real.stat().st_mode)) == (CONTENT, 0o600)


@pytest.mark.parametrize("damaged", [CONTENT[:-1], CONTENT + b"x", b"<gvs/>", b""])
def test_damaged_content_leaves_the_old_file(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "x.svg").write_bytes(b"old")
    with pytest.raises(BadAnswer, match="damaged"):
        save(tmp_path / "x.svg", damaged)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.svg", b"old")]


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield CONTENT
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Target(tmp_path / "x.svg").save(chunks(), sha256=SHA256, byte_size=len(CONTENT))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_loses_the_file_and_not_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(JobLost, match="No space left"):
        save(tmp_path / "x.svg")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_regular_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    # Stands for devices too. Never the machine's own: a bug here, run by root, would cost it its /dev/null.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    Target(pipe).check()
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.daemon = True
    reader.start()
    save(pipe)
    assert stat.S_ISFIFO(pipe.lstat().st_mode), "it was replaced"
    reader.join()
    assert got == [CONTENT]


def test_standard_output_is_for_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw))
    Target(None).check()
    save(None)
    assert raw.getvalue() == CONTENT
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(UsageError, match="terminal"):
        Target(None).check()


def test_a_folder_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="directory"):
        Target(tmp_path).check()
