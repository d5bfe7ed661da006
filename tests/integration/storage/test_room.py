"""Whether there is room on a disk: a small one of its own is filled and emptied."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from nexusd.domain.reasons import LowDisk
from nexusd.errors import StorageFull
from nexusd.storage.room import Room
from tests.support.mounts import MEBIBYTE, mounted

if TYPE_CHECKING:
    from pathlib import Path


def test_a_bound_holds_to_the_byte_and_lifts_by_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with mounted(tmp_path / "disk", 8 * MEBIBYTE) as disk:
        room = Room(disk, 4 * MEBIBYTE)
        assert not room.is_low()
        (disk / "fill").write_bytes(bytes(4 * MEBIBYTE))
        assert room.look() is None
        assert room.look(1) == LowDisk(4 * MEBIBYTE, 4 * MEBIBYTE)
        with pytest.raises(StorageFull, match=r"4194304 bytes free.*min_free_bytes"):
            room.refuse_low(1)
        room.refuse_low(0)
        assert not caplog.records
        (disk / "more").write_bytes(b"x")
        for _ in range(3):
            assert room.is_low()
        assert room.look() == LowDisk(4 * MEBIBYTE - 4096, 4 * MEBIBYTE)
        (disk / "fill").unlink()
        assert not room.is_low()
    told = [(record.levelno, record.message) for record in caplog.records]
    assert told == [
        (logging.WARNING, "the disk is nearly full: no job starts, uploads are refused"),
        (logging.WARNING, "the disk has room again"),
    ]


def test_a_small_disk_keeps_a_fiftieth_free(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 100 * MEBIBYTE) as disk:
        room = Room(disk, None)
        (disk / "fill").write_bytes(bytes(98 * MEBIBYTE))
        assert room.look() is None
        (disk / "more").write_bytes(b"x")
        assert room.look() == LowDisk(2 * MEBIBYTE - 4096, 2 * MEBIBYTE)


def test_nothing_is_kept_free_when_nothing_need_be(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", MEBIBYTE) as disk:
        (disk / "fill").write_bytes(bytes(MEBIBYTE))
        assert Room(disk, 0).look() is None


def test_a_large_disk_keeps_a_gibibyte_free(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 100 * 1024 * MEBIBYTE) as disk:
        low = Room(disk, None).look(100 * 1024 * MEBIBYTE - 1024**3 + 1)
        assert low is not None
        assert low.needed_bytes == 1024**3
        assert Room(disk, None).look(100 * 1024 * MEBIBYTE - 1024**3) is None


def test_a_disk_that_is_gone_is_somebody_elses_trouble(tmp_path: Path) -> None:
    assert Room(tmp_path / "nothing", 1).look() is None
