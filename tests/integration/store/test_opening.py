"""A database is opened with its promises in force, brought up to date all or nothing, or refused and left as it was."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import trio
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex

from nexusd.domain.states import TRANSITIONS, JobStatus
from nexusd.errors import UnsafeDatabase
from nexusd.store import companies, database, schema
from nexusd.store.tables import COMPANIES
from tests.support.stores import NOON, ask, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from tests.support.stores import Store

PROMISED = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def pragmas(connection: Connection) -> dict[str, Any]:
    return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in PROMISED}


async def test_every_connection_has_the_pragmas(store: Store) -> None:
    assert await store.database.write(pragmas) == PROMISED
    together = trio.Event()

    async def read_at_once(found: list[dict[str, Any]]) -> None:
        await together.wait()
        found.append(await store.database.read(pragmas))

    found: list[dict[str, Any]] = []
    async with trio.open_nursery() as nursery:
        for _ in range(2 * database.READERS):
            nursery.start_soon(read_at_once, found)
        together.set()
    assert found == [PROMISED] * 2 * database.READERS


async def test_only_the_writer_writes_and_checkpoints(store: Store) -> None:
    with pytest.raises(Exception, match="readonly"):
        await store.database.read(companies.create, "reader", None, NOON)
    assert await store.database.read(lambda c: c.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one()) == 0
    assert await store.database.write(lambda c: c.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one()) > 0


async def test_a_read_sees_one_committed_state_throughout(store: Store) -> None:
    def look_twice(connection: Connection) -> list[int]:
        seen = [connection.exec_driver_sql("SELECT count(*) FROM companies").scalar_one()]
        trio.from_thread.run(store.database.write, companies.create, "meanwhile", None, NOON)
        return [*seen, connection.exec_driver_sql("SELECT count(*) FROM companies").scalar_one()]

    assert await store.database.read(look_twice) == [1, 1]


@pytest.mark.parametrize(
    ("name", "value"), [("synchronous", ("NORMAL", 2)), ("foreign_keys", ("OFF", 1)), ("journal_mode", ("DELETE", "wal"))]
)
async def test_a_pragma_that_does_not_take_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: tuple[str, Any]
) -> None:
    monkeypatch.setitem(database.PRAGMAS, name, value)
    with pytest.raises(UnsafeDatabase, match=f"^SQLite has {name} = .* is needed; is the folder on a network share"):
        await open_and_close(tmp_path / "nexusd.db")


async def test_too_old_a_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "OLDEST_SQLITE", (99, 0, 0))
    with pytest.raises(UnsafeDatabase, match=r"is too old; nexusd needs 99.0.0"):
        await open_and_close(tmp_path / "nexusd.db")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["nexusd.db", "a b?c=d#e%41.db", "ü\udcff.db"])
async def test_a_fresh_file_is_made_wherever_it_is(tmp_path: Path, name: str) -> None:
    await open_and_close(tmp_path / name)
    await open_and_close(tmp_path / name)
    assert os.listdir(tmp_path) == [name]
    assert ask(tmp_path / name, "SELECT version_num FROM alembic_version") == [(schema.HEAD,)]


async def test_the_models_say_what_the_migrations_make(store: Store) -> None:
    def differences(connection: Connection) -> list[Any]:
        is_compared = {"include_object": lambda _object, _name, kind, *_: kind != "index"}  # Alembic cannot compare `DESC`
        return list(compare_metadata(MigrationContext.configure(connection, opts=is_compared), COMPANIES.metadata))

    assert await store.database.read(differences) == []
    made = store.ask("SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    indexes = [index for table in COMPANIES.metadata.tables.values() for index in table.indexes]
    said = [str(CreateIndex(index).compile(dialect=sqlite.dialect())) for index in indexes]
    assert sorted(sql.strip() for (sql,) in made) == sorted(said)
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [schema.HEAD]
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == schema.KNOWN_REVISIONS


async def test_the_trigger_allows_exactly_the_moves_of_the_domain(store: Store) -> None:
    legal = {(start.value, end.value) for (start, _), end in TRANSITIONS.items()}
    answers: dict[tuple[str, str], str] = {}
    [job_id] = await store.submit()
    for start in JobStatus:
        for end in JobStatus:
            with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                guard = connection.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger'").fetchone()[0]
                connection.execute("DROP TRIGGER content_jobs_move_legally")
                connection.execute("UPDATE content_jobs SET status = ? WHERE id = ?", [start, job_id])
                connection.execute(guard)
                try:
                    connection.execute("UPDATE content_jobs SET status = ? WHERE id = ?", [end, job_id])
                    answers[start.value, end.value] = "moved"
                except sqlite3.IntegrityError as error:
                    answers[start.value, end.value] = str(error)
    assert len(answers) == len(JobStatus) ** 2
    for (old, new), answer in answers.items():
        is_legal = (old, new) in legal or old == new  # staying is no move: progress and the like
        assert answer == ("moved" if is_legal else "a content job cannot change its status that way"), (old, new)


async def test_the_table_refuses_what_no_code_should_write(store: Store) -> None:
    [job_id] = await store.submit()
    await store.claim(job_id)
    for sql in [
        "UPDATE content_jobs SET status = 'unheard of'",
        "UPDATE content_jobs SET progress = 1.1",
        "INSERT INTO event_retention (id, pruned_through) VALUES (2, 0)",
        "UPDATE content_jobs SET company_id = 'nobody'",
        "INSERT INTO job_attempts (id, job_id, number, started_at) SELECT 'second', job_id, 2, started_at FROM job_attempts",
    ]:
        with closing(sqlite3.connect(store.path)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(sql)


def foreign(path: Path) -> None:
    ask(path, "CREATE TABLE photos (id INTEGER)")


def newer(path: Path) -> None:
    ask(path, "CREATE TABLE alembic_version (version_num TEXT)")
    ask(path, "INSERT INTO alembic_version VALUES ('9999')")


def half_made(path: Path) -> None:
    ask(path, "CREATE TABLE alembic_version (version_num TEXT)")
    ask(path, "CREATE TABLE companies (id TEXT)")


def no_database(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 1000)


def torn_header(path: Path) -> None:
    foreign(path)
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 5000)


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (foreign, "is a database, but not one of nexusd's; set another state_directory"),
        (half_made, "is a database, but not one of nexusd's; set another state_directory"),
        (newer, "has schema 9999, which is newer than this nexusd"),
        (no_database, "cannot be opened .*file is not a database.*: restore a backup"),
        (torn_header, "cannot be opened .*: restore a backup"),
        (folder, "cannot be opened .*unable to open database file"),
    ],
)
async def test_what_is_not_ours_is_refused_and_left_as_it_was(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / "nexusd.db"
    make(path)
    before = path.is_file() and path.read_bytes()
    with pytest.raises(UnsafeDatabase, match=reason) as refusal:
        await open_and_close(path)
    assert str(path) in str(refusal.value)
    assert (path.is_file() and path.read_bytes()) == before
    assert os.listdir(tmp_path) == ["nexusd.db"]


@pytest.mark.slow
async def test_a_damaged_page_is_refused_at_the_start_where_the_start_needs_it(tmp_path: Path) -> None:
    path = tmp_path / "nexusd.db"
    async with open_store(path) as store:
        await store.submit()
        [(root,)] = store.ask("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_sequence'")
    content = bytearray(path.read_bytes())
    content[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(UnsafeDatabase, match=r"cannot be opened .*malformed.*: restore a backup"):
        await open_and_close(path)


async def test_a_database_that_another_holds_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "nexusd.db"
    await open_and_close(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnsafeDatabase, match="another process holds the database") as refusal:
            await open_and_close(path)
    assert "backup" not in str(refusal.value)


KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
import trio
from alembic import op
from nexusd.store.database import open_database
statements, execute = 0, op.execute
def count_down(*args, **kwargs):
    global statements
    statements += 1
    if statements == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(*args, **kwargs)
op.execute = count_down
async def main():
    async with open_database(Path(sys.argv[1]), print, write_queue_length=1):
        print("opened after", statements)
trio.run(main)
"""


@pytest.mark.slow
@pytest.mark.parametrize("point", [1, 7, 24, 0])
async def test_a_migration_that_is_killed_has_not_happened(tmp_path: Path, point: int) -> None:
    path = tmp_path / "nexusd.db"
    command = [sys.executable, "-c", KILLED_IN_THE_MIDDLE, str(path), str(point)]
    ended = await trio.to_thread.run_sync(lambda: subprocess.run(command, capture_output=True, check=False))
    assert (ended.returncode, ended.stderr) == (0 if point == 0 else -signal.SIGKILL, b"")
    tables = ask(path, "SELECT count(*) FROM sqlite_schema")
    assert tables != [(0,)] if point == 0 else tables == [(0,)]
    async with open_store(path) as store:
        await store.submit()
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


async def open_and_close(path: Path) -> None:
    async with open_store(path, busy_timeout_seconds=0.05):
        pass
