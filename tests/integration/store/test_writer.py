"""The writer's promises: answered after the commit, grouped, and no unit harms another."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from nexusd.errors import AlreadyExists, DatabaseBusy, NotFound, Stopping, StorageFull, WriteQueueFull
from nexusd.store import companies, queries
from tests.support.patience import PROMPT_SECONDS
from tests.support.stores import NOON, Store, ask, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    Unit = Callable[[Connection], Any]

SLUGS = "SELECT slug FROM companies WHERE slug <> 'default' ORDER BY slug"


class Gate:
    """A unit that keeps the writer busy until it is opened, so that what is written meanwhile waits together."""

    def __init__(self) -> None:
        self._entered = threading.Event()
        self._opened = threading.Event()

    def __call__(self, _connection: Connection) -> None:
        self._entered.set()
        assert self._opened.wait(30)

    async def wait_entered(self) -> None:
        await trio.to_thread.run_sync(self._entered.wait, 30)

    def open(self) -> None:
        self._opened.set()

    async def open_when_blocked(self) -> None:
        await trio.testing.wait_all_tasks_blocked()
        self._opened.set()


def add(slug: str) -> Unit:
    """Return a unit that adds a company."""
    return lambda connection: companies.create(connection, slug, None, NOON).slug


def raising(error: Exception) -> Unit:
    """Return a unit that writes, and then raises."""

    def unit(connection: Connection) -> None:
        add("half-done")(connection)
        raise error

    return unit


def duplicate(connection: Connection) -> None:
    """Break a constraint that no code of ours expects to be broken."""
    connection.execute(text("INSERT INTO event_retention (id, pruned_through) VALUES (1, 0)"))


def misspelt(connection: Connection) -> None:
    """Say something SQLite does not understand: an OperationalError that is the unit's own."""
    connection.execute(text("SELECT * FROM no_such_table"))


def big(connection: Connection) -> None:
    """Need more room than `limit_pages` leaves."""
    connection.execute(text("UPDATE companies SET name = :name"), {"name": "x" * 1_000_000})


def limit_pages(room: int) -> Unit:
    """Return a unit that lets the file grow by so many pages and no more."""

    def unit(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + room}")

    return unit


async def write_together(store: Store, units: list[Unit]) -> list[Any]:
    """Write the units as one group, and return what each caller got: a result or an error."""
    gate = Gate()
    answers: list[Any] = [None] * len(units)

    async def write(index: int, unit: Unit) -> None:
        try:
            answers[index] = await store.database.write(unit)
        except Exception as error:
            answers[index] = error

    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.database.write, gate)
        await gate.wait_entered()
        for index, unit in enumerate(units):
            nursery.start_soon(write, index, unit)
            await trio.testing.wait_all_tasks_blocked()
        gate.open()
    return answers


@contextmanager
def tracing(connection: Connection) -> Iterator[list[str]]:
    """Collect the statements that SQLite runs on a connection."""
    statements: list[str] = []
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.set_trace_callback(statements.append)
    try:
        yield statements
    finally:
        raw.set_trace_callback(None)


async def test_the_caller_is_answered_after_the_commit_and_the_hub_is_told_of_it(store: Store) -> None:
    with closing(sqlite3.connect(store.path)) as other:
        for number in range(20):
            cursor = store.hub.highest_event_id
            [job_id] = await store.submit()
            assert other.execute("SELECT count(*) FROM content_jobs WHERE id = ?", [job_id]).fetchone() == (1,), number
            assert await store.hub.wait_newer(cursor) == other.execute("SELECT max(id) FROM events").fetchone()[0]


async def test_what_waits_together_is_one_transaction(store: Store) -> None:
    slugs = [f"c{number:03}" for number in range(100)]
    connection = await store.database.write(lambda connection: connection)
    with tracing(connection) as statements:
        answers = await write_together(store, [add(slug) for slug in slugs])
    assert answers == slugs
    assert [s for s in statements if s.startswith(("BEGIN", "COMMIT", "SAVEPOINT"))] == ["BEGIN IMMEDIATE", "COMMIT"] * 2
    assert [slug for (slug,) in store.ask(SLUGS)] == slugs


