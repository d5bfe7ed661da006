"""What comes from a keyboard, as keys: bytes in, names out, no I/O.

A key that is a character is that character; others have names (`up`, `page-down`, `enter`, `escape`). What is not known is left
out whole, so that no part of a sequence is taken for a letter that was pressed.

Source: ECMA-48 §5.4 (control sequences), xterm's ctlseqs, "PC-Style Function Keys".
"""

from __future__ import annotations

import re
from typing import Final

_NAMED: Final = {
    b"A": "up",
    b"B": "down",
    b"H": "home",
    b"F": "end",
    b"1~": "home",
    b"4~": "end",
    b"5~": "page-up",
    b"6~": "page-down",
    b"7~": "home",
    b"8~": "end",
}
_SEQUENCE: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[@-~]|[^\[O])")
_UNFINISHED: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|O)")
_UNFINISHED_MAX_BYTES: Final = 32


class Keyboard:
    """The keys of one terminal. A sequence that was cut in two is put together."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[str]:
        """Take what was read, and return the keys in it. An escape that stands at the end is the key."""
        data, self._rest = self._rest + chunk, b""
        keys: list[str] = []
        place = 0
        while place < len(data):
            if data[place] != 0x1B:
                keys += _character(data[place])
                place += 1
            elif place + 1 == len(data):
                keys.append("escape")
                place += 1
            elif found := _SEQUENCE.match(data, place):
                name = _NAMED.get(found[0][2:])
                keys += [name] if name else []
                place = found.end()
            elif (cut := _UNFINISHED.fullmatch(data, place)) and len(cut[0]) <= _UNFINISHED_MAX_BYTES:
                self._rest = cut[0]
                break
            else:
                place += 1
        return keys


def _character(byte: int) -> list[str]:
    if byte in (0x0D, 0x0A):
        return ["enter"]
    return [chr(byte)] if 0x20 <= byte < 0x7F else []
