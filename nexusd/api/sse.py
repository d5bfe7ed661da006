"""Event streams as answers: where one goes on from, and how its bytes reach the server.

Source: HTML Standard, §9.2 "Server-sent events".
"""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from nexusd.api.answers import EVENT_STREAM, document_header
from nexusd.contract.sse import PREAMBLE
from nexusd.errors import MalformedRequest

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from nexusd.service.streams import Stream

RESUMABLE: Final = document_header(
    "Last-Event-ID", {"type": "integer", "minimum": 0}, "Go on after the frame with this id. Wins over `after`."
)
"""The `openapi_extra` of every stream."""


def last_event_id(request: Request, after: int | None) -> int | None:
    """Return the cursor to go on from: the header `Last-Event-ID`, else `?after=`, else None.

    Raises MalformedRequest for a header that is no number; a browser then gives up for good, and rightly.
    """
    header = request.headers.get("last-event-id", "").strip()
    if not header:
        return after
    if not (header.isascii() and header.isdigit() and len(header) < 20):
        raise MalformedRequest("Last-Event-ID must be the id of a frame of this daemon, a whole number")
    return int(header)


class EventStream(Response):
    """An answer that goes on until its pieces end. The server cancels it when the client has gone.

    A server that offers `nexusd.pieces` is handed the pieces, and sends them without a way through every layer for each.
    """

    media_type = EVENT_STREAM

    def __init__(self, stream: Stream) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send every piece as one write."""
        async with AsyncExitStack() as stack:
            rest = await stack.enter_async_context(aclosing(self._stream.rest))
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": PREAMBLE + self._stream.first, "more_body": True})
            if "nexusd.pieces" in scope.get("extensions", {}):
                await send({"type": "nexusd.pieces", "pieces": rest})
                stack.pop_all()  # the server closes them
                return
            async for piece in rest:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
