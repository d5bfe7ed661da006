"""A stored file as an answer: read in a thread, a quarter of a mebibyte at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from starlette.responses import Response

if TYPE_CHECKING:
    import io
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

CHUNK_BYTES: Final = 256 * 1024


class FileAnswer(Response):
    """Sends an open file, then closes it. Memory is one chunk, whatever the size."""

    def __init__(self, file: io.FileIO, byte_size: int, content_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(headers={**headers, "Content-Length": str(byte_size)}, media_type=content_type)
        self.headers["Content-Type"] = content_type  # as it is stored: no charset is made up
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the header, and for a GET the bytes."""
        with self._file as file:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                while chunk := await trio.to_thread.run_sync(file.read, CHUNK_BYTES):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
