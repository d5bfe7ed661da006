"""An incremental parser of `text/event-stream`: bytes in, frames out, no I/O.

Source: WHATWG HTML, "9.2.5 Parsing an event stream" and "9.2.6 Interpreting an event stream".

Owns the line and field rules only. Reconnecting, cursors and what an event means belong to `client.following`.

Invariants:
1. How the bytes were cut into chunks never changes the frames.
2. `last_event_id` changes only when a frame ends, so a frame torn by a lost connection leaves it alone. Frames without data
   (keep-alives) change it too, and are not returned.
3. At most `max_frame_bytes` are held; a longer frame raises FrameTooLarge and the parser is of no further use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_FRAME_BYTES: Final = 4 * 1024 * 1024
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"
_RETRY_MAX_DIGITS: Final = 9


class FrameTooLarge(Exception):
    """One frame is longer than the bound."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One dispatched event. `id` is the last event id of the stream when the frame ended, possibly empty."""

    event: str
    data: str
    id: str


class Parser:
    """One stream, from its first byte. Use a new one for each connection."""

    def __init__(self, *, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self.last_event_id = ""
        self.retry_milliseconds: int | None = None
        self._max_frame_bytes = max_frame_bytes
        self._line: list[bytes] = []  # the parts of a line whose end has not come yet
        self._frame_bytes = 0
        self._after_cr = False
        self._first_line = True
        self._event = ""
        self._data: list[str] = []
        self._id = ""

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take the next bytes, of any length, and return the frames they complete."""
        if not chunk:
            return []
        if self._after_cr and chunk[:1] == b"\n":  # the second half of a CRLF that was cut in two
            chunk = chunk[1:]
        self._after_cr = chunk[-1:] == b"\r" if chunk else False
        *ends, rest = _LINE_END.split(chunk)
        frames = []
        for end in ends:
            self._hold(end)
            line = b"".join(self._line)
            self._line.clear()
            if (frame := self._take_line(line)) is not None:
                frames.append(frame)
        if rest:
            self._hold(rest)
        return frames

    def _hold(self, part: bytes) -> None:
        self._frame_bytes += len(part)
        if self._frame_bytes > self._max_frame_bytes:
            raise FrameTooLarge(f"an event is longer than {self._max_frame_bytes} bytes")
        self._line.append(part)

    def _take_line(self, line: bytes) -> Frame | None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        if line.startswith(b":"):
            self._frame_bytes -= len(line)  # comments may go on for ever without an empty line
            return None
        name, _, value = line.decode("utf-8", "replace").partition(":")
        self._take_field(name, value.removeprefix(" "))
        return None

    def _take_field(self, name: str, value: str) -> None:
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id":
            if "\0" not in value:
                self._id = value
        elif name == "retry" and value.isascii() and value.isdigit() and len(value) <= _RETRY_MAX_DIGITS:
            self.retry_milliseconds = int(value)

    def _dispatch(self) -> Frame | None:
        self.last_event_id = self._id
        frame = Frame(self._event or "message", "\n".join(self._data), self._id) if self._data else None
        self._event = ""
        self._data.clear()
        self._frame_bytes = 0
        return frame
