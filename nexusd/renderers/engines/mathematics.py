r"""Mathematics in TeX to Typst's, such that no text can become anything but mathematics.

The converter (tylax) is made for trusted text: `\text{#read("…")}` and `\includegraphics{…}` come out as Typst code that runs.
So nothing it says is believed. Text is taken out of the TeX first and put back as string literals; what the converter made of
the rest must be made of the tokens of `TOKEN` alone, which know no code (`#`, but for fixed spaces), no markup, no end
of the formula, and call only `FUNCTIONS`. It is evaluated as mathematics in a scope of its own. Formulas are bounded in length,
and macros with arguments are refused: they can grow without end.

Leaves out what happens to a formula that cannot be converted (`CannotConvert`), or that Typst refuses: see `formulas`.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, NamedTuple

from nexusd.renderers.engines.typst_text import literal

LENGTH_MAX: Final = 4_000
DEPTH_MAX: Final = 60
MACROS_MAX: Final = 200
TEXT_COMMANDS: Final = {
    "text": "upright", "mbox": "upright", "textrm": "upright", "textnormal": "upright", "textup": "upright", "textbf": "bold",
    "textit": "italic", "textsf": "sans", "texttt": "mono", "hbox": "upright", "emph": "italic", "intertext": "upright",
}  # fmt: skip
TEXT: Final = re.compile(rf"\\({'|'.join(TEXT_COMMANDS)})\s*(?=\{{)")
DROPPED: Final = re.compile(
    r"\\(?:label|color)\s*\{[^{}]*\}|\\textcolor\s*\{[^{}]*\}|\\(?:nonumber|notag)(?![A-Za-z])|(?<!\\)%.*"
)
TAG: Final = re.compile(r"\\tag\*?\s*\{([^{}]*)\}")
DEFINITION: Final = re.compile(
    r"\\(?:(?:re)?newcommand|providecommand)\*?\s*(?:\{\s*\\([A-Za-z]+)\s*\}|\\([A-Za-z]+))\s*(?=[\[{])|\\def\s*\\([A-Za-z]+)\s*(?=[#{])"
)
OPERATOR: Final = re.compile(r"\\DeclareMathOperator\*?\s*\{\s*\\([A-Za-z]+)\s*\}\s*(?=\{)")
LINE_BREAK: Final = "\U0010fff2"  # stands for two backslashes, so that no letters after them look like a command
REWRITES: Final = (
    (
        re.compile(LINE_BREAK + r"\s*\[\s*-?[\d.]+\s*(?:em|ex|pt|mm|cm|in)\s*\]"),
        LINE_BREAK,
    ),  # the converter would show the length
    # Stars and old spellings that the converter does not know, and what mathematics sets without them.
    (re.compile(r"\\(begin|end)\s*\{(align|equation|gather|multline|alignat|flalign|eqnarray)\*\}"), r"\\\1{\2}"),
    # The converter loses what stands behind these; parentheses that match grow by themselves.
    (re.compile(r"\\(?:[bB]igg?[lrm]?|middle)(?![A-Za-z])"), " "),
    (re.compile(r"\\[dt]binom(?![A-Za-z])"), r"\\binom"),
    (re.compile(r"\\[bx]cancel(?![A-Za-z])"), r"\\cancel"),
    (
        re.compile(r"\\(?:mathop|mathrel|mathbin|mathord|mathinner|mathopen|mathclose|smash|hline|rm|bf|it|strut)(?![A-Za-z])"),
        "",
    ),
    (re.compile(r"\\mathring(?![A-Za-z])"), r"\\overset{\\circ}"),
    (re.compile(r"\\triangle(?![A-Za-z])"), "△"),
    (re.compile(r"\\nmid(?![A-Za-z])"), "∤"),
    (re.compile(r"\\hbar(?![A-Za-z])"), "ℏ"),
    (re.compile(r"\\oiint(?![A-Za-z])"), "∯"),
    (re.compile(r"\\wp(?![A-Za-z])"), "℘"),
    # The converter would make code of these: they travel as an overline that starts with a holder.
    (re.compile(r"\\(?:underline|underbar)\s*\{"), r"\\overline{" + "\U0010fff0 "),
    (re.compile(r"\\[hv]?phantom\s*\{"), r"\\overline{" + "\U0010fff1 "),
)
TRAVELLERS: Final = {
    "caron": re.compile(r"\bcheck\("),
    "underline": re.compile("overline\\(\\s*\U0010fff0"),
    "hidden": re.compile("overline\\(\\s*\U0010fff1"),
}
SILENT: Final = re.compile(
    r"\\begin\s*\{array\}\s*\{[^{}]*\}|\\(?:begin|end)\s*\{[^{}]*\}|\\hspace\*?\s*\{[^{}]*\}|\\\\\s*\[[^\[\]]*\]|\\(?:[A-Za-z]+|.)"
)
SYMBOL: Final = re.compile(r"[^\W_]|[()]")
ESCAPE: Final = re.compile(r"\\([#$%&_{} ])")
FIRST_HOLDER: Final = 0xF0000  # a plane that no font and no text uses
HOLDER: Final = re.compile(r"[\U000F0000-\U0010FFFD]")
BOX: Final = ("#box(stroke: 0.5pt, inset: 2pt, baseline: 20%)[$ ", " $]")
FUNCTION_NAMES: Final = """
abs accent arrow attach bb binom bold boxed breve caron cal cancel cases ceil circle class dash display dot dot.double
dot.triple floor frac frak grave acute acute.double hat hidden inline italic limits lr macron mat mid mono norm op
overbrace overbracket overline overparen overshell primes root round sans scr script scripts serif sqrt sscript stretch
tilde underbrace underbracket underline underparen undershell upright vec diaer ring
"""
FUNCTIONS: Final = frozenset(FUNCTION_NAMES.split())
SPACE: Final = re.compile(r"#(?:h\(-?\d{1,3}(?:\.\d{1,4})?(?:em|pt|cm|mm|in|fr)\)|none(?!\w))(?![\[(.])")
COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
TOKEN: Final = re.compile(
    r"""(?P<name>[^\W\d_][^\W_]*(?:\.[^\W\d_][^\W_]*)*)(?P<call>\()?|"(?:[^"\\]|\\.)*"|\\[^\w\s]|\\(?=\s|$)|\s+"""
    r"""|[0-9.]+|:=|/(?![/*])|\*(?!/)|[^\w\s"\\#$@`/*]|_""",
    re.DOTALL,
)


