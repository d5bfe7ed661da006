"""Server-Sent Events: frames of a stream as bytes, and the answer that carries them.

Source: HTML Standard, §9.2 "Server-sent events". A keep-alive is a frame with an id alone: a client dispatches nothing, but
remembers the id.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from nexusd.api.answers import EVENT_STREAM, document_header
from nexusd.errors import MalformedRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from nexusd.service.streams import Frame

PREAMBLE: Final = b"retry: 1000\n\n"
RESUMABLE: Final = document_header(
    "Last-Event-ID", {"type": "integer", "minimum": 0}, "Go on after the frame with this id. Wins over `after`."
)
"""The `openapi_extra` of every stream."""


def encode(frames: Sequence[Frame]) -> bytes:
    """Return the frames as bytes. `data` is one line, as all our JSON is."""
    return "".join(map(_encode, frames)).encode()


def _encode(frame: Frame) -> str:
    lines = (
        (name, value) for name, value in (("id", frame.id), ("event", frame.event), ("data", frame.data)) if value is not None
    )
    return "".join(f"{name}: {value}\n" for name, value in lines) + "\n"


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
    """An answer that goes on until its frames end. The server cancels it when the client has gone."""

    media_type = EVENT_STREAM

    def __init__(self, frames: AsyncGenerator[list[Frame], None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send every list of frames as one write."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": PREAMBLE, "more_body": True})
        async with aclosing(self._frames) as frames:
            async for pending in frames:
                await send({"type": "http.response.body", "body": encode(pending), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
