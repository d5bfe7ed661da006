"""What a child does, and what its job is called for it: each end has its exact errorCode, and nothing is left behind."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import signal
import stat
from typing import TYPE_CHECKING, Any

import pytest
import trio

from nexusd.domain.states import ErrorCode, JobStatus
from nexusd.runner.containment import Level
from tests.support.renderers import program, python, shell
from tests.support.runners import open_runner

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.contract.jobs import Job
    from nexusd.renderers.spec import RendererSpec
    from nexusd.runner.containment import Containment

CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS}
BOUNDS: dict[int, ErrorCode] = {signal.SIGXFSZ: ErrorCode.OUTPUT_TOO_LARGE, signal.SIGXCPU: ErrorCode.TIMEOUT}
HARMLESS = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
STOPPING = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}


async def test_rows_and_files_of_a_success_agree(tmp_path: Path) -> None:
    spec = python("""
put("b.BIN", b"second" * 50_000); put("a.txt", b"first"); put("c", b""); put("\\u00fc \\u202e.txt", b"fourth")
tell(0.5, "half"); print("said"); print("complained", file=sys.stderr)
""")
    async with open_runner(tmp_path, spec) as runner:
        job = await runner.run(source_task_id="task 7")
        assert (job.status, job.progress, job.attempts_used, job.error_code) == (JobStatus.DONE, 1.0, 1, None)
        assert [asset.original_filename for asset in job.assets] == ["a.txt", "b.BIN", "c", "\u00fc \u202e.txt"]
        types = ["text/plain", "application/x-made", "application/octet-stream", "text/plain"]
        assert [asset.content_type for asset in job.assets] == types
        assert job.result_asset_id == job.assets[0].id
        for asset, content in zip(job.assets, [b"first", b"second" * 50_000, b"", b"fourth"], strict=True):
            file = runner.stored(asset.object_key)
            assert file.read_bytes() == content
            assert (asset.byte_size, asset.sha256) == (len(content), hashlib.sha256(content).hexdigest())
            assert stat.S_IMODE(file.stat().st_mode) == 0o400
            assert (asset.job_id, asset.source_task_id, asset.namespace) == (job.id, "task 7", "generated/script")
        [attempt] = job.attempts
        assert (attempt.outcome, attempt.exit_code, attempt.signal) == ("done", 0, None)
        assert attempt.cpu_seconds is not None
        assert attempt.cpu_seconds < 10
        assert sorted(runner.log(job.id).split()) == [b"complained", b"said"]
    check_nothing_is_left(tmp_path)


@pytest.mark.slow
async def test_a_result_says_where_it_came_from_and_is_what_its_bytes_are(tmp_path: Path) -> None:
    spec = python(
        """
if not os.path.exists(INPUT["mark"]):
    open(INPUT["mark"], "w"); sys.exit(70)
