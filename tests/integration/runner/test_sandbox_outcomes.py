"""What a child does at each level, and what its job is called for it: codes and signals are told truly, each end is exact."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio

from nexusd.domain.states import ErrorCode, JobStatus
from nexusd.runner.verdict import CRASH_SIGNALS
from tests.support.processes import children
from tests.support.renderers import program, python, shell
from tests.support.runners import open_runner

if TYPE_CHECKING:
    from nexusd.contract.jobs import Job
    from nexusd.renderers.spec import RendererSpec
    from nexusd.runner.containment import Containment

pytestmark = pytest.mark.slow

HARMLESS: Final = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
STOPPING: Final = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
FATAL: Final = set(range(1, 65)) - HARMLESS - STOPPING
SIGNAL_CODES: Final = {
    **dict.fromkeys(FATAL, ErrorCode.KILLED),
    **dict.fromkeys(CRASH_SIGNALS, ErrorCode.RENDERER_FAILED),
    signal.SIGXFSZ: ErrorCode.OUTPUT_TOO_LARGE,
    signal.SIGXCPU: ErrorCode.TIMEOUT,
}
EXIT_CODES: Final = {
    0: ErrorCode.NO_OUTPUT,
    65: ErrorCode.INVALID_INPUT,
    71: ErrorCode.OUT_OF_MEMORY,
    **dict.fromkeys([1, 2, 125, 126, 127, 128, 129, 137, 143, 192, 255], ErrorCode.RENDERER_FAILED),
}


def commanded(argv: list[str]) -> RendererSpec:
    """Return a renderer whose last argument is in the input."""
    spec = shell("")
    object.__setattr__(spec, "command", lambda job_input: [*argv, str(job_input["number"])])
    return spec


async def run_each(directory: Path, spec: RendererSpec, containment: Containment, numbers: set[int]) -> dict[int, Job]:
    jobs: dict[int, Job] = {}
    async with open_runner(directory, spec, containment=containment, total=4) as runner:

        async def run(number: int) -> None:
            jobs[number] = await runner.run(input={"number": number}, max_attempts=1)

        async with trio.open_nursery() as nursery:
            for number in numbers:
                nursery.start_soon(run, number)
        assert os.listdir(directory / "work") == []
        assert children() == set()
    return jobs


async def test_every_signal_is_told_truly(tmp_path: Path, containment: Containment) -> None:
    spec = commanded(["/bin/sh", "-c", 'kill -"$0" $$'])
    jobs = await run_each(tmp_path, spec, containment, FATAL)
    assert {number: job.error_code for number, job in jobs.items()} == SIGNAL_CODES
    assert {number: (job.attempts[0].exit_code, job.attempts[0].signal) for number, job in jobs.items()} == {
        number: (None, number) for number in FATAL
    }


async def test_every_exit_code_is_told_truly(tmp_path: Path, containment: Containment) -> None:
    jobs = await run_each(tmp_path, commanded(["/bin/sh", "-c", 'exit "$0"']), containment, set(EXIT_CODES))
    assert {number: job.error_code for number, job in jobs.items()} == EXIT_CODES
    assert {number: (job.attempts[0].exit_code, job.attempts[0].signal) for number, job in jobs.items()} == {
        number: (number, None) for number in EXIT_CODES
    }


OUT: Final = "made = 'out/x.txt'\n"
ENDS: Final[dict[str, tuple[RendererSpec, str, str]]] = {
    "no output": (shell(":"), "no_output", "left no file in out"),
    "a symlink": (python(OUT + "os.symlink('/etc/passwd', made)"), "no_output", "not a plain file"),
    "a pipe": (python(OUT + "os.mkfifo(made)"), "no_output", "not a plain file"),
    "a device": (python(OUT + "os.mknod(made, 0o060600, os.makedev(1, 1))"), "", ""),
    "a folder": (python(OUT + "os.mkdir(made)"), "no_output", "not a plain file"),
    "out of memory": (
        python("bytearray(2**31)", memory_max_bytes=2**29),
        "renderer_failed",  # the tool's own failure; ours say 71
        "MemoryError",
    ),
    "a file that is too large": (
        shell("exec head -c 3000000 /dev/zero > out/x.txt"),
        "output_too_large",
        "larger than is allowed|more than the limit",
    ),
    "processor time": (
        python("import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass"),
        "timeout",
        "more processor time",
    ),
    "no such program": (program(["/no/such/program"]), "renderer_unavailable", "cannot run /no/such/program: No such file"),
    "no such name": (program(["no-such-program"]), "renderer_unavailable", "cannot run no-such-program: No such file"),
    "a name on the path": (program(["true"]), "no_output", "left no file in out"),
    "no permission": (program(["/etc/passwd"]), "renderer_unavailable", "cannot run /etc/passwd: Permission denied"),
    "a folder for a program": (program(["/etc"]), "renderer_unavailable", "cannot run /etc: Permission denied"),
}
DEVICE: Final = {"bubblewrap": ("renderer_failed", "PermissionError"), "landlock": ("renderer_failed", "PermissionError")}


@pytest.mark.parametrize("name", ENDS)
async def test_an_end_has_its_code(tmp_path: Path, containment: Containment, name: str) -> None:
    spec, code, message = ENDS[name]
    if not code:
        code, message = DEVICE.get(containment.level.value, ("no_output", "not a plain file"))
    async with open_runner(tmp_path, spec, containment=containment, output_max_bytes=2**21) as runner:
        job = await runner.run(max_attempts=1)
        assert (job.status, job.error_code) == (JobStatus.FAILED, code), job
        assert re.search(message, str(job.error_message)), job.error_message
        assert os.listdir(tmp_path / "work") == []
        assert children() == set()


def foreign_head() -> bytes:
    """Return how a program for RISC-V begins, or for Alpha where that is our own."""
    head = Path(sys.executable).resolve().read_bytes()[:64]
    return head[:18] + (b"\x26\x90" if head[18] == 0xF3 else b"\xf3\x00") + head[20:]


FILES: Final[dict[str, tuple[bytes, str]]] = {
    "nothing": (b"", "Exec format error"),
    "garbage": (b"\x00\x01\x02", "Exec format error"),
    "a script without a first line": (b"echo hello\n", "Exec format error"),
    "another machine's": (foreign_head(), "Exec format error"),
    "an interpreter that is not there": (b"#!/no/such/interpreter -x\n", "No such file"),
    "no interpreter": (b"#!\n", "Exec format error"),
    "a script": (b"#!/bin/sh\nexit 65\n", ""),
}


@pytest.mark.parametrize("name", FILES)
async def test_what_cannot_be_run_is_unavailable(tmp_path: Path, containment: Containment, name: str) -> None:
    content, reason = FILES[name]
    file = tmp_path / "program"
    file.write_bytes(content)
    file.chmod(0o700)
    async with open_runner(tmp_path, program([str(file)]), containment=containment) as runner:
        job = await runner.run(max_attempts=1)
    if reason:
        assert job.error_code == "renderer_unavailable", job
        assert f"cannot run {file}: {reason}" in str(job.error_message)
    else:
        assert job.error_code == "invalid_input", job


async def test_a_memory_error_of_ours_is_called_so(tmp_path: Path, containment: Containment) -> None:
    code = "import nexusd.renderers.child as c; c.load = lambda _: (lambda job: bytearray(2**31)); sys.exit(c.run('x:y'))"
    spec = program([sys.executable, "-I", "-c", "import sys; " + code], memory_max_bytes=2**29)
    async with open_runner(tmp_path, spec, containment=containment) as runner:
        job = await runner.run(max_attempts=1)
        assert (job.error_code, job.attempts[0].exit_code) == ("out_of_memory", 71), job


async def test_a_slot_is_free_after_every_end(tmp_path: Path, containment: Containment) -> None:
    def command(job_input: dict[str, Any]) -> list[str]:
        return list(job_input["argv"])

    spec = shell("")
    object.__setattr__(spec, "command", command)
    ends = [["/bin/false"], ["/no/such"], ["/bin/sh", "-c", "kill -9 $$"], ["/bin/sh", "-c", "echo x > out/x.txt"]]
    async with open_runner(tmp_path, spec, containment=containment, total=1) as runner:
        ids = [await runner.submit(input={"argv": argv}, max_attempts=1) for argv in ends]
        codes = [(await runner.wait(job_id)).error_code for job_id in ids]
    assert codes == ["renderer_failed", "renderer_unavailable", "killed", None]
