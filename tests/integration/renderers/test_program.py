"""Programs of the settings as real processes: what they are given, what is read of their words, what becomes of their files."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from nexusd.renderer_tables import RendererTable
from nexusd.renderers.engines.program import fill, read_progress
from nexusd.renderers.own import make_spec
from tests.integration.renderers.children import Ended, python, render

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def run(
    tmp_path: Path, script: str, given: dict[str, Any] | None = None, *, assets: dict[str, bytes] | None = None, **table: Any
) -> Ended:
    """Run a shell script as a renderer; its arguments are those of the table, after the script."""
    known = {"extensions": [".txt"], "outputs": ["*.out"], "arguments": ["{input}", "{output}"], **table}
    arguments = known.pop("arguments")
    command = ["/bin/sh", "-c", script.replace("{", "{{").replace("}", "}}"), "program", *arguments]
    spec = make_spec("frob", RendererTable.model_validate({"command": command, **known}))
    environment = {name: value for name, value in spec.environment.items() if name != "PATH"}
    return render(spec, {"source": "hello", **(given or {})}, tmp_path / "work", assets, environment)


def test_a_source_becomes_a_result(tmp_path: Path) -> None:
    ended = run(tmp_path, 'tr a-z A-Z <"$1" >"$2"; echo "$1 $2"; pwd')
    work = tmp_path / "work"
    assert (ended.code, ended.files) == (0, {"frob.out": b"HELLO"})
    assert ended.log == f"{work}/source.txt {work}/out/frob.out\n{work}\n"


def test_no_shell_sees_the_values(tmp_path: Path) -> None:
    evil = "$(touch evil); `touch evil`"
    ended = run(
        tmp_path,
        'printf "%s|" "$@" >made.out',
        {"title": evil, "loud": True, "count": 3},
        options={"title": "t", "loud": False, "count": 1},
        arguments=["--title={title}", "{loud}", "{count}", "{{count}}"],
    )
    assert ended.files == {"made.out": f"--title={evil}|true|3|{{count}}|".encode()}


def test_the_format_chooses_among_the_outputs(tmp_path: Path) -> None:
    for form, name in (("gif", "frob.gif"), ("mp4", "frob.mp4")):
        ended = run(
            tmp_path / form,
            'for e in gif mp4; do echo $1 >out/frob.$e; done; [ "$2" = "$PWD/out/frob.$1" ]',
            {"format": form},
            outputs=["*.mp4", "*.gif"],
            arguments=["{format}", "{output}"],
        )
        assert (ended.code, ended.files) == (0, {name: f"{form}\n".encode()}), ended


def test_an_asset_keeps_its_extension_and_files_lie_beside_it(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        'cat "$1" a/b.txt >"$2"; basename "$1"',
        {"source": {"$asset": "s"}, "files": {"a/b.txt": {"$asset": "f"}}, "extension": ".md"},
        assets={"s": b"\xffsource ", "f": b"file"},
        extensions=[".txt", ".md"],
    )
    assert (ended.code, ended.log, ended.files) == (0, "source.md\n", {"frob.out": b"\xffsource file"})


def test_only_what_the_globs_match_is_a_result_and_nothing_that_came(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        "mkdir -p deep/er tmp;"
        "for f in a.out out/b.out out/b.log deep/c.out deep/er/d.out deep/a.out tmp/e.out; do echo $f >$f; done;"
        "ln -s /etc/hostname link.out; mkdir folder.out",
        {"files": {"given.out": {"$asset": "f"}}},
        assets={"f": b"given"},
        outputs=["*.out", "deep/**/*.out"],
    )
    assert ended.code == 0
    assert {name: content.decode().strip() for name, content in ended.files.items()} == {
        "a.out": "a.out",
        "b.out": "out/b.out",
        "c.out": "deep/c.out",
        "d.out": "deep/er/d.out",
        "deep-a.out": "deep/a.out",
    }


def test_a_source_is_no_result(tmp_path: Path) -> None:
    ended = run(tmp_path, "true", extensions=[".out"])
    assert (ended.code, ended.files) == (0, {})
    assert ended.log == "the program left no file that *.out matches; it left: nothing\n"


def test_a_program_that_leaves_nothing_is_told_what_it_left(tmp_path: Path) -> None:
    ended = run(tmp_path, "echo >aux.log; rm -rf out")
    assert (ended.code, ended.files) == (0, {})
    assert ended.log == "the program left no file that *.out matches; it left: aux.log\n"


def test_what_it_leaves_in_place_of_out_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.out").touch()
    ended = run(tmp_path, f"rmdir out; ln -s {outside} out; echo >made.out")
    assert (ended.code, list(ended.files)) == (0, ["made.out"])
    assert (outside / "secret.out").exists()


@pytest.mark.parametrize("code", [1, 65, 71, 127])
def test_the_exit_code_is_the_programs(tmp_path: Path, code: int) -> None:
    ended = run(tmp_path, f"echo line 3: wrong >&2; echo >made.out; exit {code}", progress="(1)%")
    assert (ended.code, ended.log, ended.files) == (code, "line 3: wrong\n", {})


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGXFSZ])
def test_a_death_by_a_signal_is_the_programs(tmp_path: Path, number: signal.Signals) -> None:
    assert run(tmp_path, f"ulimit -c 0; kill -{int(number)} $$").code == -number


def test_a_source_that_is_not_text_is_a_wrong_input(tmp_path: Path) -> None:
    ended = run(tmp_path, "echo no", {"source": "\ud800"})
    assert (ended.code, ended.log) == (65, "source.txt:1: the source is not UTF-8 text (byte 0)\n")


def test_progress_is_read_from_lines_and_progress_bars(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        r'''printf 'start\n 10%%|#\r 20%%|##\r'; printf ' 50%%\n 30%%\n' >&2; printf 'frame'; echo 100%; echo >"$2"''',
        progress=r"(\d+)%",
    )
    assert ended.log == "start\n 10%|#\r 20%|##\r 50%\n 30%\nframe100%\n"
    assert [said["progress"] for said in ended.progress] == [0.1, 0.2, 0.5, 1.0]


def test_a_program_may_speak_the_protocol_itself(tmp_path: Path) -> None:
    say = """echo '{"progress": 0.5}' >/proc/self/fd/$NEXUSD_PROGRESS_FD"""
    ended = run(tmp_path, f'{say}; echo >"$2"; env | cut -d= -f1 | grep NEXUSD')
    assert (ended.progress, ended.log) == ([{"progress": 0.5}], "NEXUSD_PROGRESS_FD\n")


def test_a_flood_of_words_without_lines_is_passed_on_in_bounded_memory(tmp_path: Path) -> None:
    ended = run(tmp_path, 'head -c 30000000 /dev/zero | tr "\\0" x; echo 7%; echo >"$2"', progress=r"(\d)%")
    assert (ended.code, len(ended.log)) == (0, 30_000_003)
    assert ended.progress == [{"progress": 0.07}]


@pytest.mark.parametrize(
    ("pattern", "line", "fraction"),
    [
        (r"(\d+)%", "at 42%", 0.42),
        (r"(\d+%)", "at 1%", 0.01),
        (r"([\d.]+)\s*%", "0.5 %", 0.005),
        (r"p=([\d.]+)", "p=0.5", 0.5),
        (r"p=([\d.]+)", "p=1.0", 1.0),
        (r"p=([\d.]+)", "p=50.5", 0.505),
        (r"p=(\d+)", "p=1", 0.01),
        (r"(\d+)%", "at 142%", 1.0),
        (r"(\d+)/(\d+)", "frame 3/12", 0.25),
        (r"([\d,]+) of ([\d,]+)", "1,000 of 2,000", 0.5),
        (r"(\d+)/(\d+)", "3/0", None),
        (r"(\d+)/(\d+)", "nothing", None),
        (r"(x)?%", "%", None),
        (r"(.*)%", "abc%", None),
    ],
)
def test_a_fraction_is_read_from_one_group_or_two(pattern: str, line: str, fraction: float | None) -> None:
    assert read_progress(line, re.compile(pattern)) == (None if fraction is None else pytest.approx(fraction))


def test_it_loads_little() -> None:
    loaded = python("import sys, nexusd.renderers.child, nexusd.renderers.engines.program; print(*sys.modules)").split()
    assert not {"pydantic", "trio", "dataclasses", "asyncio", "email", "importlib.metadata", "logging"} & set(loaded)


def test_what_a_placeholder_stands_for() -> None:
    values = {"input": "a b", "loud": True, "count": 1.5}
    assert fill("{input}{loud} {{x}} {count}", values) == "a btrue {x} 1.5"
    assert fill("s/a{2}/{input}/", values) == "s/a{2}/a b/", "what is no placeholder of a table is none here"
