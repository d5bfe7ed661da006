"""A stored file, or a part of one, as an answer: read and sent half a mebibyte at a time."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from nexusd.storage import StoredReader

CHUNK_BYTES: Final = 512 * 1024
"""Large enough for a gigabyte to cost a second of processor time, small enough for hundreds of slow readers."""


class FileAnswer(Response):
    """Sends `wanted` bytes of an open file, then closes it. Memory is one chunk, whatever the size."""

    def __init__(self, file: StoredReader, wanted: range, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status_code=status, headers={**headers, "Content-Length": str(len(wanted))})
        self._file = file
        self._wanted = wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the header, and for a GET the bytes."""
        with closing(self._file) as file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                for offset in self._wanted[::CHUNK_BYTES]:
                    chunk = await file.read(offset, min(CHUNK_BYTES, self._wanted.stop - offset))
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
