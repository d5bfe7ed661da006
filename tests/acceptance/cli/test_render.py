"""`nexusctl render`, the main job: real files in, right files out, and what happens when something is wrong."""

from __future__ import annotations

import json
import struct
import subprocess
import zlib
from typing import TYPE_CHECKING

import pytest

from nexusd.contract.jobs import Job
from tests.acceptance.cli.home import NEXUSCTL, finish
from tests.support.patience import HANG_SECONDS

if TYPE_CHECKING:
    from tests.acceptance.cli.home import Home

pytestmark = pytest.mark.slow

FLOW = "a -> b: hello\nb -> c\n"


def png(colour: bytes = b"\xff\x00\x00") -> bytes:
    """Return a picture of 8 x 8 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + colour * 8 for _ in range(8))
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_diagram_is_rendered_by_a_daemon_that_is_started_for_it(home: Home) -> None:
    home.file("flow.d2", FLOW)
    done = home.run("render", "flow.d2", "-o", "flow.svg")
    assert (done.returncode, done.stdout) == (0, "flow.svg\n")
    assert "<svg" in (home.work / "flow.svg").read_text()
    first, *others = done.stderr.splitlines()
    assert first == f"nexusctl: started nexusd (pid {home.daemon_pid()}), it ends after 10 minutes without work"
    assert others[0].startswith("nexusctl: submitted job ")
    assert "nexusctl: running" in others
    assert sorted(path.name for path in home.work.iterdir()) == ["flow.d2", "flow.svg"]


@pytest.mark.parametrize(("out", "start"), [("flow.png", b"\x89PNG"), ("flow.pdf", b"%PDF"), ("flow.svg", b"<")])
def test_the_extension_decides_the_format(shared: Home, out: str, start: bytes) -> None:
    shared.file("flow.d2", FLOW)
    assert shared.run("render", "flow.d2", "-o", out).returncode == 0
    assert (shared.work / out).read_bytes().startswith(start)


def test_a_document_takes_its_pictures_along_once(home: Home) -> None:
    home.file("doc/pictures/a b.png", png())
    home.file("doc/same.png", png())
    home.file("outside.png", png(b"\x00\xff\x00"))
    home.file("doc/doc.md", "# Title\n\n![x](pictures/a%20b.png) ![y](../outside.png)\n\n<img src='same.png'>\n")
    done = home.run("render", "doc/doc.md")
    assert (done.returncode, done.stdout) == (0, "doc/doc.pdf\n")
    assert "not sent along: ../outside.png: outside of the document's folder" in done.stderr
    assert b"/Image" in (home.work / "doc" / "doc.pdf").read_bytes()
    assert home.run("render", "doc/doc.md").returncode == 0
    jobs = [home.result("show", each["id"]) for each in home.result("ls")["items"]]
    first, second = (each["input"]["files"] for each in jobs)
    assert first == second
    assert set(first) == {"pictures/a b.png", "same.png"}
    assert first["same.png"] == first["pictures/a b.png"], "the same bytes are one asset"
    assert home.result("status")["assets"] == 3, "two results and one picture"


def test_what_is_made_is_traceable_to_the_task_that_asked(shared: Home) -> None:
    shared.file("flow.d2", FLOW)
    made = shared.result("render", "flow.d2", "-o", "flow.svg", "--source-task", "chat-42")
    assert made["sourceTaskId"] == "chat-42"
    assert [asset["sourceTaskId"] for asset in made["assets"]] == ["chat-42"]
    assert made["id"] in shared.run("ls", "--task", "chat-42").stdout


def test_a_long_source_goes_as_an_asset(shared: Home) -> None:
    shared.file("long.md", "# Long\n\n" + "<!-- nothing to see -->\n" * 50_000)
    assert shared.run("render", "long.md").returncode == 0
    newest = shared.run("ls", "-q", "--limit", "1").stdout.strip()
    assert set(shared.result("show", newest)["input"]["source"]) == {"$asset"}


def test_typst_with_a_picture_and_an_include(shared: Home) -> None:
    shared.file("part.typ", '#image("a.png")')
    shared.file("a.png", png())
    shared.file("doc.typ", '= Title\n#include "part.typ"')
    assert shared.run("render", "doc.typ").returncode == 0
    assert b"/Image" in (shared.work / "doc.pdf").read_bytes()


def test_from_standard_input_to_standard_output(shared: Home) -> None:
    done = shared.run("render", "-", "--type", "d2", "-o", "-", "-q", input=FLOW)
    assert done.returncode == 0
    assert "<svg" in done.stdout
    assert done.stderr == ""


def test_json_is_the_job(shared: Home) -> None:
    shared.file("flow.d2", FLOW)
    done = shared.run("render", "flow.d2", "--json")
    job = Job.model_validate_json(done.stdout)
    assert (job.status, job.job_type) == ("done", "diagram")
    assert job.result_asset_id in {asset.id for asset in job.assets}


def test_an_input_the_renderer_rejects_fails_with_its_words(shared: Home) -> None:
    shared.file("bad.d2", "a -> -> b: {\n")
    shared.file("bad.svg", "keep me")
    done = shared.run("render", "bad.d2", "--verbose")
    assert (done.returncode, done.stdout) == (1, "")
    assert "invalid_input" in done.stderr
    assert "1:1" in done.stderr, "the place in the source"
    assert "nexusctl show " in done.stderr
    assert (shared.work / "bad.svg").read_text() == "keep me"


def test_usage_errors_come_before_anything_is_contacted(home: Home) -> None:
    home.file("flow.d2", FLOW)
    home.file("latin.md", b"\xe4")
    for arguments in (
        ["no-such-file.d2"],
        ["."],
        ["latin.md"],
        ["flow.d2", "-o", "no/such/folder.svg"],
        ["flow.d2", "-o", "flow.gif"],
        ["flow.d2", "-o", "flow.d2", "--format", "svg"],
        ["flow.d2", "--set", "scale"],
        ["flow.d2", "--set", "=2"],
        ["--type", "theme"],
        ["flow.d2", "--example", "d2"],
        ["--example", "d2", "--format", "png"],
        ["flow.d2", "--no-such-option"],
        ["flow.d2", "--source-task", ""],
        [],
    ):
        done = home.run("render", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert "Traceback" not in done.stderr
    assert not home.socket.parent.exists(), "no daemon was started, no folder made"


def test_a_pipe_is_a_target_and_survives(shared: Home) -> None:
    shared.file("flow.d2", FLOW)
    pipe = shared.new_gate("pipe.svg")
    rendering = shared.start("render", "flow.d2", "-o", "pipe.svg")
    assert "<svg" in pipe.read_text()
    assert finish(rendering)[:2] == (0, "pipe.svg\n")
    assert pipe.is_fifo()


def test_a_result_that_cannot_be_written_says_where_it_is(shared: Home) -> None:
    shared.file("flow.d2", FLOW)
    script = f"ulimit -f 1; exec {NEXUSCTL} render flow.d2"  # no file above 1 KiB
    done = subprocess.run(
        ["bash", "-c", script], env=shared.environment, cwd=shared.work, capture_output=True, text=True, timeout=HANG_SECONDS
    )
    assert done.returncode == 1
    assert "cannot write flow.svg: File too large" in done.stderr
    assert "nexusctl asset get " in done.stderr
    assert sorted(path.name for path in shared.work.iterdir()) == ["flow.d2"]


def test_a_daemon_that_refuses_is_exit_4(shared: Home) -> None:
    shared.file("flow.d2", FLOW)
    done = shared.run("render", "flow.d2", "--company", "nobodys", "--verbose")
    assert done.returncode == 4
    assert "[not-found]" in done.stderr
    assert not (shared.work / "flow.svg").exists()


@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_gets_a_bar_that_fits(shared: Home, columns: int) -> None:
    shared.file("flow.d2", FLOW)
    code, seen = shared.run_in_terminal("render", "flow.d2", columns=columns)
    assert code == 0
    assert "━" in seen
    assert seen.endswith("flow.svg\n")
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l"), "the cursor is shown again"


def test_no_colour_when_it_is_not_wanted(shared: Home) -> None:
    shared.file("bad.d2", "a -> -> b: {\n")
    _, plain = shared.run_in_terminal("render", "bad.d2", NO_COLOR="1")
    _, coloured = shared.run_in_terminal("render", "bad.d2")
    assert "\x1b[31m" in coloured
    assert "\x1b[3" not in plain


def test_the_socket_and_company_may_be_named_anywhere(home: Home) -> None:
    home.file("flow.d2", FLOW)
    other = home.socket.with_name("other.sock")
    done = home.run("render", "flow.d2", "--socket", str(other))
    try:
        assert done.returncode == 0, done.stderr
        assert json.loads(home.run("status", "--json", NEXUSCTL_SOCKET=str(other)).stdout)["socket"] == str(other)
    finally:
        home.socket = other
