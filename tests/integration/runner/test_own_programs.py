"""Programs of the settings in the sandbox: each level shows them what they need, and a cancel gives them their grace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nexusd.domain.states import JobStatus
from nexusd.renderer_tables import RendererTable
from nexusd.renderers.own import make_spec
from nexusd.runner.containment import Containment, Level
from tests.support.runners import open_runner, referring, upload

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.spec import RendererSpec

pytestmark = pytest.mark.slow


def own(*command: str, **table: Any) -> RendererSpec:
    known = {"command": list(command), "extensions": [".txt"], "outputs": ["*.txt"], **table}
    return make_spec("script", RendererTable.model_validate(known))


def make_program(folder: Path, text: str) -> Path:
    folder.mkdir()
    program = folder / "frob"
    program.write_text(text)
    program.chmod(0o755)
    return program


async def test_a_program_outside_of_the_system_runs_at_each_level(tmp_path: Path, containment: Containment) -> None:
    program = make_program(tmp_path / "bin", '#!/bin/sh\ncat "$1" "$3" beside.dat >"$2"\necho 50%\n')
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "one").write_text("font ")
    arguments = ["{input}", "{output}", str(tmp_path / "fonts" / "one")]
    spec = own(str(program), *arguments, reads=[str(tmp_path / "fonts")], progress=r"(\d+)%")
    async with open_runner(tmp_path, spec, containment=containment) as runner:
        asset = await upload(runner, b"file", "beside.dat")
        given = referring(asset.id)
        given["input"] = {"source": "text ", "files": {"beside.dat": {"$asset": asset.id}}}
        job = await runner.run(**given)
        assert job.status is JobStatus.DONE, job
        assert job.progress in (0.5, 1.0)
        assert runner.stored(job.assets[0].object_key).read_text() == "text font file"
        assert job.assets[0].content_type == "text/plain"
        assert runner.log(job.id) == b"50%\n"


async def test_a_program_sees_what_the_table_names_and_no_more(tmp_path: Path, bubblewrap: Containment) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    program = make_program(tmp_path / "bin", f'#!/bin/sh\ncat {secret}; cp "$1" "$2"')
    async with open_runner(tmp_path, own(str(program), "{input}", "{output}"), containment=bubblewrap) as runner:
        job = await runner.run(input={"source": "x"})
        assert job.status is JobStatus.DONE, job
        assert b"No such file" in runner.log(job.id)


async def test_term_reaches_the_program_which_has_its_grace(tmp_path: Path, containment: Containment) -> None:
    script = "trap 'echo put away; exit 0' TERM; mkfifo wait; exec 3<>wait; echo 10%; read -r line <&3"
    spec = own("/bin/sh", "-c", script, progress=r"(\d+)%")
    async with open_runner(tmp_path, spec, containment=containment, terminate_grace_seconds=60) as runner:
        job_id = await runner.submit(input={"source": "x"})
        await runner.wait(job_id, lambda job: job.progress == 0.1)
        await runner.cancel(job_id)
        job = await runner.wait(job_id)
        assert job.status is JobStatus.CANCELLED
        assert runner.log(job_id).startswith(b"10%\nput away\n")
        assert runner.find_processes() == set()


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        ("echo line 3: bad >&2; exit 65", "invalid_input", "line 3: bad"),
        ("echo boom; exit 9", "renderer_failed", "boom"),
        ("ulimit -c 0; kill -SEGV $$", "renderer_failed", "crashed with SIGSEGV"),
        ("true", "no_output", "left no file"),
    ],
)
async def test_how_a_program_ends_is_how_its_job_does(tmp_path: Path, script: str, code: str, message: str) -> None:
    async with open_runner(tmp_path, own("/bin/sh", "-c", script), containment=Containment(Level.LIMITS)) as runner:
        job = await runner.run(input={"source": "x"}, max_attempts=1)
        assert (job.error_code, message in str(job.error_message)) == (code, True), job


async def test_what_a_program_leaves_running_does_not_hold_up_its_end(tmp_path: Path) -> None:
    spec = own("/bin/sh", "-c", "mkfifo f; (read x <f) & echo >made.txt; echo 5%", progress=r"(\d)%")
    async with open_runner(tmp_path, spec) as runner:
        job = await runner.run(input={"source": "x"})
        assert (job.status, job.attempts[0].exit_code) == (JobStatus.DONE, 0)
        assert runner.log(job.id) == b"5%\n"
        assert runner.find_processes() == set()


async def test_a_program_that_hangs_is_ended_by_its_timeout(tmp_path: Path) -> None:
    spec = own("/bin/sh", "-c", "mkfifo f; read x <f", timeout_seconds=0.5, progress="(1)%")
    async with open_runner(tmp_path, spec, terminate_grace_seconds=0.1) as runner:
        job = await runner.run(input={"source": "x"}, max_attempts=1)
        assert job.error_code == "timeout"
        assert runner.find_processes() == set()
