"""A database looked at while it is in use: what is wrong is told, and the look ends when it should."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from nexusd.store import soundness
from nexusd.store.schema import HEAD
from tests.support.stores import open_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A database that nobody has open."""
    async with open_store(tmp_path / "nexusd.db"):
        pass
    return tmp_path / "nexusd.db"


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def never() -> bool:
    return False


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


async def test_a_sound_database(path: Path) -> None:
    found = soundness.examine(path, 10, never)
    assert (found.sound, found.problems, found.schema_revision) == (True, [], HEAD)


async def test_the_newest_event_is_told(path: Path) -> None:
    change(
        path,
        "INSERT INTO events (company_id, type, data, created_at) "
        "SELECT id, 'asset.created', '{}', '2031-01-02T03:04:05.000Z' FROM companies",
    )
    assert soundness.examine(path, 10, never).latest_event_at == datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)


async def test_rows_that_name_what_is_not_there(path: Path) -> None:
    change(
        path,
        "INSERT INTO events (company_id, type, data, created_at) "
        "VALUES ('nobody', 'asset.created', '{}', '2026-01-02T03:04:05.000Z')",
    )
    found = soundness.examine(path, 10, never)
    assert (found.sound, found.problems) == (False, ["row 1 of events names a row of companies that is not there"])


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        for page in range(2, path.stat().st_size // 4096, 3):
            file.seek(page * 4096 + 8)
            file.write(b"\xa5" * 512)


async def test_damaged_pages(path: Path) -> None:
    damage(path)
    found = soundness.examine(path, 10, never)
    assert found.sound is False
    assert found.problems


def test_no_database_at_all(tmp_path: Path) -> None:
    (tmp_path / "nexusd.db").write_bytes(b"nothing of the kind" * 300)
    assert soundness.examine(tmp_path / "nexusd.db", 10, never).sound is False
    assert soundness.examine(tmp_path / "none.db", 10, never).sound is False
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(("seconds", "is_cancelled"), [(0.0, False), (60.0, True)])
async def test_the_look_ends_at_its_time_or_when_nobody_waits(
    path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, is_cancelled: bool
) -> None:
    monkeypatch.setattr(soundness, "STEP_INSTRUCTIONS", 1)
    found = soundness.examine(path, seconds, lambda: is_cancelled)
    assert (found.sound, found.problems) == (None, [])


async def test_nothing_is_written(path: Path) -> None:
    before = content_of(path)
    soundness.examine(path, 10, never)
    assert content_of(path) == before
