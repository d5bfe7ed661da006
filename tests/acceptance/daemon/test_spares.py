"""Warm spares of a daemon: what the status tells of them, and that none is left of them, however the daemon ends."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.daemons import JOBS, Program
from tests.support.patience import HANG_SECONDS, PROMPT_SECONDS
from tests.support.processes import find_marked, holding, is_dead

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ONE_EACH = {"NEXUSD_SPARES_PER_TYPE": '{"document": 1}'}
SUBMISSION = {"jobType": "document", "input": {"source": "# Hello"}}


def render(program: Program) -> None:
    """Have a document made, and wait for it."""
    with program.client() as client:
        job_id = client.post(JOBS, json=SUBMISSION).json()["jobId"]
        job = client.get(f"{JOBS}/{job_id}/wait", params={"timeout": HANG_SECONDS}, timeout=HANG_SECONDS).json()
    assert job["status"] == "done", job


def read_status(program: Program) -> dict[str, Any]:
    with program.client() as client:
        status: dict[str, Any] = client.get("/v1/status").json()
    return status


def wait_spares(program: Program, count: int) -> list[dict[str, Any]]:
    """Return the spares that the status tells of, as soon as so many are warm and no other one is there."""
    end_at = time.monotonic() + HANG_SECONDS
    while time.monotonic() < end_at:
        spares: list[dict[str, Any]] = read_status(program)["spares"]
        if len(spares) == count and all(spare["warm"] for spare in spares):
            return spares
    raise AssertionError(f"{spares}\n{program.log}")


def marks(program: Program) -> list[str]:
    """Return what the processes are marked with whose work directories are there."""
    return [entry.name for entry in (program.state / "work").iterdir()]


@pytest.mark.parametrize("sandbox", ["auto", "landlock", "limits"])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_the_status_tells_of_a_spare_and_the_daemons_end_is_its_end(home: Path, sandbox: str, end: signal.Signals) -> None:
    with Program(home, module="nexusd", environment={"NEXUSD_SANDBOX": sandbox, **ONE_EACH}) as program:
        program.start()
        assert wait_spares(program, 0) == []
        render(program)
        [spare] = wait_spares(program, 1)
        assert spare["jobType"] == "document"
        assert spare["engine"] == "nexusd.renderers.engines.document:render"
        assert 5_000_000 < spare["memoryBytes"] < 500_000_000
        with holding(find_marked(marks(program))) as held:
            assert held
            program.send(end)
            program.wait()
            end_at = time.monotonic() + PROMPT_SECONDS
            while not all(map(is_dead, held.values())) and time.monotonic() < end_at:
                pass
            assert all(map(is_dead, held.values()))
        program.start()
        assert marks(program) == []
        render(program)


def test_the_settings_bound_them(home: Path) -> None:
    environment = {"NEXUSD_SPARES_PER_TYPE": '{"document": 2}', "NEXUSD_SPARE_IDLE_SECONDS": "5"}
    with Program(home, module="nexusd", environment=environment) as program:
        program.start()
        limits = read_status(program)["limits"]
        assert limits["sparesPerType"]["document"] == 2
        assert limits["spareIdleSeconds"] == 5
        render(program)
        assert len(wait_spares(program, 2)) == 2
        assert wait_spares(program, 0) == []
        program.stop()
    assert marks(program) == []
