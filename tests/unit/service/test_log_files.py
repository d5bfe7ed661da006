"""Reading a part of a log: bounded, of plain files only; and as text, with no character cut in two or lost."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusd.contract.logs import CHARACTER_MAX_BYTES
from nexusd.service.log_files import decode_part, read_part

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return a folder with the log of one attempt, and a secret beside it."""
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "logs" / "job").mkdir(parents=True)
    (tmp_path / "logs" / "job" / "1.log").write_bytes(b"0123456789")
    return tmp_path / "logs"


@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [
        (0, 100, b"0123456789"),
        (0, 4, b"0123"),
        (4, 4, b"4567"),
        (8, 4, b"89"),
        (10, 4, b""),
        (11, 4, b""),
        (2**63 - 1, 8, b""),
    ],
)
def test_a_part_is_what_was_asked_for(logs: Path, offset: int, limit: int, expected: bytes) -> None:
    body, size = read_part(logs, "job", 1, offset, limit)
    assert body == expected
    assert size == (10 if body else size)


def link(path: Path) -> None:
    path.symlink_to(path.parent.parent.parent / "secret")


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        folder = os.open(path.parent, os.O_RDONLY)
        made.bind(f"/proc/self/fd/{folder}/{path.name}")  # the path itself may be too long for a socket
        os.close(folder)


@pytest.mark.parametrize("make", [link, os.mkfifo, os.mkdir, make_socket])
def test_only_plain_files_are_read(logs: Path, make: Callable[[Path], None]) -> None:
    make(logs / "job" / "2.log")
    assert read_part(logs, "job", 2, 0, 100) == (b"", 0)


def test_the_folder_of_a_job_may_be_no_link(logs: Path, tmp_path: Path) -> None:
    (tmp_path / "1.log").write_bytes(b"secret")
    (logs / "linked").symlink_to(tmp_path)
    assert read_part(logs, "linked", 1, 0, 100) == (b"", 0)
    for job_id, attempt in (("job", 7), ("nobody", 1)):
        assert read_part(logs, job_id, attempt, 0, 100) == (b"", 0)


def test_no_descriptor_is_left_open(logs: Path) -> None:
    os.mkfifo(logs / "job" / "2.log")
    before = os.listdir("/proc/self/fd")
    for job_id, attempt in (("job", 1), ("job", 2), ("job", 3), ("nobody", 1)):
        read_part(logs, job_id, attempt, 0, 100)
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.parametrize(
    ("body", "is_end", "text", "used"),
    [
        (b"plain", False, "plain", 5),
        ("ä漢🙂".encode(), False, "ä漢🙂", 9),
        ("a🙂".encode()[:-1], False, "a", 1),
        ("a🙂".encode()[:-1], True, "a\ufffd", 4),
        (b"\xff\xfe", False, "\ufffd\ufffd", 2),
        (b"a\xe6\xbc", False, "a", 1),
        (b"a\xe6\xbcz", False, "a\ufffdz", 4),
        (b"\xbc\xa2z", False, "\ufffd\ufffdz", 3),
        (b"", True, "", 0),
    ],
)
def test_bytes_as_text(body: bytes, is_end: bool, text: str, used: int) -> None:
    assert decode_part(body, is_end) == (text, used)


@given(st.binary(max_size=60) | st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass")), st.integers(4, 9))
def test_pages_put_together_are_the_whole(body: bytes, limit: int) -> None:
    text, offset = "", 0
    while offset < len(body):
        part, used = decode_part(body[offset : offset + limit], offset + limit >= len(body))
        assert used > 0, "a page of the smallest size makes way"
        text, offset = text + part, offset + used
    assert text == body.decode("utf-8", "replace")
    assert limit >= CHARACTER_MAX_BYTES
