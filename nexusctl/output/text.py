"""Text from elsewhere, made safe and made to fit.

Owns the removal of terminal escapes, control and bidirectional characters, and widths in terminal cells. A daemon's
strings hold what renderers, other clients and file names say; printed as they are they could move the cursor, retitle the
window or hide text.

Invariant: what `clean` returns holds no character of the categories Cc (but newline and tab), Cf that reorders text, Cs,
Zl or Zp; and `json_text` returns JSON with the same value, those characters escaped.
"""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from typing import Any, Final

# Whole escape sequences go, not only their first byte: "[31m" left behind is harmless, but noise. Source: ECMA-48 §5.4, §5.6.
_ESCAPE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI … final
    # OSC, DCS, SOS, PM, APC … terminator, or the line's end when there is none
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c|(?=\n)|$)"
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
)
_UNSAFE: Final = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_CONTROL: Final = re.compile(f"[{_UNSAFE}]")
_CONTROL_IN_JSON: Final = re.compile(f"[{_UNSAFE}]")
_SPACE: Final = re.compile(r"\s+")
ELLIPSIS: Final = "…"
LINE_MAX_LENGTH: Final = 64 * 1024


def clean(text: str) -> str:
    """Return `text` without escapes and control characters; newlines and tabs stay."""
    return _CONTROL.sub("", _ESCAPE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


class Cleaner:
    """Cleans a text that comes in parts: a line is cleaned once it is whole, so that no escape is cut in two.

    A line that never ends is taken for whole when it is longer than LINE_MAX_LENGTH.
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, part: str) -> str:
        """Return, cleaned, the lines that are whole now."""
        text = self._rest + part
        end = len(text) if len(text) - text.rfind("\n") > LINE_MAX_LENGTH else text.rfind("\n") + 1
        self._rest = text[end:]
        return clean(text[:end])

    def close(self) -> str:
        """Return the last line, if it is not whole, with a newline after it."""
        rest, self._rest = clean(self._rest), ""
        return rest if not rest or rest.endswith("\n") else rest + "\n"


def clean_line(text: str) -> str:
    """Return `text` cleaned, on one line."""
    return _SPACE.sub(" ", clean(text)).strip()


def json_text(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """Return `value` as JSON that is safe to print."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=separators)
    return _CONTROL_IN_JSON.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def cell_width(text: str) -> int:
    """Return how many terminal cells `text` takes."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def shorten(text: str, width: int) -> str:
    """Return `text`, cut to `width` cells, with an ellipsis where it was cut."""
    if cell_width(text) <= width:
        return text
    kept: list[str] = []
    room = width - 1
    for character in text:
        room -= _character_width(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip() + ELLIPSIS if width > 0 else ""


def wrap(line: str, width: int | None, *, indent: str = "") -> list[str]:
    """Return a line in pieces that fit, later ones indented. Words are never cut: ids and paths are there to be copied."""
    if width is None or cell_width(line) <= width:
        return [line]
    pieces = textwrap.wrap(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
    return pieces or [""]


def pad(text: str, width: int) -> str:
    """Return `text` with spaces up to `width` cells."""
    return text + " " * (width - cell_width(text))


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