class CannotConvert(Exception):
    """A formula cannot be set; the message says why."""


class Formula(NamedTuple):
    """Typst's mathematics, and the tag that stands beside it, if any."""

    code: str
    tag: str = ""


class Macros:
    """The macros that a document has defined so far. Those without arguments only, each expanded when it is defined."""

    def __init__(self) -> None:
        self._bodies: dict[str, str] = {}

    def expand(self, tex: str) -> str:
        """Take the definitions out of a formula, and return the rest with all macros expanded. Raises CannotConvert."""
        tex = self._define(OPERATOR, tex, r"\operatorname{%s}")
        return self._expanded(self._define(DEFINITION, tex, "%s"))

    def _define(self, pattern: re.Pattern[str], tex: str, form: str) -> str:
        kept, end = [], 0
        for found in pattern.finditer(tex):
            if found.start() < end:
                continue
            if tex[found.end()] != "{":
                raise CannotConvert("macros with arguments are not possible")
            body, after = braced(tex, found.end())
            name = next(name for name in found.groups() if name)
            self._bodies[name] = bounded(form % self._expanded(body))
            kept.append(tex[end : found.start()])
            end = after
        if len(self._bodies) > MACROS_MAX:
            raise CannotConvert(f"more than {MACROS_MAX} macros")
        return "".join(kept) + tex[end:]

    def _expanded(self, tex: str) -> str:
        if not self._bodies:
            return tex
        names = "|".join(sorted(self._bodies, key=len, reverse=True))
        return bounded(re.sub(rf"\\({names})(?![A-Za-z])", lambda found: f"{{{self._bodies[found[1]]}}}", tex))


def to_mathematics(tex: str, macros: Macros) -> Formula:
    """Return a formula in Typst's mathematics. Raises CannotConvert."""
    if HOLDER.search(tex):
        raise CannotConvert("it holds characters of a private plane")
    tex = macros.expand(bounded(tex).replace(r"\\", LINE_BREAK))
    tags = TAG.findall(tex)
    texts: list[str] = []
    bare = hold_texts(DROPPED.sub("", TAG.sub("", tex)), texts)
    check_depth(bare)
    for pattern, instead in REWRITES:
        bare = pattern.sub(instead, bare)
    bare = bare.replace(LINE_BREAK, r"\\")
    code = checked(converted(bare))
    check_whole(bare, code)
    code = with_texts(code, texts)
    # On one line: messages about it name the line.
    return Formula(" ".join(code.splitlines()), plain(tags[0]) if tags else "")


