"""A program of the settings as a renderer: runs it, passes its words on, reads its progress, collects what it leaves.

The program runs in the work directory, without a shell, with the source as `source.EXT` and the job's files beside it. What it
writes goes to the log as it comes. Its exit code becomes ours, so it may use those of the protocol (`job.py`): 65 is a wrong
input. Of what it leaves, the files that the globs match are moved to `out/`, or stay there; the rest is no result.

TERM reaches the program by itself, as all of the tree; this process only waits for it to end in order.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nexusd.domain.placeholders import PLACEHOLDER
from nexusd.renderers.engines.source import asset_file, read_source
from nexusd.renderers.job import (
    ASSETS_NAME,
    CAPS_VARIABLE,
    INPUT_NAME,
    OUT_NAME,
    PROGRAM_VARIABLE,
    SOURCE_STEM,
    TEMPORARY_NAME,
    RendererFailed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nexusd.renderers.job import ChildJob

CHUNK_BYTES: Final = 64 * 1024
LINE_MAX_BYTES: Final = 4096
SHOWN_MAX: Final = 10
LINE_ENDS: Final = re.compile(rb"[\r\n]+")
NUMBER: Final = re.compile(r"[0-9][0-9,_ ]*(?:\.[0-9]+)?|\.[0-9]+")


class Program(NamedTuple):
    """What `renderers.own` tells of a table."""

    name: str
    command: list[str]
    extensions: list[str]
    outputs: dict[str, str]
    """Globs, and the extension that each stands for."""
    progress: str | None


def render(job: ChildJob) -> None:
    """Run the program on the job's source."""
    program = Program(**json.loads(os.environ[PROGRAM_VARIABLE]))
    source = place_source(job, program)
    came = {INPUT_NAME, source.name, *place_files(job)}
    wanted = job.input.get("format") or next(iter(program.outputs.values())).removeprefix(".")
    values = {**job.input, "input": source, "output": job.out / f"{program.name}.{wanted}", "format": wanted}
    argv = [program.command[0], *(fill(argument, values) for argument in program.command[1:])]
    code = run(argv, job, program.progress)
    if code:
        end_like(code)
    globs = [glob for glob, extension in program.outputs.items() if job.input.get("format") in (None, extension[1:])]
    collect(job, globs, came)


def fill(argument: str, values: dict[str, Any]) -> str:
    """Return an argument with its placeholders replaced; two braces stand for one."""
    return PLACEHOLDER.sub(lambda found: found[0][0] if found[1] is None else text_of(values[found[1]]), argument)


