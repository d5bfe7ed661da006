"""Warm spares: a job that finds one is served by it, and nobody can tell the difference but by the clock."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from nexusd.domain.states import JobStatus
from nexusd.renderers.diagram import DIAGRAM
from nexusd.renderers.document import DOCUMENT, DocumentInput
from nexusd.renderers.spec import CHILD, engine_command
from nexusd.runner.containment import Level, find_containment
from nexusd.runner.spares import SpareRules
from tests.support.patience import HANG_SECONDS
from tests.support.processes import children, count_open_files, find_marked, holding, is_dead
from tests.support.runners import open_runner, upload
from tests.support.scripted import SCRIPTED, scripted

if TYPE_CHECKING:
    from collections.abc import Callable

    from nexusd.contract.jobs import Job
    from tests.support.runners import Runner

pytestmark = pytest.mark.slow

D2 = replace(DIAGRAM, spares=1)
MARKDOWN = replace(DOCUMENT, spares=1)
BROKEN = replace(DIAGRAM, job_type="broken", command=engine_command("nexusd.no_such_module:render"), spares=1)
DRAWING = {"language": "d2", "source": "a -> b", "format": "svg"}
ENDLESS = "#for i in range(30000) { for j in range(30000) { let k = i + j } }"


async def wait_for(condition: Callable[[], bool]) -> None:
    """Return when a condition holds that nobody tells of."""
    with trio.fail_after(HANG_SECONDS):
        while not condition():  # noqa: ASYNC110 - a process's state has no event
            await trio.sleep(0.01)


def warm(runner: Runner) -> int:
    return sum(spare.memory_bytes is not None for spare in runner.spares)


def document(language: str, source: str) -> dict[str, Any]:
    """Return the input of a document as the service stores it."""
    checked: dict[str, Any] = DocumentInput.model_validate({"language": language, "source": source}).model_dump(
        mode="json", by_alias=True
    )
    return checked


async def draw(runner: Runner, **fields: Any) -> Job:
    job = await runner.run(job_type="diagram", **{"input": DRAWING, **fields})
    assert job.status is JobStatus.DONE, (job.error_message, runner.log(job.id))
    return job


def result(runner: Runner, job: Job) -> bytes:
    assert job.assets
    return runner.stored(runner.store.ask("SELECT object_key FROM assets WHERE id = ?", job.assets[0].id)[0][0]).read_bytes()


def read_limits(pid: int) -> dict[str, str]:
    """Return the soft limits of a process by the kernel's names."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return {line[:25].strip(): line[26:46].strip() for line in lines}


@pytest.fixture(params=list(Level))
async def containment(request: pytest.FixtureRequest) -> Any:
    return await find_containment(request.param, request.param)


async def test_the_second_job_is_served_by_a_spare_with_the_same_result(tmp_path: Path, containment: Any) -> None:
    async with open_runner(tmp_path, D2, containment=containment) as runner:
        cold = await draw(runner)
        await wait_for(lambda: warm(runner) == 1)
        [spare] = runner.spares
        pid = spare.child.pids[-1]
        served = await draw(runner)
        assert spare.is_taken
        assert result(runner, cold) == result(runner, served)
        [attempt] = served.attempts
        assert attempt.exit_code == 0
        assert attempt.cpu_seconds is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        await wait_for(lambda: warm(runner) == 1)  # another one in its place
        assert next(iter(runner.spares)) is not spare
    assert not children()
    assert not list((tmp_path / "work").iterdir())


async def test_what_a_spare_says_is_the_log_of_its_job_and_bad_input_is_bad_input(tmp_path: Path) -> None:
    async with open_runner(tmp_path, D2) as runner:
        await draw(runner)
        await wait_for(lambda: warm(runner) == 1)
        [spare] = runner.spares
        job = await runner.run(job_type="diagram", input={**DRAWING, "source": "a -> {"})
        assert spare.is_taken
        assert job.error_code == "invalid_input"
        assert b"diagram.d2:1" in runner.log(job.id)


async def test_assets_are_there_in_a_spare_too(tmp_path: Path, containment: Any) -> None:
    async with open_runner(tmp_path, D2, containment=containment) as runner:
        await draw(runner)
        await wait_for(lambda: warm(runner) == 1)
        [spare] = runner.spares
        asset = await upload(runner, b"c -> d", "flow.d2")
        source = {"$asset": asset.id}
        job = await draw(runner, input={**DRAWING, "source": source}, references=[("/input/source", asset.id)])
        assert spare.is_taken
        assert b">d</text>" in result(runner, job)


async def test_a_spare_is_limited_as_any_child(tmp_path: Path, containment: Any) -> None:
    spec = replace(D2, default_timeout_seconds=7.0)
    async with open_runner(tmp_path, spec, containment=containment, output_max_bytes=12_345_678) as runner:
        await draw(runner)
        await wait_for(lambda: warm(runner) == 1)
        [spare] = runner.spares
        pid = spare.child.pids[-1]
        told = read_limits(pid)
        assert told["Max data size"] == str(spec.memory_max_bytes)
        assert told["Max file size"] == "12345678"
        assert told["Max core file size"] == "0"
        assert told["Max cpu time"] == "unlimited"  # it has no job yet
        spare.is_taken = True
        async with spare.start(cpu_seconds=14).opened:
            assert 14 <= int(read_limits(pid)["Max cpu time"]) <= 20
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        runner.spares.give_up(spare)


