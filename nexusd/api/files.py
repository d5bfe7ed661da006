"""A stored file as an answer: read a quarter of a mebibyte at a time."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from nexusd.storage import StoredReader

CHUNK_BYTES: Final = 256 * 1024


class FileAnswer(Response):
    """Sends an open file, then closes it. Memory is one chunk, whatever the size."""

    def __init__(self, file: StoredReader, byte_size: int, content_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(headers={**headers, "Content-Length": str(byte_size)}, media_type=content_type)
        self.headers["Content-Type"] = content_type  # as it is stored: no charset is made up
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the header, and for a GET the bytes."""
        with closing(self._file) as file:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                offset = 0
                while chunk := await file.read(offset, CHUNK_BYTES):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                    offset += len(chunk)
            await send({"type": "http.response.body", "body": b""})
