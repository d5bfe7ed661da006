"""`GET /v1/doctor`, and the quick verification."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest
import trio

from nexusd.contract.doctor import Examination
from nexusd.contract.storage import VerificationPage
from nexusd.store import soundness
from nexusd.store.schema import HEAD
from tests.integration.api.test_deletion import path_of, upload
from tests.support.daemons import check_problem, open_daemon
from tests.support.patience import HANG_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

DOCTOR: Final = "/v1/doctor"


async def test_a_daemon_in_order(home: Path) -> None:
    async with open_daemon(home) as daemon:
        await upload(daemon, b"x")
        found = Examination.model_validate_json((await daemon.client.get(DOCTOR)).content)
        assert (found.database.sound, found.database.schema_revision) == (True, HEAD)
        assert found.database.latest_event_at is not None
        assert found.disk is not None
        assert found.disk.needed_bytes > 0


async def test_damage_is_told_and_the_daemon_goes_on(home: Path) -> None:
    async with open_daemon(home) as daemon:
        with closing(sqlite3.connect(daemon.state / "nexusd.db")) as connection, connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("DELETE FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
        found = Examination.model_validate_json((await daemon.client.get(DOCTOR)).content)
        assert found.database.sound is False
        assert found.database.problems
        assert (await daemon.client.get("/v1/health")).status_code == 200


async def test_a_look_that_takes_too_long_ends_and_holds_nobody_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundness, "STEP_INSTRUCTIONS", 1)
    async with open_daemon(home) as daemon:
        answer = await daemon.client.get(DOCTOR, params={"timeout": "0.000001"})
        assert answer.json()["database"]["sound"] is None


@pytest.mark.parametrize("timeout", ["0", "-1", "61", "nan", "soon"])
async def test_times_that_are_none_are_refused(home: Path, timeout: str) -> None:
    async with open_daemon(home) as daemon:
        check_problem(await daemon.client.get(DOCTOR, params={"timeout": timeout}), 422, "invalid-request", ["?timeout"])


async def test_requests_are_answered_while_a_look_goes_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looking, go_on = trio.Event(), trio.Event()
    real = soundness._find_problems

    def held(connection: sqlite3.Connection) -> list[str]:
        trio.from_thread.run_sync(looking.set)
        trio.from_thread.run(go_on.wait)
        return real(connection)

    monkeypatch.setattr(soundness, "_find_problems", held)
    async with open_daemon(home) as daemon, trio.open_nursery() as nursery:
        nursery.start_soon(daemon.client.get, DOCTOR)
        with trio.fail_after(HANG_SECONDS):
            await looking.wait()
            assert (await daemon.client.get("/v1/status")).status_code == 200
            assert (await upload(daemon, b"x"))["byteSize"] == 1
        go_on.set()


async def test_the_quick_verification_reads_nothing_and_finds_what_sizes_tell(home: Path) -> None:
    async with open_daemon(home) as daemon:
        missing, short, changed = [await upload(daemon, content) for content in (b"missing", b"short", b"changed")]
        path_of(daemon, missing).unlink()
        for asset, content in ((short, b"x"), (changed, b"CHANGED")):
            path_of(daemon, asset).chmod(0o600)
            path_of(daemon, asset).write_bytes(content)
        pages = {
            quick: VerificationPage.model_validate_json(
                (await daemon.client.get("/v1/storage/verify", params={"quick": quick})).content
            )
            for quick in ("true", "false")
        }
        kinds = {quick: [(found.kind, found.asset_id) for found in page.findings] for quick, page in pages.items()}
        assert kinds["true"] == [("missing", missing["id"]), ("torn", short["id"])]
        assert kinds["false"] == [*kinds["true"], ("torn", changed["id"])]
        assert pages["true"].bytes_read == 0
