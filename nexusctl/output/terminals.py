"""Which protocol for pictures a terminal has, told by its environment; in doubt none.

Nothing is asked of the terminal: its answer would come among what the person types, and late ones would be left in the prompt.
Who knows better says so with the setting `preview`.

Inside of tmux, screen or zellij there are no pictures: those must be told to let escapes through, and draw over them.
A terminal that was started from another one inherits its variables, so marks that contradict each other mean nothing.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import termios
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from nexusctl.output.pictures import Protocol, Room

if TYPE_CHECKING:
    from collections.abc import Mapping

_MULTIPLEXERS: Final = ("TMUX", "STY", "ZELLIJ")
_MULTIPLEXED: Final = ("tmux", "screen")
_BY_TERM: Final = (
    ("xterm-kitty", Protocol.KITTY),
    ("xterm-ghostty", Protocol.KITTY),
    ("wezterm", Protocol.ITERM2),
    ("foot", Protocol.SIXEL),
    ("mlterm", Protocol.SIXEL),
    ("yaft", Protocol.SIXEL),
)
_BY_PROGRAM: Final = {
    "iTerm.app": Protocol.ITERM2,
    "WezTerm": Protocol.ITERM2,
    "mintty": Protocol.ITERM2,
    "rio": Protocol.ITERM2,
    "ghostty": Protocol.KITTY,
}
_OF_OTHERS: Final = ("XTERM_VERSION", "VTE_VERSION", "ALACRITTY_WINDOW_ID", "WT_SESSION")
_KONSOLE_MIN: Final = 220400
_STRING_END: Final = b"\x1b\\"
_LINES_KEPT: Final = 3
"""For the prompt, and for what stands above the picture."""


def find_protocol(environment: Mapping[str, str]) -> Protocol | None:
    """Return the protocol of the terminal with this environment, None where that is none or not known."""
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if term.startswith(_MULTIPLEXED) or any(environment.get(name) for name in _MULTIPLEXERS):
        return None
    for beginning, protocol in _BY_TERM:
        if term == beginning or term.startswith(f"{beginning}-"):
            return protocol
    if not term.startswith("xterm") or any(environment.get(name) for name in _OF_OTHERS):
        return Protocol.SIXEL if "sixel" in term else None
    if program or environment.get("LC_TERMINAL") == "iTerm2":
        return _BY_PROGRAM.get(program or "iTerm.app")
    konsole = environment.get("KONSOLE_VERSION", "")
    is_konsole = konsole.isascii() and konsole.isdigit() and int(konsole) >= _KONSOLE_MIN
    return Protocol.KITTY if is_konsole or (environment.get("KITTY_WINDOW_ID") and not konsole) else None


def write_escape(text: str) -> None:
    """Write an escape and a newline to standard output. One that is cut short, by Ctrl-C for example, is ended all the same."""
    sys.stdout.flush()
    data = text.encode("ascii") + b"\n"
    try:
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]
    except BaseException:
        with suppress(OSError):
            os.write(sys.stdout.fileno(), _STRING_END)
        raise


def find_room(descriptor: int) -> Room:
    """Return the room that a terminal has for a picture. One that does not tell its pixels has cells of the usual size."""
    columns, lines = os.get_terminal_size(descriptor)
    usual = Room(max(1, columns), max(1, lines - _LINES_KEPT))
    with suppress(OSError):
        told = fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8))
        rows, cells, width, height = struct.unpack("HHHH", told)
        if rows and cells and width >= cells and height >= rows:
            return Room(usual.columns, usual.lines, width // cells, height // rows)
    return usual
