"""One request and its answer: the ASGI side of a connection.

Owns `receive` and `send` as the application sees them, and what becomes of the connection afterwards. Leaves out reading the
head and every connection-wide deadline. h11 frames both directions; each exchange has its own h11 machine, so nothing
carries over from one request to the next.

Invariants
- The body is read when the application asks, not before; `100 Continue` is sent by the first `receive`.
- What the transport found wrong with a body (malformed, too slow, cut short) wins over the application: `receive` says
  `http.disconnect`, `send` raises, and the client gets the problem, unless the answer had begun.
- An answer with a Content-Length waits for its first piece of body, so that a short one is a single send; one without leaves
  at once, because a stream may stay silent for long.
- When the peer has gone: `receive` returns `http.disconnect` and `send` raises OSError at once, and the application is
  cancelled after `disconnect_grace_seconds`. What it raises on the way is not a fault of its own: logged at DEBUG.
- An application may hand over the rest of an answer without a length as an iterator of pieces, by the message `nexusd.pieces`:
  the server sends each as one write once the application has returned, and closes the iterator in any case. What a stream does
  a thousand times a second then does not go through the application's layers.
- A peer that half-closes after its request still gets its answer; `http.disconnect` comes when it is gone for good.

Source: ASGI HTTP 2.4; RFC 9110 §8.6, §9.3.2, §10.1.1; RFC 9112 §9.6.
"""

from __future__ import annotations

import logging
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import h11
import trio

from nexusd import failpoints
from nexusd.server.asgi import PeerGone
from nexusd.server.problems import Problem, Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nexusd.server.asgi import Application, Message
    from nexusd.server.body import RequestBody
    from nexusd.server.chunks import Chunks
    from nexusd.server.dates import DateHeader
    from nexusd.server.head import Head
    from nexusd.server.wire import Wire

_logger = logging.getLogger("nexusd.server")

_REASONS: Final[dict[int, bytes]] = {status.value: status.phrase.encode() for status in HTTPStatus}
_JOIN_MAX_BYTES: Final = 64 * 1024
_CONTINUE: Final = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
_END: Final = h11.EndOfMessage()
_TURN_MAX_BYTES: Final = 64 * 1024
_PIECE_COST_BYTES: Final = 1024
"""One piece counts as so many bytes more: a stream of many small ones must not keep the other connections waiting either."""
_INTERNAL: Final = Problem(500, "The server failed to answer; its log says why.")


class After(Enum):
    """What becomes of the connection once an exchange is over."""

    NEXT_REQUEST = auto()
    LINGER = auto()
    CLOSE = auto()


