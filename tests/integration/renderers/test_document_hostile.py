"""Documents that mean harm, through a real runner or a real child: each ends, none gets out, and the reason is named."""

from __future__ import annotations

import base64
import json
import re
import resource
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nexusd.domain.states import ErrorCode, JobStatus
from nexusd.renderers.document import DOCUMENT, DocumentInput
from tests.integration.renderers.children import render
from tests.integration.renderers.pdf import unpacked
from tests.support.runners import open_runner

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ENDLESS = {
    "a loop": "#while true {}",
    "a loop of pages": "#let n = 0\n#while true { n += 1 }\n#pagebreak()",
    "loops in loops": "#for i in range(1000000) { for j in range(1000000) { calc.sin(i) } }",
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_never_ends_is_ended(tmp_path: Path, name: str) -> None:
    given = DocumentInput.model_validate({"language": "typst", "source": ENDLESS[name]}).model_dump(by_alias=True, mode="json")
    async with open_runner(tmp_path, replace(DOCUMENT, default_timeout_seconds=3.0)) as runner:
        job = await runner.run(job_type="document", input=given)
        assert (job.status, job.error_code) in [
            (JobStatus.FAILED, ErrorCode.TIMEOUT),
            (JobStatus.FAILED, ErrorCode.INVALID_INPUT),
        ]
        assert not runner.find_processes()


async def test_what_eats_memory_is_ended(tmp_path: Path) -> None:
    source = '#let s = "x" * 1000000\n#let a = range(100000).map(n => s + str(n))\n#a.len()'
    given = DocumentInput.model_validate({"language": "typst", "source": source}).model_dump(by_alias=True, mode="json")
    async with open_runner(tmp_path, replace(DOCUMENT, memory_max_bytes=256 * 1024**2)) as runner:
        job = await runner.run(job_type="document", input=given, max_attempts=1)
        assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.OUT_OF_MEMORY)
        assert not runner.find_processes()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('#read("/etc/passwd")', "file not found"),
        ('#read("/../../../../etc/passwd")', "document.typ:1:6: error: "),
        ('#read("../input.json")', "document.typ:1:6: error: "),
        ('#include "/proc/self/environ"', "document.typ:1:9: error: "),
        ('#image("/dev/zero")', "document.typ:1:7: error: "),
        ('#plugin("a.wasm")', "file not found"),
        ('#import "@preview/cetz:0.3.0": *', "packages are not available here"),
        ('#import "@local/x:1.0.0": *', "document.typ:1:8: error: "),
        ("#" + "(" * 100_000 + ")" * 100_000, "maximum parsing depth exceeded"),
        ("$" + "(" * 50_000 + ")" * 50_000 + "$", "maximum parsing depth exceeded"),
        ("#let f(n) = f(n + 1)\n#f(0)", "maximum function call depth exceeded"),
    ],
)
def test_a_hostile_typst_source_is_invalid_input(tmp_path: Path, source: str, message: str) -> None:
    ended = render(DOCUMENT, {"language": "typst", "source": source}, tmp_path)
    assert ended.code == 65
    assert message in ended.log
    assert len(ended.log) < 20_000
    assert str(tmp_path) not in ended.log


def test_a_page_as_svg_is_safe_to_look_at(tmp_path: Path) -> None:
    inner = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9' onload='a()'><script>a()</script></svg>"
    links = '#link("javascript:a()")[one] #link("file:///etc/passwd")[two] #link("https://example.org/")[three]'
    source = f'{links} #image(bytes("{inner}"), format: "svg")'
    ended = render(DOCUMENT, {"language": "typst", "source": source, "format": "svg"}, tmp_path)
    assert ended.code == 0
    assert "removed the link to 'javascript:a()'" in ended.log
    page = ended.files["document-001.svg"].decode()
    assert set(re.findall(r'href="([^#"][^"]{0,21})', page)) == {"https://example.org/", "data:image/svg+xml;bas"}
    [picture] = set(re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page))
    assert b"a()" not in base64.b64decode(picture)


def test_a_file_that_leads_elsewhere_is_not_read(tmp_path: Path) -> None:
    """What is placed is the file itself, never a link to what lies beside the work directory."""
    (tmp_path / "secret.txt").write_text("SECRET")
    ended = render(DOCUMENT, {"language": "typst", "source": '#read("secret.txt")\n#read("../secret.txt")'}, tmp_path / "work")
    assert ended.code == 65
    assert "SECRET" not in ended.log


@pytest.mark.parametrize("language", ["markdown", "typst"])
def test_a_source_above_the_cap_is_refused_at_once(tmp_path: Path, language: str) -> None:
    given = {"language": language, "source": {"$asset": "big"}}
    ended = render(DOCUMENT, given, tmp_path, assets={"big": b"x" * 50 * 1024**2})
    assert (ended.code, ended.files) == (65, {})
    assert "the source has more than 10,485,760 bytes (caps.source_max_bytes)" in ended.log


@pytest.mark.parametrize(
    "source",
    [
        "$$" + r"\hat" * 900 + " x$$",
        "$$" + "(" * 1900 + ")" * 1900 + "$$",
        "$$" + "x^" * 1900 + "x$$",
        "$$" + r"\newcommand{\a}{\a\a}\a" + "$$",
        "---\n" + "\n".join(" " * depth + "a:" for depth in range(2000)) + "\n---\nx",
        "---\n" + "- " * 20_000 + "\n---\nx",
        "[" * 5_000,
        "<b>" * 10_000,
        "$a" * 5_000,
        "a\n" + ": " * 1_000 + "x",
    ],
)
def test_a_hostile_markdown_source_is_still_a_document(tmp_path: Path, source: str) -> None:
    ended = render(DOCUMENT, {"language": "markdown", "source": source}, tmp_path)
    assert ended.code == 0, ended.log
    assert ended.files["document.pdf"].startswith(b"%PDF")


def test_mathematics_reads_no_file(tmp_path: Path) -> None:
    source = '$\\text{#read("data.csv")}$ $\\operatorname{#read("data.csv")}$ $\\includegraphics{data.csv}$'
    given = {"language": "markdown", "source": source, "files": {"data.csv": {"$asset": "csv"}}}
    ended = render(DOCUMENT, given, tmp_path, assets={"csv": b"SECRET"})
    assert ended.code == 0
    assert b"SECRET" not in unpacked(ended.files["document.pdf"])


def test_text_in_any_script_survives_without_a_font_of_the_machine(tmp_path: Path) -> None:
    """With fonts hidden, what our own fonts have is drawn, and what they lack is named."""
    empty = tmp_path / "fonts.conf"
    empty.write_text('<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig></fontconfig>')
    given = {"language": "markdown", "source": "Ελληνικά Привет עברית → ∑ 日本"}
    ended = render(DOCUMENT, given, tmp_path / "work", environment={"FONTCONFIG_FILE": str(empty)})
    assert (ended.code, ended.log) == (0, "document.md: drawn with this machine's fonts, if it has any: 日本\n")
    assert b"LibertinusSerif" in unpacked(ended.files["document.pdf"])


def test_a_long_document_works_within_its_memory(tmp_path: Path) -> None:
    given = DocumentInput.model_validate({"source": "# A\n\n" + "many words of text " * 6_000, "format": "png", "ppi": 72})
    (tmp_path / "input.json").write_text(json.dumps(given.model_dump(by_alias=True, mode="json")))

    import subprocess

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (DOCUMENT.memory_max_bytes,) * 2)

    done = subprocess.run(DOCUMENT.command({}), cwd=tmp_path, capture_output=True, preexec_fn=limit, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(list((tmp_path / "out").iterdir())) > 20
