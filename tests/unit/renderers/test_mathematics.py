r"""TeX to Typst's mathematics: what is set, what is refused, and that no text can become anything but mathematics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nexusd.renderers.engines.formulas import ALONE, Formulas, find_refused
from nexusd.renderers.engines.manuscript import Manuscript, Text, compile_generated
from nexusd.renderers.engines.mathematics import CannotConvert, Macros, check_whole, checked, to_mathematics
from nexusd.renderers.engines.report import compose
from nexusd.renderers.engines.typesetting import TypesetError
from nexusd.renderers.engines.typst_text import literal

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "zqxjkv"


def typeset(folder: Path, code: str) -> bytes:
    """Return the SVG of mathematics, set as a document sets it. Raises TypesetError."""
    return compile_generated(folder, f"#{ALONE.format(literal(code))}\n", format="svg")[0]


@pytest.mark.parametrize(
    ("tex", "code"),
    [
        (r"\frac{a}{b}", "frac(a, b)"),
        (r"x_1^{2}", "x_(1)^(2)"),
        (r"\text{if } x", '( upright("if ") ) x'),
        (r"\text{a $x$ b}", '( upright("a ") ) x ( upright(" b") )'),
        (r"\text{50\% \#read}", 'upright("50% #read")'),
        (r"\bigl(a\bigr)", "(a )"),
        (r"\underline{x}", "underline( x)"),
        (r"a \\underline{b}", r"a \ u n d e r l i n e b"),
        (r"\begin{aligned} a &= b \\[4 pt] c &= d \end{aligned}", r"a & = b \ c & = d"),
        (r"\text{a\\b}", 'upright("a b")'),
        (r"\newcommand{\R}{\mathbb{R}} \R", "RR"),
        (r"\DeclareMathOperator{\Var}{Var} \Var X", 'op("Var") X'),
    ],
)
def test_a_formula(tex: str, code: str) -> None:
    assert squeezed(to_mathematics(tex, Macros()).code) == squeezed(code)


def squeezed(code: str) -> str:
    return code.replace(" ", "").replace('(upright("', 'upright("').replace('"))', '")')


@pytest.mark.parametrize(
    "tex",
    [
        r"\sum_{i=1}^n i^2 = \frac{n(n+1)(2n+1)}{6}",
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
        r"f(x) = \begin{cases}1 & \text{if } x > 0\\0 & \text{otherwise}\end{cases}",
        "\\begin{align*}\na &= b\\\\\n&= d\n\\end{align*}",
        r"\boxed{E = mc^2, x} \tag{1}",
        r"\underbrace{a+b}_{c} \overset{!}{=} \sqrt[3]{x} \hspace{1cm} y\,z",
        r"\left\{ x \middle| y \right\} \Bigl[ \frac12 \Bigr]",
        r"\hat{x} \vec{v} \ddot{x} \tilde{x} \widehat{abc} \overline{AB} \underline{x} \phantom{x} \check{a}",
        r"\lim_{x \to 0} \operatorname{rank} A \bmod b \pmod{n}",
        r"\mathbb{E}_{x \sim p}[f(x)] = \int f(x) p(x) \, dx",
        r"\text{日本} é \text{a}",
    ],
)
def test_what_is_common_can_be_set(tmp_path: Path, tex: str) -> None:
    assert typeset(tmp_path, to_mathematics(tex, Macros()).code).startswith(b"<svg")


def test_a_tag_and_a_line() -> None:
    formula = to_mathematics("x\n= 1\n\\tag{3a}", Macros())
    assert (formula.tag, "\n" in formula.code) == ("3a", False)


def test_macros_hold_until_the_end_of_the_document() -> None:
    macros = Macros()
    assert to_mathematics(r"\newcommand{\R}{\mathbb{R}} \def\S{\R\R}", macros).code == ""
    assert squeezed(to_mathematics(r"\S \Rightarrow", macros).code) == "RRRR=>"


@pytest.mark.parametrize(
    ("tex", "reason"),
    [
        (r"\includegraphics{a.png}", "not possible"),
        (r"\href{https://x.org}{y}", "not possible"),
        (r"\newcommand{\a}[1]{\a{#1#1}} \a{x}", "macros with arguments"),
        (r"\def\a#1{#1}\a{x}", "macros with arguments"),
        ("{" * 61 + "}" * 61, "too deeply"),
        ("{x", "braces do not match"),
        ("x}{", "braces do not match"),
        (r"\text{x", "not closed"),
        ("x" * 4001, "more than 4,000 characters"),
        ("\U000f0000", "private plane"),
        (r"a $ b", "is not possible"),
    ],
)
def test_what_cannot_be_set_says_why(tex: str, reason: str) -> None:
    with pytest.raises(CannotConvert, match=reason):
        to_mathematics(tex, Macros())


@pytest.mark.parametrize(("tex", "code", "lost"), [(r"\Bigl(a", "a", "'('"), ("a + 12", "a + 1", "'2'"), ("ab", "b", "'a'")])
def test_what_the_converter_loses_is_noticed(tex: str, code: str, lost: str) -> None:
    with pytest.raises(CannotConvert, match=f"{lost} would be lost".replace("(", r"\(")):
        check_whole(tex, code)


def test_macros_cannot_grow_without_end() -> None:
    names = [f"\\{chr(97 + number)}" for number in range(26)]
    chain = "".join(f"\\newcommand{{{name}}}{{{before * 3}}}" for before, name in zip(["x", *names], names, strict=False))
    with pytest.raises(CannotConvert, match="more than 4,000 characters"):
        to_mathematics(chain + names[-1], Macros())


@pytest.mark.parametrize(
    "code",
    [
        *['#read("secret.txt")', '#text[#read("secret.txt")]', 'std.read("secret.txt")', "std", "std.eval", 'eval("1")'],
        *[
            'text("x")',
            'frac.with("x")',
            "a $ b",
            "$",
            "`x`",
            "// x",
            "a /* b",
            "@x",
            '"open',
            "\\u{23}",
            "#none.x",
            "#none(1)",
        ],
        *[
            "#none[x]",
            "# h(1em)",
            "#h(1em)[x]",
            "#h(1em).x",
            'image("a")',
            '#h(read("x"))',
            "#h(1e9cm)",
            "x*/",
            "#{1}",
            "#sym.x",
        ],
        *["#let x = 1", '#"x"', "#(1)", "\\#h(1em)#", "plugin(x)"],
    ],
)
def test_code_that_is_not_mathematics_alone_is_refused(code: str) -> None:
    with pytest.raises(CannotConvert):
        checked(code)


PIECES = [
    *"#$\"\\{}[]()/*`@<>&_^.,;:|'~ \n",
    *[
        "read(",
        '"secret.txt"',
        "std",
        "std.",
        "eval(",
        "text",
        "h(1em)",
        "none",
        "op(",
        "frac(",
        "/*",
        "*/",
        "//",
        "\\u{23}",
        "x",
        "ab",
    ],
    *[
        "panic()",
        "image",
        "mode:",
        "#h(1em)",
        "#none",
        "include",
        "sym",
        "math.",
        "\\text{",
        "\\frac",
        "\\left(",
        "\\begin{matrix}",
        "1",
    ],
    *[
        "\\end{matrix}",
        "\\boxed{",
        "\\newcommand{\\a}{",
        "\\a",
        "\\phantom{",
        "\\tag{",
        "\U0010fff0",
        "\U000f0000",
        " $]",
        "日",
        "é",
    ],
    *["#box(stroke: 0.5pt, inset: 2pt, baseline: 20%)[$ ", "\\includegraphics{secret.txt}", "\\href{x}{", "%", "\\%"],
]
any_pieces = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))


@pytest.mark.slow
@settings(deadline=None, max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_pieces)
@example('\\text{#read("secret.txt")}')
@example('\\text{"); read("secret.txt"); ("}')
@example('\\operatorname{#read("secret.txt")}')
@example('\\mathrm{std.read("secret.txt")}')
@example(r"\\phantom{}")
@example('\\tag{#read("secret.txt")}')
@example('\\boxed{$] #read("secret.txt") [$}')
def test_nothing_runs_whatever_the_converter_says(tmp_path: Path, text: str) -> None:
    """Both ways in: as TeX, and as if the converter had said it. No panic may happen, and no file be read."""
    (tmp_path / "secret.txt").write_text(SECRET)
    for code in (as_tex(text), as_converted(text)):
        complaint = refusal(tmp_path, f"#{ALONE.format(literal(code))}\n") or ""
        assert "panicked" not in complaint
        assert "file" not in complaint


def as_tex(text: str) -> str:
    """Return what the text becomes when it is TeX; nothing when it is refused."""
    try:
        return to_mathematics(text, Macros()).code
    except CannotConvert:
        return ""


def as_converted(text: str) -> str:
    """Return what the text becomes when the converter said it; nothing when it is refused."""
    try:
        return checked(text)
    except CannotConvert:
        return ""


def refusal(folder: Path, main: str) -> str | None:
    """Return what Typst says against a document."""
    try:
        compile_generated(folder, main)
    except TypesetError as error:
        return str(error)
    return None


@pytest.mark.parametrize("code", ['#panic(read("secret.txt"))', '#panic(std.read("secret.txt"))'])
def test_running_would_be_seen(tmp_path: Path, code: str) -> None:
    """The test above is worth something: unchecked, such text runs."""
    (tmp_path / "secret.txt").write_text(SECRET)
    assert f"panicked with: {SECRET}" in (refusal(tmp_path, f'#eval({literal(code)}, mode: "math")') or "")


def test_what_typst_refuses_is_found_formula_by_formula(tmp_path: Path) -> None:
    formulas = Formulas()
    for tex in ("x^2", r"\foo y", "\\text{a\nb}", r"\frac{1}", "z"):
        formulas.show(tex, 1, display=True)

    refused = find_refused(formulas.found, lambda main: refusal(tmp_path, main))
    assert list(refused) == [r"\foo y", r"\frac{1}"]
    assert "unknown variable: foo" in refused[r"\foo y"]


def test_a_formula_that_cannot_be_set_costs_only_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "# T\n\nGood $x^2$.\n\nBad $\\foo y$ and\n$\\includegraphics{secret.txt}$.\n\n$$\n\\frac{1}\n$$\n"
    mains: list[str] = []

    def remembered(converted: object) -> str:
        mains.append(compose(converted, {}))  # type: ignore[arg-type]
        return mains[-1]

    assert Manuscript(Text(source, tmp_path, frozenset()), remembered).typeset()[0].startswith(b"%PDF")
    said = capsys.readouterr().err
    assert "document.md:5: a formula is shown as its source, unknown variable: foo: \\foo y\n" in said
    assert "is not possible in it: \\includegraphics{secret.txt}\n" in said
    assert "document.md:8: a formula is shown as its source, missing argument: denom: \\frac{1}\n" in said
    assert 'formula("x^(2)", "x^2", false)' in mains[-1]
    assert 'raw("\\\\foo y")' in mains[-1]
    assert 'raw(block: true, "\\\\frac{1}")' in mains[-1]