def text_of(value: object) -> str:
    """Return a value as an argument shows it: true and false are written as most programs write them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def place_source(job: ChildJob, program: Program) -> Path:
    """Put the source where the program finds it; return its path.

    An asset is neither copied nor read here, so its size has no bound but that of assets; it cannot be written to.
    """
    source = job.input["source"]
    extension = job.input.get("extension")
    if isinstance(source, str):
        target = job.workdir / f"{SOURCE_STEM}{extension or program.extensions[0]}"
        target.write_text(read_source(job, target.name), "utf-8", newline="")
        return target
    file = asset_file(job, source)
    fitting = [known for known in program.extensions if file.name.lower().endswith(known)]
    target = job.workdir / f"{SOURCE_STEM}{extension or max(fitting, key=len, default=program.extensions[0])}"
    target.symlink_to(file)
    return target


def place_files(job: ChildJob) -> set[str]:
    """Put the files that the source names beside it; return their paths."""
    references = job.input.get("files", {})
    for path, reference in references.items():
        target = job.workdir / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(asset_file(job, reference))
    return set(references)


def run(argv: list[str], job: ChildJob, progress: str | None) -> int:
    """Run a program to its end; return its exit code, or -n for signal n."""
    is_told = False
    process: subprocess.Popen[bytes] | None = None

    def note(_number: int, _frame: object) -> None:
        nonlocal is_told
        is_told = True

    signal.signal(signal.SIGTERM, note)
    try:
        process = subprocess.Popen(
            argv,
            cwd=job.workdir,
            env={name: value for name, value in os.environ.items() if name not in (PROGRAM_VARIABLE, CAPS_VARIABLE)},
            stdin=subprocess.DEVNULL,
            stdout=None if progress is None else subprocess.PIPE,
            stderr=None if progress is None else subprocess.STDOUT,
            pass_fds=() if job.progress_fd is None else (job.progress_fd,),
        )
    except OSError as error:
        raise RendererFailed(f"{argv[0]} cannot be run: {error.strerror}") from None
    if is_told:  # before there was a program to hear it
        process.terminate()
    if progress is not None:
        follow(process, job, re.compile(progress))
    return process.wait()


def follow(process: subprocess.Popen[bytes], job: ChildJob, progress: re.Pattern[str]) -> None:
    """Pass on what a program says, until it ends or closes its output, and tell its progress.

    A line ends with a newline or a carriage return: a progress bar writes its line anew.
    """
    assert process.stdout is not None
    told, rest = 0.0, b""
    for chunk in read_until_end(process, process.stdout.fileno()):
        pass_on(chunk)
        *lines, rest = LINE_ENDS.split(rest + chunk)
        for line in lines:
            fraction = read_progress(line[-LINE_MAX_BYTES:].decode("utf-8", "replace"), progress)
            if fraction is not None and fraction > told:
                told = fraction
                job.progress(told)
        rest = rest[-LINE_MAX_BYTES:]


def read_until_end(process: subprocess.Popen[bytes], output: int) -> Iterator[bytes]:
    """Yield what comes. What the program has started may hold its output open for ever: its own end is the end."""
    os.set_blocking(output, False)
    ended = os.pidfd_open(process.pid)
    poll = select.poll()
    poll.register(output, select.POLLIN)
    poll.register(ended, select.POLLIN)
    try:
        while True:
            is_over = any(descriptor == ended for descriptor, _ in poll.poll())
            while (chunk := read_now(output)) is not None:
                if not chunk:
                    return
                yield chunk
            if is_over:
                return
    finally:
        os.close(ended)


def read_now(descriptor: int) -> bytes | None:
    """Return what can be read at once: nothing at the end, None when there is nothing yet."""
    try:
        return os.read(descriptor, CHUNK_BYTES)
    except BlockingIOError:
        return None


def pass_on(chunk: bytes) -> None:
    """Write to the log, whole; when nobody reads it any more the program goes on without."""
    try:
        while chunk:
            chunk = chunk[os.write(sys.stdout.fileno(), chunk) :]
    except OSError:
        return


def read_progress(line: str, pattern: re.Pattern[str]) -> float | None:
    """Return the fraction that a line tells, or None.

    Two groups are done and total. One is a percentage, but for a number up to 1 with a decimal point and no percent sign.
    """
    found = pattern.search(line)
    if found is None:
        return None
    values = [number for text in found.groups() if (number := to_number(text)) is not None]
    if len(values) != pattern.groups:
        return None
    if len(values) > 1:
        done, total = values
        return min(done / total, 1.0) if total else None
    [value] = values
    is_percentage = line[found.end(1) :].lstrip().startswith("%") or "." not in found[1] or value > 1
    return min(value / 100 if is_percentage else value, 1.0)


def to_number(text: str | None) -> float | None:
    """Return the number in a group: `1,024` and `42%` are ones."""
    found = NUMBER.search(text or "")
    return None if found is None else float(re.sub("[,_ ]", "", found[0]))


def collect(job: ChildJob, globs: list[str], came: set[str]) -> None:
    """Let `out/` hold what the globs match, of all that is new in the work directory, and nothing else."""
    kept = job.workdir / f".{OUT_NAME}-{os.urandom(4).hex()}"
    kept.mkdir()
    for file in list(dict.fromkeys(file for glob in globs for file in find(job, glob, came))):
        shutil.move(file, kept / free_name(kept, file.relative_to(job.out if file.is_relative_to(job.out) else job.workdir)))
    if not any(kept.iterdir()):
        left = sorted(str(file.relative_to(job.workdir)) for file in walk(job, came))
        say(f"the program left no file that {' '.join(globs)} matches; it left: {', '.join(left[:SHOWN_MAX]) or 'nothing'}")
    if job.out.is_dir() and not job.out.is_symlink():
        shutil.rmtree(job.out)
    else:
        job.out.unlink(missing_ok=True)
    kept.rename(job.out)


def free_name(folder: Path, path: Path) -> str:
    """Return what a result is called: by its name, with the folders before it, or more, where that is taken."""
    name = path.name if not (folder / path.name).exists() else "-".join(path.parts)
    while (folder / name).exists():
        name = f"more-{name}"
    return name


def find(job: ChildJob, glob: str, came: set[str]) -> Iterator[Path]:
    """Yield the plain files that a glob matches in `out/` and in the work directory, in the order of their names.

    Nothing is found by way of a link, which may lead out of the directory.
    """
    root = os.path.realpath(job.workdir)
    for folder in (job.out, job.workdir):
        for file in sorted(folder.glob(glob)):
            is_there = os.path.realpath(file) == os.path.join(root, file.relative_to(job.workdir))
            if is_there and file.is_file() and is_new(job, file, came):
                yield file


def walk(job: ChildJob, came: set[str]) -> Iterator[Path]:
    """Yield every file that was not there before."""
    return (file for file in job.workdir.rglob("*") if file.is_file() and is_new(job, file, came))


def is_new(job: ChildJob, file: Path, came: set[str]) -> bool:
    """Whether a file did not come with the job."""
    path = file.relative_to(job.workdir)
    return str(path) not in came and path.parts[0] not in (ASSETS_NAME, TEMPORARY_NAME)


def end_like(code: int) -> None:
    """End as the program did: with its exit code, or by the signal that ended it."""
    if code > 0:
        sys.exit(code)
    number = -code
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def say(text: str) -> None:
    """Write a line to the log."""
    sys.stderr.write(text + "\n")