class Exchange:
    """Runs the application for one request."""

    def __init__(
        self, head: Head, body: RequestBody, wire: Wire, dates: DateHeader, stopping: trio.Event, chunks: Chunks
    ) -> None:
        self._head = head
        self._machine = head.machine
        self._body = body
        self._wire = wire
        self._dates = dates
        self._stopping = stopping
        self._chunks = chunks
        self._pieces: AsyncGenerator[bytes, None] | None = None
        self._body_delivered = False
        self._problem: Problem | None = None
        self._bodyless = head.method == b"HEAD"
        self._started = False
        self._held: h11.Response | None = None
        self._anything_sent = False
        self._complete = False
        self._over = False

    @property
    def is_sending_pieces(self) -> bool:
        """Whether the rest of the answer was handed over as pieces."""
        return self._pieces is not None

    async def run(self, application: Application) -> After:
        """Call the application and see its answer through. Raises PeerGone."""
        failed = False
        try:
            await application(self._head.scope, self.receive, self.send)
            if self._pieces is not None:
                await self._send_pieces(self._pieces)
        except Exception as error:
            failed = True
            self._log_failure(error)
        finally:
            if self._pieces is not None:
                await self._pieces.aclose()
        self._over = True
        self._wire.wake()
        if self._complete:
            return await self._settle_body()
        if self._wire.gone:
            return After.CLOSE
        if not failed and self._problem is None:
            _logger.error("%s: the application returned before its answer was complete", self._describe())
        if self._anything_sent:
            return After.CLOSE
        problem = self._problem or _INTERNAL
        await self._wire.send(problem.to_bytes(self._dates.now(), with_body=self._head.method != b"HEAD"))
        return After.LINGER

    async def receive(self) -> Message:
        """ASGI `receive`: the next piece of body, then nothing until the peer leaves or the answer is complete."""
        if self._problem is not None or self._complete or self._over:
            return {"type": "http.disconnect"}
        if self._body_delivered:
            await self._wire.wait_gone()
            return {"type": "http.disconnect"}
        try:
            if self._body.is_awaiting_continue:
                await self._wire.send(self._machine.send(_CONTINUE))
            piece = await self._body.read_piece()
        except Refused as refused:
            self._problem = refused.problem
            return {"type": "http.disconnect"}
        except PeerGone:
            return {"type": "http.disconnect"}
        self._body_delivered = self._body.complete
        return {"type": "http.request", "body": piece, "more_body": not self._body_delivered}

    async def send(self, message: Message) -> None:
        """ASGI `send`. Raises PeerGone, an OSError, when nobody is left to read or the request has proved unsound."""
        if self._problem is not None or self._wire.gone or self._over:
            raise PeerGone("the client has gone, or its request was not received whole")
        kind = message["type"]
        if kind == "http.response.start":
            await self._start(message)
        elif kind == "http.response.body":
            await self._send_body(message)
        elif kind == "nexusd.pieces":
            self._take_pieces(message)
        else:
            raise RuntimeError(f"this server does not speak the ASGI message {kind!r}")

    async def _start(self, message: Message) -> None:
        if self._started:
            raise RuntimeError("the answer has begun already")
        self._started = True
        await failpoints.reach("server.answer.before")
        status = message["status"]
        self._bodyless = self._bodyless or status in (204, 304)
        headers = [(name, value) for name, value in message.get("headers", ()) if status != 204 or name != b"content-length"]
        names = {name for name, _ in headers}
        if b"date" not in names:
            headers.append((b"date", self._dates.now()))
        if self._is_last():
            headers.append((b"connection", b"close"))
        response = h11.Response(status_code=status, headers=headers, reason=_REASONS.get(status, b""))
        if self._bodyless or b"content-length" in names:
            self._held = response
        else:
            await self._transmit([self._machine.send(response)])

    def _is_last(self) -> bool:
        return self._stopping.is_set() or not (self._body.complete or self._body.is_drainable)

    async def _send_body(self, message: Message) -> None:
        if not self._started or self._complete:
            raise RuntimeError("a piece of body came before the answer began, or after it ended")
        parts: list[bytes] = []
        if self._held is not None:
            parts.append(self._machine.send(self._held))
            self._held = None
        body = message.get("body", b"")
        if body and not self._bodyless:
            parts += self._machine.send_with_data_passthrough(h11.Data(data=body)) or ()
        if message.get("more_body", False):
            await self._transmit(parts)
            await trio.lowlevel.checkpoint()  # a fast reader must not keep the other connections waiting
        else:
            await self._end(parts)

    def _take_pieces(self, message: Message) -> None:
        if not self._started or self._complete or self._held is not None or self._pieces is not None:
            raise RuntimeError("pieces are for an answer without a length that has begun, once")
        self._pieces = message["pieces"]

    async def _send_pieces(self, pieces: AsyncGenerator[bytes, None]) -> None:
        chunked = self._head.scope["http_version"] == "1.1"
        sent = 0
        async for piece in pieces:  # `run` closes them
            if not piece or self._bodyless:
                continue
            await self._wire.send(self._chunks.frame(piece) if chunked else piece)
            sent += len(piece) + _PIECE_COST_BYTES
            if sent > _TURN_MAX_BYTES:
                sent = 0
                await trio.lowlevel.checkpoint()
        await self._end([])

    async def _end(self, parts: list[bytes]) -> None:
        parts.append(self._machine.send(_END))
        await self._transmit(parts)
        self._complete = True
        self._wire.wake()
        await failpoints.reach("server.answer.after")

    async def _transmit(self, parts: list[bytes]) -> None:
        self._anything_sent = True
        if sum(map(len, parts)) > _JOIN_MAX_BYTES:
            for part in parts:
                await self._wire.send(part)
        elif parts:
            await self._wire.send(b"".join(parts))

    async def _settle_body(self) -> After:
        if self._machine.our_state is not h11.DONE:
            return After.CLOSE if self._body.complete else After.LINGER
        return After.NEXT_REQUEST if self._body.complete or await self._body.drain() else After.LINGER

    def _log_failure(self, error: Exception) -> None:
        if self._wire.gone or self._problem is not None:
            _logger.debug("%s: ended with its client", self._describe(), exc_info=error)
        else:
            _logger.error("%s: the application failed", self._describe(), exc_info=error)

    def _describe(self) -> str:
        # The raw path is visible ASCII, or the head would have been refused: no CR or LF reaches the log.
        scope = self._head.scope
        return f"{scope['method']} {scope['raw_path'].decode('ascii')}"