put("a.svg", b"<svg width='30' height='20'></svg>"); put("b.png", b"no picture"); put("c.txt", b"<html><script>")
put("d.txt", b"words"); put("e", b"%PDF-1.7")
""",
        outputs={".svg": "image/svg+xml", ".png": "image/png", ".txt": "text/plain"},
        own_version="7",
        tools=("trio", "no-such-tool"),
    )
    async with open_runner(tmp_path, spec) as runner:
        job_input = {"mark": str(tmp_path / "mark"), "text": "grüße"}
        first = await runner.run(input=job_input)
        job = await runner.run(input=job_input)
        assert (first.status, job.status) == (JobStatus.FAILED, JobStatus.DONE)
        [stored_input] = runner.store.ask("SELECT input FROM content_jobs WHERE id = ?", job.id)[0]
    types = ["image/svg+xml", "application/octet-stream", "text/html", "text/plain", "application/pdf"]
    assert [asset.content_type for asset in job.assets] == types
    sizes = [(30, 20), (None, None), (None, None), (None, None), (None, None)]
    for asset, (width, height) in zip(job.assets, sizes, strict=True):
        assert (asset.attempt, asset.job_id) == (job.attempts[-1].number, job.id)
        assert asset.provenance is not None
        assert asset.provenance.model_dump(exclude_none=True) == {
            "job_type": "script",
            "renderer_version": "7",
            "tools": {"trio": trio.__version__},
            "input_sha256": hashlib.sha256(stored_input.encode()).hexdigest(),
            **({} if width is None else {"width": width, "height": height}),
        }


@pytest.mark.slow
async def test_the_peak_of_memory_is_the_childs_own_or_not_said(tmp_path: Path, containment: Containment) -> None:
    spec = python("block = b'x' * INPUT['bytes']; put('x.txt')")
    # bubblewrap is our child: our own peak is counted as its until its exec. The launcher is a small program between.
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    async with open_runner(tmp_path, spec, containment=containment) as runner:
        [small] = (await runner.run(input={"bytes": 1})).attempts
        [large] = (await runner.run(input={"bytes": ours + 2**26})).attempts
    if containment.level is Level.BUBBLEWRAP:
        assert small.peak_memory_bytes is None
    else:
        assert small.peak_memory_bytes is not None
        assert small.peak_memory_bytes < ours
    assert large.peak_memory_bytes is not None
    assert ours + 2**26 < large.peak_memory_bytes < ours + 2**27


def check_nothing_is_left(directory: Path) -> None:
    assert list((directory / "work").iterdir()) == []
    assert not [
        name for name in os.listdir(directory / "assets") if name == ".incoming" and os.listdir(directory / "assets" / name)
    ]


OUT = "made = 'out/x.txt'\n"
ENDS: dict[str, tuple[RendererSpec, str, str]] = {
    "bad input": (shell("echo 'line 3: unknown shape' >&2; exit 65"), "invalid_input", "^line 3: unknown shape$"),
    "bad input, silent": (shell("exit 65"), "invalid_input", "rejects the input and does not say why"),
    "out of memory": (shell("exit 71"), "out_of_memory", "needs more memory than a job may use"),
    "failure": (shell("echo warming up; echo 'disk on fire' >&2; exit 3"), "renderer_failed", "warming up\ndisk on fire$"),
    "failure, silent": (shell("exit 3"), "renderer_failed", "ended with exit code 3 and said nothing"),
    "failure after output": (shell("echo x > out/x.txt; exit 1"), "renderer_failed", "exit code 1"),
    "escapes": (shell(r"printf '\033[31mred\033[0m \377\000 \033]0;title\007end\n'; exit 1"), "renderer_failed", "^red � end$"),
    "missing tool": (shell("exit 127", missing=lambda: "install frob"), "renderer_unavailable", "^install frob$"),
    "no output": (shell(":"), "no_output", "left no file in out"),
    "symlink": (python(OUT + "os.symlink('/etc/passwd', made)"), "no_output", r"^out/x.txt is not a plain file$"),
    "fifo": (python(OUT + "os.mkfifo(made)"), "no_output", "not a plain file"),
    "folder": (python(OUT + "os.mkdir(made)"), "no_output", "not a plain file"),
    "hard link": (python(OUT + "put('../y'); os.link('y', made)"), "no_output", "x.txt"),
    "broken name": (python("os.mkdir(b'out/\\xff')"), "no_output", r"^out/\? is not a plain file$"),
    "out is a link": (python("os.rmdir('out'); os.symlink('/etc', 'out')"), "no_output", "out folder"),
    "out is a file": (python("os.rmdir('out'); open('out', 'w')"), "no_output", "out folder"),
    "out is gone": (python("os.rmdir('out')"), "no_output", "out folder"),
    "too many files": (python("[put(str(n)) for n in range(101)]"), "output_too_large", "more than 100 files"),
    "too large": (
        shell("exec head -c 2000 /dev/zero > out/x.txt"),
        "output_too_large",
        "larger than is allowed|more than the limit",
    ),
    "no such program": (program(["/no/such/program"]), "renderer_unavailable", "cannot run /no/such/program: No such file"),
    "no permission": (program(["/etc/passwd"]), "renderer_unavailable", "cannot run /etc/passwd: Permission denied"),
    "a folder": (program(["/etc"]), "renderer_unavailable", "cannot run /etc: Permission denied"),
    "a broken command": (program(["/bin/echo", "\0"]), "internal", "could not run this job"),
}


@pytest.mark.parametrize("name", ENDS)
async def test_an_end_has_its_code(tmp_path: Path, name: str) -> None:
    spec, code, message = ENDS[name]
    async with open_runner(tmp_path, spec, output_max_bytes=1000) as runner:
        await check_failure(await runner.run(max_attempts=1), code, message)
    check_nothing_is_left(tmp_path)


async def check_failure(job: Job, code: str, message: str = "") -> None:
    assert (job.status, job.error_code) == (JobStatus.FAILED, code), job
    assert job.error_message is not None
    assert re.search(message, job.error_message), job.error_message
    assert [(attempt.outcome, attempt.message) for attempt in job.attempts] == [(code, job.error_message)]
    assert job.assets == []


async def test_a_file_that_is_no_program_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "program"
    file.write_bytes(b"\x00\x01\x02 no format that a kernel knows")
    file.chmod(0o700)
    async with open_runner(tmp_path, program([str(file)])) as runner:
        await check_failure(await runner.run(), "renderer_unavailable", f"cannot run {file}: Exec format error")


async def test_a_result_may_have_any_name(tmp_path: Path) -> None:
    spec = python("put(b'\\xff\\n\\x1b.txt'.decode('utf-8', 'surrogateescape')); put('x' * 250 + '.txt'); put('.hidden')")
    async with open_runner(tmp_path, spec) as runner:
        job = await runner.run()
        assert [asset.original_filename for asset in job.assets] == [".hidden", "x" * 250 + ".txt", "\ufffd\n\x1b.txt"]
        assert all(runner.stored(asset.object_key).read_bytes() == b"made" for asset in job.assets)


@pytest.mark.slow
async def test_every_signal_has_its_code(tmp_path: Path) -> None:
    def command(job_input: dict[str, Any]) -> list[str]:
        return ["/bin/sh", "-c", f"kill -{job_input['signal']} $$"]

    spec = shell("")
    object.__setattr__(spec, "command", command)
    jobs: dict[int, Job] = {}
    async with open_runner(tmp_path, spec, total=4) as runner:

        async def run(number: int) -> None:
            jobs[number] = await runner.run(input={"signal": number}, max_attempts=1)

        async with trio.open_nursery() as nursery:
            for number in set(range(1, 65)) - HARMLESS - STOPPING:
                nursery.start_soon(run, number)
    for number, job in jobs.items():
        code = ErrorCode.RENDERER_FAILED if number in CRASHES else BOUNDS.get(number, ErrorCode.KILLED)
        await check_failure(job, code)
        assert (job.attempts[0].signal, job.attempts[0].exit_code) == (number, None)
    assert len(jobs) == 64 - len(HARMLESS) - len(STOPPING)


@pytest.mark.slow
async def test_a_child_that_is_killed_from_outside_is_tried_again(tmp_path: Path) -> None:
    spec = python("""
if os.path.exists(INPUT["mark"]):
    put("x.txt")
else:
    open(INPUT["mark"], "w").close()
    tell(0.7, str(os.getpid()))
    wait()
""")
    async with open_runner(tmp_path, spec) as runner:
        job_id = await runner.submit(input={"mark": str(tmp_path / "mark")})
        [pid] = await runner.wait_told(job_id)
        os.kill(pid, signal.SIGKILL)
        waiting = await runner.wait(job_id, lambda job: job.status is JobStatus.QUEUED)
        assert waiting.available_at is not None
        assert 0.4 <= (waiting.available_at - waiting.updated_at).total_seconds() <= 1.0
        assert (waiting.progress, waiting.attempts_used) == (None, 1)
        job = await runner.wait(job_id)
        assert (job.status, job.attempts_used, [attempt.outcome for attempt in job.attempts]) == ("done", 2, ["killed", "done"])
        assert job.attempts[1].started_at >= waiting.available_at
        assert len(runner.log(job_id, 2)) == 0
