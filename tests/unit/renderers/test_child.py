"""The child: from what an engine raises to the log line and the exit code; progress that can hurt nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nexusd.renderers import child
from nexusd.renderers.job import ChildJob, InvalidInput, RendererFailed, open_job

if TYPE_CHECKING:
    from pathlib import Path


def succeeds(job: ChildJob) -> None:
    (job.out / "result.txt").write_text(job.input["text"])


def refuses(_job: ChildJob) -> None:
    raise InvalidInput("diagram.d2:3:5: no")


def gives_up(_job: ChildJob) -> None:
    raise RendererFailed("the tool is broken")


def runs_out(_job: ChildJob) -> None:
    raise MemoryError


def breaks(_job: ChildJob) -> None:
    raise KeyError("oops")


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "input.json").write_text('{"text": "hello"}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEXUSD_PROGRESS_FD", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("engine", "code", "said"),
    [
        ("succeeds", 0, ""),
        ("refuses", 65, "diagram.d2:3:5: no\n"),
        ("gives_up", 1, "the tool is broken\n"),
        ("runs_out", 71, "the render needs more memory than a job may use\n"),
    ],
)
def test_how_an_engine_ends(workdir: Path, capsys: pytest.CaptureFixture[str], engine: str, code: int, said: str) -> None:
    assert child.run(f"{__name__}:{engine}") == code
    assert capsys.readouterr() == ("", said)


def test_a_bug_is_a_traceback_in_the_log(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert child.run(f"{__name__}:breaks") == 1
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.endswith("KeyError: 'oops'\n")


def test_the_result_is_in_out(workdir: Path) -> None:
    child.run(f"{__name__}:succeeds")
    assert (workdir / "out" / "result.txt").read_text() == "hello"


def test_progress_is_a_json_object_a_line(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    monkeypatch.setenv("NEXUSD_PROGRESS_FD", str(writer))
    job = open_job()
    job.progress(0.25)
    job.progress(7, "far")
    os.close(writer)
    with os.fdopen(reader) as lines:
        assert [json.loads(line) for line in lines] == [{"progress": 0.25}, {"progress": 1.0, "message": "far"}]


@pytest.mark.parametrize("value", [None, "", "nonsense", "-1", "987654"])
def test_progress_that_nobody_can_read_is_no_failure(workdir: Path, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("NEXUSD_PROGRESS_FD", value)
    open_job().progress(0.5)


def test_progress_to_a_reader_that_has_gone_is_no_failure(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setenv("NEXUSD_PROGRESS_FD", str(writer))
    open_job().progress(0.5)
    os.close(writer)


@pytest.mark.parametrize(("target", "said"), [("nexusd.x:draw", "begun, "), ("theirs:draw", "begun, ended")])
def test_all_that_was_said_is_written_and_only_the_engines_of_others_have_an_interpreters_end(target: str, said: str) -> None:
    code = f"""
import atexit, sys
from nexusd.renderers.child import leave
atexit.register(print, "ended", end="")
sys.stdout.write("begun, ")
sys.stderr.write("a warning")
leave({target!r}, 65)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (65, said, "a warning")
