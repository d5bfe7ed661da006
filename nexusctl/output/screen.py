"""Where output goes: standard output for results, standard error for everything said about them.

Owns what is known about the two streams (terminal or not, width, colour) and the writing to them. Knows no jobs.

Invariants:
1. Standard output gets results only, so that it can be piped; notes, progress and errors go to standard error.
2. Colour is used only where it is wanted: what the caller says wins, then NO_COLOR (https://no-color.org), then FORCE_COLOR and
   CLICOLOR_FORCE, then CLICOLOR=0 (https://bixense.com/clicolors), and else a terminal that is not dumb gets it.
3. Without a terminal the width is unlimited (None): what a script reads is never shortened.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

from nexusctl.output.text import clean, json_text, wrap

if TYPE_CHECKING:
    from nexusctl.errors import NexusctlError

MIN_WIDTH: Final = 20
COLOURS: Final = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1", "reverse": "7"}


@dataclass(frozen=True, slots=True)
class Style:
    """What one stream can show."""

    is_terminal: bool
    width: int | None
    colour: bool
    time: str = "relative"
    """How moments are told: `relative`, `iso` or `unix`."""

    def paint(self, text: str, colour: str | None) -> str:
        """Return `text` in a colour, where colour is wanted."""
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if colour and self.colour else text


def style_of(stream: TextIO, colour: str = "auto", time: str = "relative") -> Style:
    """Look at a stream and the environment. `colour` is `auto`, `always` or `never`."""
    is_terminal = stream.isatty()
    is_wanted = _wants_colour(is_terminal) if colour == "auto" else colour == "always"
    width = max(MIN_WIDTH, shutil.get_terminal_size().columns) if is_terminal else None
    return Style(is_terminal, width, is_wanted, time)


def _wants_colour(is_terminal: bool) -> bool:
    environment = os.environ
    if environment.get("NO_COLOR"):
        return False
    if any(environment.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return is_terminal and environment.get("TERM") != "dumb" and environment.get("CLICOLOR") != "0"


class Screen:
    """The two streams of this process. `quiet` leaves out everything on standard error but errors."""

    def __init__(self, *, quiet: bool = False, colour: str = "auto", time: str = "relative") -> None:
        self.quiet = quiet
        self.style = style_of(sys.stdout, colour, time)
        self.note_style = style_of(sys.stderr, colour, time)

    def write(self, text: str) -> None:
        """Write one result, a line or several."""
        sys.stdout.write(text + "\n")

    def write_part(self, text: str) -> None:
        """Write a part of a text, with the newlines it has."""
        sys.stdout.write(text)

    def write_json(self, body: bytes | str) -> None:
        """Write a document of the API: indented on a terminal, on one line otherwise."""
        self.write(self._json(json.loads(body), indent=2 if self.style.is_terminal else None))

    def write_at_once(self, text: str) -> None:
        """Write one line of something that goes on."""
        self.write(text)
        sys.stdout.flush()

    def write_json_line(self, document: object) -> None:
        """Write one line of NDJSON, at once."""
        self.write_at_once(self._json(document, indent=None))

    def note(self, text: str) -> None:
        """Say something about the work."""
        if not self.quiet:
            _write_error(f"nexusctl: {clean(text)}\n")

    def _json(self, document: object, *, indent: int | None) -> str:
        return json_text(document, indent=indent, ascii_only=(sys.stdout.encoding or "").lower() not in ("utf-8", "utf8"))


def write_error(error: NexusctlError, *, verbose: bool, colour: str = "auto") -> None:
    """Say what went wrong, then what to do, and with `verbose` the stable name of the error."""
    style = style_of(sys.stderr, colour)
    what, *more = clean(str(error)).strip().split("\n")
    what += f" [{error.slug}]" if verbose else ""
    first, *rest = wrap(f"nexusctl: {what}", style.width, indent="  ")
    for line in [*more, *clean(error.hint or "").strip().split("\n")]:
        rest += wrap(f"  {line}", style.width, indent="  ") if line.strip() else []
    _write_error("\n".join([first.replace("nexusctl:", style.paint("nexusctl:", "red"), 1), *rest]) + "\n")


def _write_error(text: str) -> None:
    sys.stdout.flush()  # so that the two streams keep their order where they end in one file
    sys.stderr.write(text)
    sys.stderr.flush()


def silence() -> None:
    """Let what is still buffered go nowhere: who read it has gone, and the interpreter would complain at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