async def test_a_bad_unit_fails_alone(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    runs: list[str] = []

    def counted(connection: Connection) -> Any:
        runs.append("run")
        return add("a")(connection)

    answers = await write_together(
        store,
        [
            counted,
            raising(NotFound("not here")),
            raising(RuntimeError("a bug")),
            duplicate,
            misspelt,
            lambda connection: companies.create(connection, "default", None, NOON),
            add("b"),
            raising(KeyError("another")),
            add("c"),
        ],
    )
    kinds = [type(answer) for answer in answers]
    assert kinds == [str, NotFound, RuntimeError, IntegrityError, OperationalError, AlreadyExists, str, KeyError, str]
    assert store.ask(SLUGS) == [("a",), ("b",), ("c",)]
    assert runs == ["run", "run"]  # the group was run again, with savepoints
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [  # those that nobody expects are logged
        RuntimeError,
        IntegrityError,
        OperationalError,
        KeyError,
    ]
    assert await store.database.write(add("d")) == "d"


@pytest.mark.parametrize("unit", [duplicate, misspelt, raising(NotFound("x")), raising(ValueError("y"))])
async def test_a_bad_unit_alone_stores_nothing(store: Store, unit: Unit) -> None:
    before = store.ask("SELECT * FROM companies"), store.ask("SELECT * FROM event_retention")
    with pytest.raises((IntegrityError, OperationalError, NotFound, ValueError)):
        await store.database.write(unit)
    assert (store.ask("SELECT * FROM companies"), store.ask("SELECT * FROM event_retention")) == before


async def test_a_cancelled_caller_only_stops_waiting(store: Store) -> None:
    gate = Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.database.write, gate)
        await gate.wait_entered()
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.database.write(add("unheard"))
        assert scope.cancelled_caught
        gate.open()
    assert await store.database.write(add("next")) == "next"
    assert store.ask(SLUGS) == [("next",), ("unheard",)]


async def test_beyond_the_bound_a_write_is_refused_and_not_stored(tmp_path: Path) -> None:
    async with open_store(tmp_path / "nexusd.db", write_queue_length=3) as store:
        gate = Gate()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.database.write, gate)
            await gate.wait_entered()
            nursery.start_soon(store.database.write, add("a"))
            nursery.start_soon(store.database.write, add("b"))
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(3):
                with pytest.raises(WriteQueueFull):
                    await store.database.write(add("refused"))
            gate.open()
        assert await store.database.write(add("c")) == "c"
        assert store.ask(SLUGS) == [("a",), ("b",), ("c",)]


async def test_while_another_holds_the_database_writes_are_refused_and_reads_go_on(tmp_path: Path) -> None:
    path = tmp_path / "nexusd.db"
    async with open_store(path, busy_timeout_seconds=0.05) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for _ in range(3):
                with pytest.raises(DatabaseBusy):
                    await store.database.write(add("a"))
                assert (await store.database.read(queries.count)).assets == 0
            other.execute("ROLLBACK")
            assert await store.database.write(add("b")) == "b"
        assert store.ask(SLUGS) == [("b",)]


@pytest.mark.parametrize("neighbour", [None, add("n"), raising(KeyError("n"))], ids=["alone", "in a group", "run apart"])
async def test_a_full_disk_refuses_and_heals(store: Store, neighbour: Unit | None) -> None:
    await store.database.write(limit_pages(1))
    answers = await write_together(store, [neighbour, big] if neighbour else [big])
    assert [type(answer) for answer in answers] == [StorageFull] * len(answers)
    assert store.ask(SLUGS) == []
    assert (await store.database.read(companies.get, "default")).name == "default"
    await store.database.write(limit_pages(1000))
    await store.database.write(big)
    assert store.ask("SELECT length(name) FROM companies") == [(1_000_000,)]
    assert store.ask("PRAGMA integrity_check") == [("ok",)]


async def test_the_hub_hears_only_of_what_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "nexusd.db"
    async with open_store(path) as store:
        told: list[tuple[int, int]] = []

        async def listen() -> None:
            cursor = 0
            while True:
                cursor = await store.hub.wait_newer(cursor)
                told.append((cursor, ask(path, "SELECT coalesce(max(id), 0) FROM events")[0][0]))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            for _ in range(10):
                await store.submit()
                with pytest.raises(KeyError):
                    await store.database.write(failing_submission, store.company_id)
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert told[-1] == (10, 10)
        assert all(heard == stored for heard, stored in told)


def failing_submission(connection: Connection, company_id: str) -> None:
    """Write an event, and then fail."""
    connection.execute(
        text("INSERT INTO events (company_id, type, data, created_at) VALUES (:c, 'x', '{}', '')"), {"c": company_id}
    )
    raise KeyError("after the event")


async def test_closing_carries_out_what_waits_and_refuses_what_comes_later(tmp_path: Path) -> None:
    path = tmp_path / "nexusd.db"
    slugs = [f"c{number:03}" for number in range(600)]  # more than one group
    gate = Gate()
    async with trio.open_nursery() as around, open_store(path) as store:
        async with trio.open_nursery() as writing:
            writing.start_soon(store.database.write, gate)
            await gate.wait_entered()
            for slug in slugs:
                writing.start_soon(store.database.write, add(slug))
            await trio.testing.wait_all_tasks_blocked()
            writing.cancel_scope.cancel()
        around.start_soon(gate.open_when_blocked)  # while the store is closing
    assert [slug for (slug,) in ask(path, SLUGS)] == slugs
    with trio.fail_after(PROMPT_SECONDS), pytest.raises(Stopping):
        await store.database.write(add("late"))
    assert not [thread for thread in threading.enumerate() if thread.name == "nexusd-writer"]
    assert os.listdir(tmp_path) == ["nexusd.db"]  # the last one checkpointed
