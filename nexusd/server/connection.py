"""One connection: reads heads, runs exchanges one after the other, refuses what is unsound, and ends.

Owns the connection's phases and the deadline of each: idle (keep-alive timeout), header (from its first byte), exchange
(none of its own; body and sends have theirs), linger. Leaves out framing and the ASGI messages.

Invariants
- One task; pipelined requests are answered in order, and what one read brought beyond the current request is all that is
  ever buffered of the next.
- `run` never raises an `Exception`: this is the connection border, and one connection's failure never touches another.
- A silent peer is closed silently; one that had begun a request is told 408.
"""

from __future__ import annotations

import contextlib
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from nexusd.server.asgi import PeerGone
from nexusd.server.body import RequestBody
from nexusd.server.exchange import After, Exchange
from nexusd.server.head import Head, find_head_end, parse_head, skip_blank_lines
from nexusd.server.problems import Problem, Refused

if TYPE_CHECKING:
    from nexusd.server.activity import Activity
    from nexusd.server.asgi import Application
    from nexusd.server.chunks import Chunks
    from nexusd.server.dates import DateHeader
    from nexusd.server.limits import Limits
    from nexusd.server.wire import Wire

_logger = logging.getLogger("nexusd.server")


@dataclass(frozen=True, slots=True)
class Service:
    """What every connection of one server shares."""

    application: Application
    limits: Limits
    activity: Activity
    stopping: trio.Event
    dates: DateHeader
    chunks: Chunks


class Connection:
    """Serves one peer until it leaves, misbehaves, or the server stops."""

    def __init__(self, wire: Wire, service: Service, base_scope: dict[str, Any]) -> None:
        self.wire = wire
        self._service = service
        self._base_scope = base_scope
        self._buffer = b""
        self._exchange: Exchange | None = None
        self._stopped = False

    def stop(self) -> None:
        """End at once unless a request is in flight; that one's answer says `Connection: close`."""
        self._stopped = True
        if self._exchange is None:
            self.wire.scope.cancel()
        elif self._exchange.is_sending_pieces:
            self.wire.set_deadline(trio.current_time() + self._service.limits.stop_grace_of_pieces_seconds)

    async def run(self) -> None:
        """Serve until the end. The caller closes the wire.

        Cancellation: ends at once, whatever the peer does.
        """
        try:
            with self.wire.scope:
                await self._serve()
            if self.wire.scope.cancelled_caught and self._buffer and not self._stopped:
                self._tell_timeout()
        except PeerGone as error:
            _logger.debug("connection ended: %s", error)
        except Exception:
            _logger.exception("connection failed")

    async def _serve(self) -> None:
        try:
            while (head := await self._read_head()) is not None:
                after = await self._answer(head)
                if after is After.CLOSE:
                    return
                if after is After.LINGER:
                    break
            else:
                return
        except Refused as refused:
            _logger.debug("refused a request: %s", refused)
            self.wire.set_deadline(math.inf)  # from here on the send has its own
            self._buffer = b""
            await self.wire.send(refused.problem.to_bytes(self._service.dates.now()))
        self._buffer = b""
        await self.wire.linger()

    async def _answer(self, head: Head) -> After:
        service = self._service
        body = RequestBody(head, self._buffer, self.wire, service.limits)
        exchange = self._exchange = Exchange(head, body, self.wire, service.dates, service.stopping, service.chunks)
        service.activity.request_began()
        try:
            return await exchange.run(service.application)
        finally:
            service.activity.request_ended()
            self._exchange = None
            self._buffer = body.leftover

    async def _read_head(self) -> Head | None:
        """Return the next request's head, or None when there will be none. Raises Refused."""
        if self._service.stopping.is_set():
            return None
        limits = self._service.limits
        wire = self.wire
        if self._buffer:
            await trio.lowlevel.checkpoint()  # pipelined requests must not keep the other connections waiting
        else:
            wire.set_deadline(trio.current_time() + limits.keep_alive_timeout_seconds)
            self._buffer = await wire.receive()
            if not self._buffer:
                return None
        end = self._find_head_end()
        if not end:
            wire.set_deadline(trio.current_time() + limits.header_timeout_seconds)
            while not end:
                data = await wire.receive()
                if not data and not self._buffer:
                    return None
                if not data:
                    raise Refused(400, "The request ended inside its header.")
                self._buffer += data
                end = self._find_head_end()
        wire.set_deadline(math.inf)
        data, self._buffer = self._buffer[:end], self._buffer[end:]
        return parse_head(data, limits, self._base_scope)

    def _find_head_end(self) -> int:
        self._buffer = skip_blank_lines(self._buffer)
        return find_head_end(self._buffer, self._service.limits)

    def _tell_timeout(self) -> None:
        answer = Problem(408, "The request header came too slowly.").to_bytes(self._service.dates.now())
        with contextlib.suppress(PeerGone):
            self.wire.send_nowait(answer)
