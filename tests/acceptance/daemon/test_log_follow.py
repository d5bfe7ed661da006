"""`nexusctl logs --follow` as a program, and a daemon that is killed under it: not a byte is lost, and none comes twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import pytest

from tests.support.daemons import JOBS, Program
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import DONE, Gate, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

NEXUSCTL: Final = str(Path(sys.executable).with_name("nexusctl"))
LINES: Final = 400


@contextmanager
def following(program: Program, job_id: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run nexusctl. It starts no daemon: that is the test's to do."""
    command = [NEXUSCTL, "--no-start", "--socket", str(program.socket), "logs", "--follow", job_id, *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command,
        bufsize=0,  # what is read ahead of a line would be lost to `communicate`
        env=program.variables(),
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def submit(program: Program, *steps: tuple[object, ...]) -> str:
    """Submit a job and return its id."""
    with program.client() as client:
        job_id: str = client.post(JOBS, json=scripted(*steps)).json()["jobId"]
    return job_id


def read_until(stream: IO[bytes] | None, wanted: bytes) -> bytes:
    """Return what comes up to the line with this in it."""
    assert stream is not None
    found = b""
    for line in stream:
        found += line
        if wanted in line:
            return found
    raise AssertionError(f"{wanted!r} never came: {found!r}")


def finish(process: subprocess.Popen[bytes]) -> tuple[int, bytes, str]:
    """Return the exit code and the rest of the output and the errors."""
    out, err = process.communicate(timeout=HANG_SECONDS)
    return process.returncode, out, err.decode()


def logs_of(program: Program, job_id: str) -> bytes:
    """Return the logs of all attempts, one after the other."""
    folder = program.state / "logs" / job_id
    return b"".join((folder / f"{number}.log").read_bytes() for number in range(1, len(list(folder.iterdir())) + 1))


@pytest.mark.parametrize("held", [True, False], ids=["between two lines", "in the flood"])
def test_a_daemon_that_is_killed_under_it_loses_no_byte(home: Path, held: bool) -> None:
    with Program(home) as program, Gate(home / "gate") as gate:
        program.start()
        wait = [("wait", gate.path)]
        lines = [("say", f"line {number} ü") for number in range(LINES)]
        job_id = submit(program, *lines, *(wait if held else []), *lines, *wait, DONE)
        with following(program, job_id, "--raw") as process:
            found = read_until(process.stdout, b"line 399 " if held else b"line 7 ")
            program.kill()
            program.start()
            gate.let_through(4)
            code, rest, err = finish(process)
        assert code == 0, err
        assert found + rest == logs_of(program, job_id)
        assert found + rest != (program.state / "logs" / job_id / "2.log").read_bytes()
        assert "Traceback" not in err
        assert program.stop() == 0


def test_text_is_clean_and_comes_at_once_from_before_the_start(home: Path) -> None:
    with Program(home, environment={"NEXUSD_RUNNING_JOBS": "1"}) as program, Gate(home / "gate") as gate:
        program.start()
        submit(program, ("wait", gate.path), DONE)  # takes the only slot
        job_id = submit(program, ("say", "\x1b[31mred\x1b[0m\nand"), ("wait", gate.path), ("say", "last\x07"), DONE)
        with following(program, job_id) as text, following(program, job_id, "--json") as as_json:
            gate.let_through()
            assert read_until(text.stdout, b"and") == b"red\nand\n"
            assert json.loads(read_until(as_json.stdout, b"and"))["attempt"] == 1
            gate.let_through()
            assert finish(text) == (0, b"last\n", "")
            code, rest, _ = finish(as_json)
        size = len(b"\x1b[31mred\x1b[0m\nand\nlast\x07\n")
        documents = [json.loads(line) for line in rest.splitlines()]
        assert code == 0
        assert documents[0]["text"] == "last\x07\n"
        assert documents[-1] == {"id": size, "event": "end", "attempt": 1, "status": "done", "complete": True}
        assert program.stop() == 0


def test_ctrl_c_ends_it_and_nothing_else(home: Path) -> None:
    with Program(home) as program, Gate(home / "gate") as gate:
        program.start()
        job_id = submit(program, ("say", "first"), ("wait", gate.path), DONE)
        with following(program, job_id) as process:
            read_until(process.stdout, b"first")
            process.send_signal(signal.SIGINT)
            code, _, err = finish(process)
        assert code == 130
        suggested = f"nexusctl --socket {program.socket} logs --follow {job_id}"
        assert err == f"nexusctl: stopped following; job {job_id} is not touched\n  follow it again with: {suggested}\n"
        gate.let_through()
        assert program.follow_until(job_id)["status"] == "done"
        with following(program, job_id) as process:
            assert finish(process) == (0, b"first\n", "")
        silent = submit(program, DONE)
        program.follow_until(silent)
        with following(program, silent) as process:
            assert finish(process) == (0, b"", "nexusctl: nothing was written\n")
        with following(program, "nobody") as process:
            code, _, err = finish(process)
            assert (code, "no job nobody" in err) == (4, True)
        assert program.stop() == 0