async def test_a_job_in_a_spare_can_be_cancelled_and_times_out(tmp_path: Path) -> None:
    async with open_runner(tmp_path, MARKDOWN, terminate_grace_seconds=0) as runner:
        endless = document("typst", ENDLESS)
        quick = document("markdown", "x")
        assert (await runner.run(job_type="document", input=quick)).status is JobStatus.DONE
        await wait_for(lambda: warm(runner) == 1)
        [spare] = runner.spares
        job = await runner.run(job_type="document", input=endless, timeout_seconds=0.5)
        assert spare.is_taken
        assert job.error_code == "timeout", job.error_message
        await wait_for(lambda: warm(runner) == 1)
        [spare] = runner.spares
        job_id = await runner.submit(job_type="document", input=endless)
        await runner.wait(job_id, lambda job: job.status is JobStatus.RUNNING)
        await runner.cancel(job_id)
        assert (await runner.wait(job_id)).status is JobStatus.CANCELLED
        assert spare.is_taken


async def test_a_spare_that_nobody_takes_is_given_up(tmp_path: Path) -> None:
    async with open_runner(tmp_path, D2, spare_rules=SpareRules(4, 1 << 30)) as runner:
        await draw(runner)
        await wait_for(lambda: warm(runner) == 1)
        await wait_for(lambda: not children())
        assert not list(runner.spares)
        await wait_for(lambda: not list((tmp_path / "work").iterdir()))  # which goes a moment after its process
        await draw(runner)
        await wait_for(lambda: warm(runner) == 1)


async def test_those_that_wait_longer_are_wanted_anew_by_every_job(tmp_path: Path) -> None:
    async with open_runner(tmp_path, D2, spare_rules=SpareRules(60, 1 << 30, {"diagram": 2})) as runner:
        await draw(runner)
        await wait_for(lambda: warm(runner) == 2)
        first, second = runner.spares
        before = second.watching.deadline
        await draw(runner)
        assert first.is_taken
        assert not second.is_taken
        assert second.watching.deadline > before


async def test_one_that_dies_while_it_waits_is_missed_by_nobody(tmp_path: Path, containment: Any) -> None:
    async with open_runner(tmp_path, D2, containment=containment) as runner:
        await draw(runner)
        await wait_for(lambda: warm(runner) == 1)
        [spare] = runner.spares
        os.kill(spare.child.pids[-1], signal.SIGKILL)
        await wait_for(lambda: spare.let_go.is_set())
        job = await draw(runner)
        assert [attempt.number for attempt in job.attempts] == [1]


@pytest.mark.parametrize("rules", [SpareRules(60, 1 << 30, {"diagram": 0}), SpareRules(60, 0), SpareRules(60, 1 << 20)])
async def test_there_are_no_more_than_the_rules_allow(tmp_path: Path, rules: SpareRules) -> None:
    async with open_runner(tmp_path, D2, spare_rules=rules) as runner:
        await draw(runner)
        await draw(runner)
        assert not list(runner.spares)


async def test_a_kind_gives_way_to_one_that_was_asked_for_later(tmp_path: Path) -> None:
    async with open_runner(tmp_path, D2, MARKDOWN, spare_rules=SpareRules(60, 102 << 20)) as runner:
        await draw(runner)
        await wait_for(lambda: warm(runner) == 1)
        [first] = runner.spares
        text = document("markdown", "x")
        assert (await runner.run(job_type="document", input=text)).status is JobStatus.DONE
        await wait_for(lambda: any(spare.kind.job_type == "document" and spare.memory_bytes for spare in runner.spares))
        assert first.let_go.is_set()


async def test_none_is_made_while_all_slots_are_taken(tmp_path: Path) -> None:
    async with open_runner(tmp_path, D2, SCRIPTED, total=1) as runner:
        gate = tmp_path / "gate"
        first = await runner.submit(job_type="diagram", input=DRAWING)
        second = await runner.submit(job_type="scripted", input=scripted(("wait", str(gate)))["input"])
        await runner.wait(first)
        await runner.wait(second, lambda job: job.status is JobStatus.RUNNING)
        assert not warm(runner)
        gate.touch()
        await runner.wait(second)
        await wait_for(lambda: warm(runner) == 1)


async def test_one_that_does_not_get_warm_is_told_of_and_its_jobs_start_cold(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_runner(tmp_path, BROKEN) as runner:
        for _ in range(2):
            job = await runner.run(job_type="broken", input=DRAWING)
            assert job.error_code == "renderer_failed"
            assert b"no_such_module" in runner.log(job.id)
        await wait_for(lambda: "a spare does not get warm" in caplog.text)
        assert caplog.text.count("a spare does not get warm") == 1
    [told] = [record for record in caplog.records if record.message == "a spare does not get warm"]
    assert "ModuleNotFoundError" in told.__dict__["reason"]


async def test_nothing_is_left_of_a_spare_when_the_runner_ends(tmp_path: Path, containment: Any) -> None:
    before = count_open_files()
    async with open_runner(tmp_path, D2, containment=containment) as runner:
        await draw(runner)
        await wait_for(lambda: warm(runner) == 1)
        marked = find_marked(spare.child.spawn.attempt_id for spare in runner.spares)
        assert marked
        with holding(marked) as held:
            await runner.stop()
            assert warm(runner) == 1
            pidfds = dict(held)
            runner.spares.give_up(next(iter(runner.spares)))
            await wait_for(lambda: all(is_dead(pidfd) for pidfd in pidfds.values()))
    assert count_open_files() == before


def test_the_command_of_a_child_is_what_spares_are_known_by() -> None:
    assert CHILD[0] == sys.executable
    assert DIAGRAM.command(DRAWING)[: len(CHILD)] == CHILD
