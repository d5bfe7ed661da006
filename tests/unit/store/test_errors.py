"""SQLite's troubles, and the names they have here."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import DBAPIError

from nexusd.errors import DatabaseBusy, StorageFull, StorageUnavailable
from nexusd.store.rows import decode_cursor, encode_cursor
from nexusd.store.writer import translate

ID = "019b7f4e-8c00-7000-8000-000000000001"


def error_of(code: int, *, is_wrapped: bool) -> Exception:
    error = sqlite3.OperationalError("trouble")
    error.sqlite_errorcode = code
    return DBAPIError("SELECT 1", {}, error) if is_wrapped else error


@pytest.mark.parametrize("is_wrapped", [True, False])
@pytest.mark.parametrize(
    ("code", "name"),
    [
        (sqlite3.SQLITE_BUSY, DatabaseBusy),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, DatabaseBusy),
        (sqlite3.SQLITE_LOCKED_SHAREDCACHE, DatabaseBusy),
        (sqlite3.SQLITE_FULL, StorageFull),
        (sqlite3.SQLITE_CANTOPEN, StorageUnavailable),
        (sqlite3.SQLITE_IOERR_WRITE, None),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, None),
    ],
)
def test_passing_trouble_has_a_name_of_ours(code: int, name: type[Exception] | None, is_wrapped: bool) -> None:
    error = error_of(code, is_wrapped=is_wrapped)
    told = translate(error)
    if name is None:
        assert told is error
    else:
        assert type(told) is name
        assert told.__cause__ is error


def test_an_error_that_is_not_the_databases_is_left_alone() -> None:
    error = KeyError("x")
    assert translate(error) is error


def test_a_cursor_is_read_back() -> None:
    cursor = encode_cursor(ID)
    assert decode_cursor(cursor) == ID
    assert cursor.isascii()
    assert not set(cursor) & set("+/=")
