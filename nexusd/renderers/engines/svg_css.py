"""CSS in an SVG, made safe: what it may call is listed, and what it refers to lies in the file.

Works on tokens, not on text, so that no comment, string or escape can hide a word: what a viewer reads as a token is what was
looked at here. Stay: the at-rules and functions named below, `url()` of a place in the same document, pictures and fonts in
data: URIs. Everything else becomes `none`, and is named to `report`. Leaves out what properties mean: no property acts by
itself. Source: CSS Syntax Module Level 3, §4.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

DATA_RASTER: Final = re.compile(r"data:image/(?:png|jpe?g|gif|webp)(?:;[\w=.+-]+)*,", re.IGNORECASE)
DATA_FONT: Final = re.compile(
    r"data:(?:font/[\w.+-]+|application/(?:x-)?font[\w.+-]*|application/vnd\.ms-(?:fontobject|opentype)|"
    r"application/octet-stream)(?:;[\w=.+-]+)*,",
    re.IGNORECASE,
)
ESCAPE: Final = r"\\(?:[0-9a-fA-F]{1,6}(?:\r\n|[ \n\r\t\f])?|[^\n\r\f0-9a-fA-F])"
QUOTED: Final = (
    r'"[^"\\\n\r\f]*(?:\\(?:\r\n|[\s\S])[^"\\\n\r\f]*)*"' + "|" + r"'[^'\\\n\r\f]*(?:\\(?:\r\n|[\s\S])[^'\\\n\r\f]*)*'"
)
NAME_SIGN: Final = r"[^\x00-,./:-@\[-^`{-\x7f]"  # \w, - and all beyond ASCII; a range up to U+10FFFF takes 7 ms to compile
OTHER_SIGN: Final = r"[\x00-!#-&(-,.:-?\[\]^`{-\x7f]"
TOKEN: Final = re.compile(
    rf"(?P<comment>/\*[\s\S]*?(?:\*/|\Z))|(?P<string>{QUOTED})|"
    rf"(?P<word>(?P<at>@?)(?P<name>(?:{NAME_SIGN}+|{ESCAPE})+)(?P<call>\(?))|"
    rf"(?P<other>{OTHER_SIGN}+|[\s\S])",
    re.ASCII,
)
URL: Final = re.compile(rf"\s*(?:({QUOTED})|([^\s\"'()\\]*))\s*\)")
BAD_URL: Final = re.compile(r"[^)\\]*(?:\\[\s\S][^)\\]*)*\)?")
ONE_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[ \n\r\t\f])?|(\r\n|[\s\S]))")
MAYBE: Final = re.compile(r"[(\\@<\x00]|/\*")
PLAIN_NAME: Final = re.compile(r"[\w-]", re.ASCII)
AT_RULES: Final = frozenset(
    ["font-face", "keyframes", "-webkit-keyframes", "media", "supports", "layer", "container", "property"]
)
FUNCTIONS: Final = frozenset(
    [
        "var",
        "calc",
        "min",
        "max",
        "clamp",
        "round",
        "mod",
        "rem",
        "abs",
        "sign",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "atan2",
        "pow",
        "sqrt",
        "hypot",
        "log",
        "exp",
        "env",
        "rgb",
        "rgba",
        "hsl",
        "hsla",
        "hwb",
        "lab",
        "lch",
        "oklab",
        "oklch",
        "color",
        "color-mix",
        "light-dark",
        "device-cmyk",
        "matrix",
        "matrix3d",
        "translate",
        "translatex",
        "translatey",
        "translatez",
        "translate3d",
        "scale",
        "scalex",
        "scaley",
        "scalez",
        "scale3d",
        "rotate",
        "rotatex",
        "rotatey",
        "rotatez",
        "rotate3d",
        "skew",
        "skewx",
        "skewy",
        "perspective",
        "cubic-bezier",
        "steps",
        "linear",
        "blur",
        "brightness",
        "contrast",
        "drop-shadow",
        "grayscale",
        "hue-rotate",
        "invert",
        "opacity",
        "saturate",
        "sepia",
        "linear-gradient",
        "radial-gradient",
        "conic-gradient",
        "repeating-linear-gradient",
        "repeating-radial-gradient",
        "circle",
        "ellipse",
        "inset",
        "polygon",
        "path",
        "rect",
        "xywh",
        "format",
        "local",
        "tech",
        "counter",
        "counters",
        "not",
        "is",
        "where",
        "has",
        "lang",
        "dir",
        "nth-child",
        "nth-last-child",
        "nth-of-type",
        "nth-last-of-type",
        "selector",
        "and",
        "or",
        "stylistic",
        "styleset",
        "character-variant",
        "swash",
        "ornaments",
        "annotation",
    ]
)
END_OF_VALUE: Final = frozenset(("", " ", ";", ",", ")", "}", "!", "\n"))
CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


def clean_css(css: str, report: Callable[[str], None]) -> str:
    """Return the style sheet, declarations or value without what acts or reaches out. Idempotent."""
    if not MAYBE.search(css):
        return css
    parts: list[str] = []
    at = 0
    while at < len(css):
        token = TOKEN.match(css, at)
        assert token is not None  # the last alternative takes any character
        at = token.end()
        if token["name"] is not None:
            text, at = _word(token, css, at, report)
        else:
            text = _inert(token)
        parts.append(text)
    return "".join(parts)


def _inert(token: re.Match[str]) -> str:
    if token["comment"] is not None:
        return " "
    # A lone backslash or quote would change how the rest is read; <!-- is of the time before CSS was known.
    return token[0] if token["string"] is not None or token[0] not in "\"'\\" else " "


def _word(token: re.Match[str], css: str, at: int, report: Callable[[str], None]) -> tuple[str, int]:
    """Return what stands for a name, at-keyword or function, and where to go on."""
    name = _normal(token["name"])
    plain = name.lower()
    if token["at"]:
        if plain in AT_RULES:
            return f"@{name}{token['call']}", at
        report(f"removed @{plain[:40]} from a style")
        return " ", _end_of_rule(css, at - len(token["call"]))
    if not token["call"]:
        return name, at
    if plain == "url":
        return _url(css, at, report)
    if plain in FUNCTIONS:
        return f"{name}(", at
    report(f"removed {plain[:40]}() from a style")
    return _none(css, _end_of_block(css, at, ")"))


def _none(css: str, end: int) -> tuple[str, int]:
    """Return `none` in place of what ends there, kept apart from what follows."""
    return ("none" if css[end : end + 1] in END_OF_VALUE else "none "), end


def _url(css: str, at: int, report: Callable[[str], None]) -> tuple[str, int]:
    found = URL.match(css, at)
    if found is None:
        end = BAD_URL.match(css, at)
        report("removed a reference that cannot be read from a style")
        return _none(css, end.end() if end else len(css))
    target = (_unescaped(found[1][1:-1]) if found[1] else found[2]).strip()
    if target.startswith("#"):
        text = re.sub(r'[\x00-\x1f"\\<>]', lambda sign: f"\\{ord(sign[0]):x} ", target)
        return (f'url("{text}")' if found[1] or text != target else f"url({target})"), found.end()
    if (DATA_RASTER.match(target) or DATA_FONT.match(target)) and not re.search(r'[\x00-\x1f"\\]', target):
        return f'url("{target}")', found.end()
    report(f"removed the reference to {target[:200]!r} from a style: nothing outside of the file is shown")
    return _none(css, found.end())


def _normal(name: str) -> str:
    """Return a name with its needless escapes spelled out, so that there is one way to write each word."""
    if "\\" not in name:
        return name

    def spelled(escape: re.Match[str]) -> str:
        plain = _one(escape)
        needless = PLAIN_NAME.fullmatch(plain) and not (plain.isdigit() and escape.start() == 0)
        return plain if needless else f"\\{ord(plain):x} "

    return ONE_ESCAPE.sub(spelled, name)


def _unescaped(text: str) -> str:
    return ONE_ESCAPE.sub(_one, text) if "\\" in text else text


def _one(escape: re.Match[str]) -> str:
    """Return the character an escape stands for; an escaped line end stands for nothing."""
    if escape[1] is None:
        return "" if escape[2][0] in "\n\r\f" else escape[2]
    code = int(escape[1], 16)
    return chr(code) if 0 < code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"


def _end_of_rule(css: str, at: int) -> int:
    """Return where an at-rule ends: behind its semicolon or its block."""
    while at < len(css):
        token = TOKEN.match(css, at)
        assert token is not None
        at = token.end()
        if token["other"] is None and not token["call"]:
            continue
        for offset, sign in enumerate(token[0]):
            if sign == ";":
                return token.start() + offset + 1
            if sign in CLOSING:
                at = _end_of_block(css, token.start() + offset + 1, CLOSING[sign])
                if sign == "{":
                    return at
                break
    return at


def _end_of_block(css: str, at: int, closing: str) -> int:
    """Return where a block ends whose inside starts here."""
    open_blocks = [closing]
    while at < len(css):
        token = TOKEN.match(css, at)
        assert token is not None
        if token["other"] is not None or token["call"]:
            for offset, sign in enumerate(token[0]):
                if sign in CLOSING:
                    open_blocks.append(CLOSING[sign])
                elif sign == open_blocks[-1]:
                    open_blocks.pop()
                    if not open_blocks:
                        return token.start() + offset + 1
        at = token.end()
    return at
