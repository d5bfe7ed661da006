"""`nexusctl open`: the result as a private file, in the application that is meant for it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from nexusd.contract.jobs import Job
from tests.acceptance.cli.home import Home, open_gate

pytestmark = pytest.mark.slow


@pytest.fixture
def viewer(shared: Home) -> tuple[str, Path]:
    """A program that notes what it was asked to open, and the note."""
    note = shared.work / "opened"
    program = shared.file("view", f'#!/bin/sh\necho "$@" > {note}\n')
    program.chmod(0o700)
    return f"{program} --page 1", note


def test_a_result_is_opened_as_a_private_file_of_its_name(shared: Home, viewer: tuple[str, Path]) -> None:
    opener, note = viewer
    job = Job.model_validate_json(shared.run("submit", "diagram", "-F", "source=a -> b", "--wait", "--json").stdout)
    done = shared.run("open", job.id[-10:], NEXUSCTL_OPENER=opener)
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.rstrip("\n"))
    assert note.read_text() == f"--page 1 {path}\n"
    assert path.name == job.assets[0].original_filename
    assert path.stat().st_size == job.assets[0].byte_size
    assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(path.parents[1].stat().st_mode) == 0o700
    path.write_bytes(bytes(job.assets[0].byte_size))  # torn, though as long as it should be
    assert job.result_asset_id is not None
    again = shared.run("open", "--print", job.result_asset_id)
    assert (again.returncode, again.stdout, again.stderr) == (0, done.stdout, "")
    assert path.read_bytes().startswith(b"<")


def test_without_a_display_the_path_is_all(shared: Home) -> None:
    shared.run("submit", "diagram", "-F", "source=a -> b", "--wait")
    done = shared.run("open", "-", DISPLAY="", WAYLAND_DISPLAY="")
    assert done.returncode == 0
    assert Path(done.stdout.rstrip("\n")).is_file()
    assert "no display" in done.stderr


def test_what_might_run_is_not_handed_to_the_desktop(shared: Home) -> None:
    shared.file("evil.desktop", "[Desktop Entry]")
    asset = shared.run("asset", "put", "evil.desktop").stdout.strip()
    tools = shared.work / "bin"
    tools.mkdir()
    (tools / "xdg-open").write_text(f"#!/bin/sh\ntouch {shared.work}/run\n")
    (tools / "xdg-open").chmod(0o700)
    done = shared.run("open", asset, DISPLAY=":0", PATH=f"{tools}:/usr/bin:/bin")
    assert done.returncode == 0
    assert "not opened" in done.stderr
    assert not (shared.work / "run").exists()
    shared.file("good.svg", "<svg/>")
    good = shared.run("asset", "put", "good.svg").stdout.strip()
    assert shared.run("open", good, DISPLAY=":0", PATH=f"{tools}:/usr/bin:/bin").returncode == 0
    assert (shared.work / "run").exists()


def test_what_cannot_be_opened_is_told(shared: Home) -> None:
    gate = shared.new_gate()
    job_id = shared.submit_gate(gate)
    early = shared.run("open", job_id)
    assert (early.returncode, early.stdout) == (1, "")
    assert f"wait for it with: nexusctl wait {job_id}" in early.stderr
    open_gate(gate)
    shared.run("wait", job_id)
    for opener, code in (("false", 2), ("no-such-program", 2), ("'", 2), ("true", 0)):
        done = shared.run("open", job_id, NEXUSCTL_OPENER=opener)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), opener
    assert shared.run("open", "nobodys").returncode == 4
    assert shared.run("open", "ffffffffff").returncode == 4
    failed = shared.run("submit", "diagram", "-F", "source=b ->", "--wait").stdout.split()[0]
    assert "failed and has no result" in shared.run("open", failed).stderr
