"""The body of one request, piece by piece.

Owns its framing (by h11), its deadlines and what is done with a body that the application did not want. Leaves out the size
that is allowed: the application counts what it takes.

Invariants
- Bytes are read only when a piece is asked for, and one piece is never larger than one read: memory is flat at any size.
- Only time spent waiting for the peer counts against it; an application that is slow to ask does not.
- A chunked body ends with CRLF CRLF exactly. h11 also takes a bare LF there, and two readers that disagree on where a
  request ends are how requests are smuggled.

Source: RFC 9112 §6, §7.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import h11
import trio

from nexusd.server.problems import Refused

if TYPE_CHECKING:
    from nexusd.server.head import Head
    from nexusd.server.limits import Limits
    from nexusd.server.wire import Wire

_CHUNKS_END: Final = b"\r\n\r\n"
_EVENTS_PER_PIECE: Final = 64


class RequestBody:
    """Reads one request's body. `leftover` holds what came after it."""

    def __init__(self, head: Head, buffered: bytes, wire: Wire, limits: Limits) -> None:
        self._machine = head.machine
        self._length = head.content_length
        self._wire = wire
        self._limits = limits
        self._received = 0
        self._waited_seconds = 0.0
        self._fed = b""
        self.complete = self._length == 0
        self.leftover = buffered if self.complete else b""
        if buffered and not self.complete:
            self._feed(buffered)

    @property
    def is_awaiting_continue(self) -> bool:
        """Whether the client sends its body only after `100 Continue`."""
        return self._machine.they_are_waiting_for_100_continue

    @property
    def is_drainable(self) -> bool:
        """Whether what is left of the body is known to be little, and on its way."""
        if self._length is None or self.is_awaiting_continue:
            return False
        return self._length - self._received <= self._limits.drain_max_bytes

    async def read_piece(self) -> bytes:
        """Return the next bytes; empty only at the end, when `complete` is true. Raises Refused."""
        while True:
            piece = self._parse_piece()
            if piece or self.complete:
                return piece
            data = self._wire.receive_nowait()
            if data is None:
                data = await self._wait()
            else:
                await trio.lowlevel.checkpoint()  # a fast sender must not keep the other connections waiting
            if not data:
                raise Refused(400, "The body ended early.")
            self._feed(data)

    async def drain(self) -> bool:
        """Read the rest away; tell whether the end was reached within `drain_timeout_seconds`."""
        with trio.move_on_after(self._limits.drain_timeout_seconds):
            try:
                while not self.complete:
                    await self.read_piece()
            except Refused:
                return False
        return self.complete

    def _feed(self, data: bytes) -> None:
        self._machine.receive_data(data)
        if self._length is None:
            self._fed = self._fed[-len(_CHUNKS_END) :] + data

    def _parse_piece(self) -> bytes:
        pieces: list[bytes] = []
        try:
            # Bounded, because one read can hold thousands of one-byte chunks.
            while len(pieces) < _EVENTS_PER_PIECE and not self.complete:
                event = self._machine.next_event()
                if isinstance(event, h11.Data):
                    pieces.append(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self._finish()
                else:
                    break
        except h11.RemoteProtocolError as error:
            raise Refused(400, "The body is not framed as its header says.") from error
        piece = b"".join(pieces)
        self._received += len(piece)
        return piece

    def _finish(self) -> None:
        self.leftover = self._machine.trailing_data[0]
        if self._length is None and not self._fed[: len(self._fed) - len(self.leftover)].endswith(_CHUNKS_END):
            raise Refused(400, "A chunked body ends with an empty line of CR LF.")
        self.complete = True

    async def _wait(self) -> bytes:
        began = trio.current_time()
        earned = self._limits.body_grace_seconds + self._received / self._limits.body_min_bytes_per_second
        patience = min(self._limits.body_idle_timeout_seconds, earned - self._waited_seconds)
        with trio.move_on_after(max(patience, 0)):
            data = await self._wire.receive()
            self._waited_seconds += trio.current_time() - began
            return data
        raise Refused(408, "The body came too slowly.")
