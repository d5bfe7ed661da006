"""Statements of the hot paths, handed to the driver as they are.

Every job, every event and every commit goes through one of them, and what SQLAlchemy does around a statement of its own takes
several times as long as SQLite does to carry it out. They are in the caller's transaction like any other and fail with the
same errors; what differs is that times must come as the text the tables hold.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from sqlalchemy import Connection, Select, Table


def prepare_insert(table: Table, columns: Sequence[str]) -> str:
    """Return the statement that inserts rows of these columns. Raises KeyError for a column that the table has not."""
    names = [table.c[column].name for column in columns]
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


def insert_rows(connection: Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    """Run a statement of `prepare_insert` for each row, its values in the order of the columns."""
    try:
        connection.connection.cursor().executemany(statement, rows)
    except sqlite3.Error as error:
        raise _wrap(connection, statement, error) from error


def prepare_query(query: Select[Any]) -> str:
    """Return a query as text; its parameters are named as its `bindparam`s are."""
    return str(query.compile(dialect=sqlite.dialect(paramstyle="named")))


def read_rows(connection: Connection, query: str, parameters: Mapping[str, str | int]) -> list[Any]:
    """Return all rows of a query of `prepare_query`, each a tuple of what the tables hold."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
    except sqlite3.Error as error:
        raise _wrap(connection, query, error) from error


def iter_rows(
    connection: Connection, query: str, parameters: Mapping[str, str | int]
) -> Generator[tuple[Any, ...], None, None]:
    """Yield the rows of such a query one by one; no more is read than is asked for."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(query, parameters)
        while (row := cursor.fetchone()) is not None:
            yield row
    except sqlite3.Error as error:
        raise _wrap(connection, query, error) from error
    finally:
        cursor.close()


def read_number(connection: Connection, query: str) -> int:
    """Return the only number that a query gives, 0 when there is none."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(query)
        row = cursor.fetchone()
    except sqlite3.Error as error:
        raise _wrap(connection, query, error) from error
    return int(row[0]) if row else 0


def _wrap(connection: Connection, statement: str, error: sqlite3.Error) -> BaseException:
    """Return what SQLAlchemy would raise."""
    return DBAPIError.instance(statement, None, error, sqlite3.Error, dialect=connection.dialect)