def bounded(tex: str) -> str:
    """Return the formula. Raises CannotConvert when it is too long."""
    if len(tex) > LENGTH_MAX:
        raise CannotConvert(f"more than {LENGTH_MAX:,} characters")
    return tex


def check_depth(tex: str) -> None:
    """Raise CannotConvert when braces do not match, or are nested too deeply."""
    depth = 0
    for brace in re.findall(r"(?<!\\)(?:\\\\)*([{}])", tex):
        depth += 1 if brace == "{" else -1
        if depth < 0 or depth > DEPTH_MAX:
            break
    if depth:
        raise CannotConvert("its braces do not match" if depth <= DEPTH_MAX else "its braces are nested too deeply")


def check_whole(tex: str, code: str) -> None:
    """Raise CannotConvert when letters, digits or parentheses of the formula are not in the code: converters lose things."""
    for symbol, count in Counter(SYMBOL.findall(SILENT.sub(" ", tex))).items():
        if code.count(symbol) < count:
            raise CannotConvert(f"{symbol!r} would be lost")


def braced(tex: str, start: int) -> tuple[str, int]:
    """Return what is between the brace at `start` and the one that closes it, and where it ends. Raises CannotConvert."""
    depth = 0
    for found in re.finditer(r"\\.|[{}]", tex[start:], re.DOTALL):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return tex[start + 1 : start + found.start()], start + found.end()
    raise CannotConvert("a brace is not closed")


def hold_texts(tex: str, texts: list[str]) -> str:
    """Return the formula with a holder in place of each text; the literals go to `texts`."""
    parts, end = [], 0
    for found in TEXT.finditer(tex):
        if found.start() < end:
            continue
        content, after = braced(tex, found.end())
        parts.append(tex[end : found.start()])
        # Between dollars, text holds mathematics again.
        for position, piece in enumerate(re.split(r"(?<!\\)\$", content)):
            if position % 2:
                parts.append(f"{{{hold_texts(piece, texts)}}}")
            elif piece:
                parts.append(f"{{{chr(FIRST_HOLDER + len(texts))}}}")
                texts.append(f" {TEXT_COMMANDS[found[1]]}({literal(plain(piece))}) ")
        end = after
    return "".join(parts) + tex[end:]


def with_texts(code: str, texts: list[str]) -> str:
    """Return the code with the texts where their holders are. Raises CannotConvert when the converter left anything else."""
    held = {chr(FIRST_HOLDER + number): text for number, text in enumerate(texts)}
    if not held.keys() >= set(HOLDER.findall(code)):
        raise CannotConvert("it is not TeX mathematics")
    return HOLDER.sub(lambda holder: held[holder[0]], code)


def plain(text: str) -> str:
    """Return what a text in TeX says."""
    bare = re.sub(r"\\[A-Za-z]+\s*|(?<!\\)[{}]", "", text.replace(LINE_BREAK, " "))
    return ESCAPE.sub(r"\1", bare.replace("~", "\u00a0").replace("---", "\u2014").replace("--", "\u2013"))


def converted(tex: str) -> str:
    """Return what the converter makes of a formula. Raises CannotConvert, also when it breaks."""
    import tylax

    options = tylax.L2TOptions(expand_macros=False, frac_to_slash=False)
    try:
        code = str(tylax.latex_to_typst(tex, options=options))
    except BaseException as error:
        # A panic of Rust's is no Exception.
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise CannotConvert("it is not TeX mathematics") from None
    if "LaTeX Error" in code:
        raise CannotConvert("it is not TeX mathematics")
    code = code.strip()
    if code.startswith("$") and code.endswith("$") and len(code) > 1:
        code = code[1:-1].strip()
    return code


def checked(code: str) -> str:
    """Return the code when it is mathematics and nothing else. Raises CannotConvert."""
    code = COMMENT.sub(" ", code).replace(BOX[0], "boxed(").replace(BOX[1], ")")
    for function, traveller in TRAVELLERS.items():
        code = traveller.sub(f"{function}(", code)
    at = 0
    while at < len(code):
        found = SPACE.match(code, at) or TOKEN.match(code, at)
        if found is None:
            raise CannotConvert(f"{code[at : at + 20].split()[0]!r} is not possible in it")
        name = found.groupdict().get("name")
        if name and (name.partition(".")[0] == "std" or (found["call"] and len(name) > 1 and name not in FUNCTIONS)):
            raise CannotConvert(f"{name!r} is not known")
        at = found.end()
    return code
