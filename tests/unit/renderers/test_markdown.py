"""Markdown to Typst, construct by construct, and for any text at all: it compiles, and nothing in it is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nexusd.renderers.engines.formulas import Formulas
from nexusd.renderers.engines.manuscript import Manuscript, Text
from nexusd.renderers.engines.markdown import convert
from nexusd.renderers.engines.references import References, sniff
from nexusd.renderers.engines.report import compose
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n rest"


def converted(tmp_path: Path, source: str, *files: str) -> str:
    """Return the Typst of the body, on one line."""
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(PNG)
    blocks = convert(source, References(tmp_path, frozenset(files)), Formulas()).blocks
    return " ".join("".join(f"#{block}\n\n" for block in blocks).split())


def report(tmp_path: Path, source: str, **options: Any) -> str:
    """Return the Typst of a whole document."""
    return compose(convert(source, References(tmp_path, frozenset()), Formulas()), options)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", ""),
        ("plain", '#par("plain")'),
        ("two\nlines", '#par({ "two" " " "lines" })'),
        ("hard\\\nbreak", '#par({ "hard" linebreak() "break" })'),
        ("*a* **b** ~~c~~", '#par({ emph("a") " " strong("b") " " strike("c") })'),
        ("***x***", '#par(emph(strong("x")))'),
        ("`a\\b`", r'#par(raw("a\\b"))'),
        ("#let x = 1 @z", '#par("#let x = 1 @z")'),
        ("a $y$", '#par({ "a " formula("y", "y", false) })'),
        ("$$y$$", '#formula("y", "y", true)'),
        ("```math\ny\n```", '#formula("y", "y", true)'),
        ("$`y`$", '#par(formula("y", "y", false))'),
        ("costs $5 and $6, or $ 7 $ or 8$", '#par("costs $5 and $6, or $ 7 $ or 8$")'),
        ("US$10 or A$20", '#par("US$10 or A$20")'),
        ("$$y$$ (a)", '#{ formula("y", "y", true) " (a)" parbreak() }'),
        (r"\$y\$", '#par("$y$")'),
        ("a\n$$y$$\nb", '#{ "a" " " formula("y", "y", true) " " "b" parbreak() }'),
        ("שלום", '#text(dir: rtl, par("שלום"))'),
        ("| | |\n|-|-|\n| a | b |", '#table(columns: 2, align: (left, left, ), table.cell("a"), table.cell("b"))'),
        ('<p align="right">a</p>', '#align(right, par("a"))'),
        ("A\n: b", '#definitions(term("A"), meaning("b"))'),
        ('say "hi" \\ there', r'#par("say \"hi\" \\ there")'),
        ("# One", '#section(1, "section-1", "One")'),
        ("One\n===\n\nTwo\n---", '#section(1, "section-1", "One") #section(2, "section-2", "Two")'),
        ("[a](https://b.org)", '#par(link("https://b.org", "a"))'),
        ("<https://b.org>", '#par(link("https://b.org", "https://b.org"))'),
        ("see https://b.org/x.", '#par({ "see " link("https://b.org/x", "https://b.org/x") "." })'),
        ("[a](other.md)", '#par("a")'),
        ("# A b\n\n[x](#a-b)", '#section(1, "section-1", "A b") #par(goto("section-1", "x"))'),
        ("[x](#nowhere)", '#par("x")'),
        ("- a\n- b", '#list(tight: true, "a", "b")'),
        ("- a\n\n- b", '#list(tight: false, "a", "b")'),
        ("3. a\n4. b", '#enum(tight: true, start: 3, "a", "b")'),
        ("- a\n  - b", '#list(tight: true, snug({ "a" parbreak() list(tight: true, "b") }))'),
        ("-", "#list(tight: true, [])"),
        ("> a", '#quoted(par("a"))'),
        ("---", "#rule()"),
        ("```py\nx = 1\n```", '#raw(block: true, lang: "py", "x = 1")'),
        ("```\n```", '#raw(block: true, "")'),
        ('```"); panic()\nx\n```', '#raw(block: true, "x")'),
        ("    code", '#raw(block: true, "code")'),
        (
            "| a | b |\n|:-:|--:|\n| c | |",
            "#headed(columns: 2, align: (center, right, ), table.header("
            'table.cell("a"), table.cell("b")), table.cell("c"), table.cell([]))',
        ),
        (
            "- [ ] a\n- [x] b",
            '#list(tight: true, marker: none, body-indent: 0pt, { task(false) "a" }, { task(true) "b" })',
        ),
        ("- see [x] here", '#list(tight: true, "see [x] here")'),
        ("a[^1]\n\n[^1]: note", '#par({ "a" note("note-0", "note") })'),
        (
            "a[^1] b[^1]\n\n[^1]: see[^1]",
            '#par({ "a" note("note-0", { "see" super("1") }) " b" note-again("note-0") })',
        ),
        ("a[^1] b[^2]\n\n[^1]: c\n\n    [^2]: d\n", '#par({ "a" note("note-0", "c") " b" note("note-1", "d") })'),
        ("a[^1]\n\n[^1]: - b\n      - [^2]: c\n", '#par({ "a" note("note-0", list(tight: true, "b", [])) })'),
        ("a[^nope]", '#par("a[^nope]")'),
        ("H<sub>2</sub>O<br>x", '#par({ "H" sub("2") "O" linebreak() "x" })'),
        ("a <b>b *c</b> d*", '#par({ "a " strong({ "b " emph("c") }) " d" })'),
        ("pip install <package>", '#par({ "pip install " "<package>" })'),
        ("a <!-- b --> c", '#par({ "a " " c" })'),
        ("<script>alert(1)</script>", "#[]"),
        ('<h1 align="center">T</h1>', '#align(center, heading(level: 1, "T"))'),
        ("<p>a</p><p>b", '#{ par("a") par("b") }'),
        ("\u2705 yes", '#par({ mark("✔", good) " yes" })'),
    ],
)
def test_each_construct(tmp_path: Path, source: str, expected: str) -> None:
    assert converted(tmp_path, source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("![a](img/x.png)", 'picture("/img/x.png", "png", "a", auto)'),
        ("![a](./img/x.png)", 'picture("/img/x.png", "png", "a", auto)'),
        ("![a](img/x.png?raw=true)", 'picture("/img/x.png", "png", "a", auto)'),
        ("![a](img/s%20p.png)", 'picture("/img/s p.png", "png", "a", auto)'),
        ('<img src="img/x.png" width="200">', 'picture("/img/x.png", "png", "", 150pt)'),
        ('<img src="img/x.png" width="50%">', 'picture("/img/x.png", "png", "", 50%)'),
    ],
)
def test_a_picture_is_found_among_the_files(tmp_path: Path, source: str, expected: str) -> None:
    assert expected in converted(tmp_path, source, "img/x.png", "img/s p.png")


@pytest.mark.parametrize(
    ("source", "shown", "logged"),
    [
        ("![](no.png)", 'missing("missing image: no.png")', "missing image: no.png"),
        ("![alt](../no.png)", 'missing("missing image: ../no.png (alt)")', "missing image: ../no.png"),
        ("![](/etc/passwd)", 'missing("missing image: /etc/passwd")', "missing image: /etc/passwd"),
        ("![b](https://x.org/b.svg)", 'link("https://x.org/b.svg", frame("b"))', "was not fetched"),
        ("![](//x.org/b.svg)", 'frame("//x.org/b.svg")', "was not fetched"),
        ("![](data:image/png;base64,AAAA)", 'missing("not a readable image: data URI")', "not a readable image"),
    ],
)
def test_a_picture_that_is_not_there_leaves_a_box_and_a_line_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, shown: str, logged: str
) -> None:
    assert shown in converted(tmp_path, source)
    said = capsys.readouterr().err
    assert said.startswith("document.md: ")
    assert logged in said


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "file:///etc/passwd", "vbscript:x", "data:text/html,x", "https://" + "a" * 9000]
)
def test_a_link_that_is_no_web_address_is_text(tmp_path: Path, address: str) -> None:
    assert converted(tmp_path, f'<a href="{address}">text</a>') == '#par("text")'


def test_a_cycle_of_footnotes_ends(tmp_path: Path) -> None:
    code = converted(tmp_path, "x[^a]\n\n[^a]: to[^b]\n[^b]: back[^a]")
    assert code.count("note(") == 2


def test_repeated_headings_get_githubs_anchors(tmp_path: Path) -> None:
    code = converted(tmp_path, "# A\n\n# A\n\n[x](#a) [y](#a-1)")
    assert 'goto("section-1", "x")' in code
    assert 'goto("section-2", "y")' in code


def test_front_matter_gives_title_and_author(tmp_path: Path) -> None:
    source = "---\ntitle: 'A \"t\"'\nauthor: [Ada, Bob]\nlang: de-AT\ndeep:\n  title: no\n---\ntext"
    code = report(tmp_path, source)
    assert r'set document(title: "A \"t\"", date: none, author: ("Ada", "Bob", ))' in code
    assert '#set text(lang: "de", region: "AT")' in code
    assert r'title-block("A \"t\"", ("Ada, Bob", ), none)' in code


def test_the_first_heading_is_the_title_when_nothing_else_is(tmp_path: Path) -> None:
    code = report(tmp_path, "## Sub\n\n# *Main* `one`")
    assert 'set document(title: "Main one", date: none)' in code
    assert "#title-block(" not in code


@pytest.mark.parametrize("source", ["> " * 100 + "x", "- " * 100 + "x"])
def test_what_the_parser_would_leave_out_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(InvalidInput, match=r"document\.md:1: .*nested deeper"):
        converted(tmp_path, source)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, "png"),
        (b"\xff\xd8\xff\xe0", "jpg"),
        (b"GIF89a", "gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x">', "svg"),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_a_picture_is_known_by_its_content(tmp_path: Path, content: bytes, kind: str | None) -> None:
    (tmp_path / "x").write_bytes(content)
    assert sniff(tmp_path / "x") == kind


# What Typst and Markdown give a meaning to, in pieces that hypothesis can put together.
PIECES = [
    *"#$@`*_~[]()<>\\\"'{}|=+-!^&;:/",
    *["\n", "\n\n", "  \n", "\t", "    ", "- ", "1. ", "999999999. ", "> ", "# ", "###### ", "---", "\n---\n", "***", "```"],
    *["```py\n", "![", "](", "](#a)", "[^1]", "[^1]: ", "[ ] ", "- [x] ", "[x]: y 't'\n", "| a | b |\n|---|:-:|\n| c |"],
    *["---\ntitle: x\n---\n", "<b>", "</b>", "<br>", "<hr>", "<img src=x>", "<a href=#a>", "</a>", "<!--", "-->", "</p>"],
    *["<p align=center>", "<h1>", "<td>", "#panic()", '"#{panic()}', '")#panic()#("', "\\u{41}", "//", "/*", "http://"],
    *["https://x.y", "mailto:a", "data:image/png;base64,AAAA", "text", "é", "日", "\u202e", "\x00", "\x1b", "\r\n", "\ufeff"],
    *[
        "&amp;",
        "&#0;",
        "&nbsp;",
        "\u2705",
        "$$",
        "\\frac{",
        "\\text{",
        "}",
        "^{",
        "_",
        "\\begin{matrix}",
        "\\end{matrix}",
        "$x$",
    ],
    *["\\text{#panic()}", "\\includegraphics{x}", "\\newcommand{\\a}{", "\\a", "\\left(", "&", "\\\\", "#panic()", "\n: "],
]
any_markdown = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=60).map("".join))


@pytest.mark.slow
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_markdown)
@example("[^0]:- [^0]:")
@example("*a " * 200 + "b" + "*" * 200)
@example("<b>" * 500 + "x")
@example("[" * 2000)
@example("> " * 58 + "**a *b ~~c <b>d <i>e <u>f <s>g <sub>h")
@example("> " * 19 + "- " * 19 + "x[^1]\n\n[^1]: " + "> " * 40 + "y")
@example("\n".join("  " * depth + "- x" for depth in range(28)))
@example("|".join("a" * 60) + "\n" + "|".join("-" for _ in range(60)))
def test_any_text_compiles_and_nothing_in_it_is_run(tmp_path: Path, source: str) -> None:
    """`#panic()` is among the pieces: were any text taken for code, the compilation would fail."""
    try:
        manuscript = Manuscript(Text(source, tmp_path, frozenset()), lambda converted: compose(converted, {}))
    except InvalidInput:
        return
    assert manuscript.typeset()[0].startswith(b"%PDF-")
