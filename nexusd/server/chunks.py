"""Chunks of an answer without a length, framed once for all who are sent the same.

Source: RFC 9112 §7.1.
"""

from __future__ import annotations


class Chunks:
    """Remembers the last chunk: the streams of one moment are mostly handed one and the same object, one after the other."""

    def __init__(self) -> None:
        self._body = b""
        self._chunk = b""

    def frame(self, body: bytes) -> bytes:
        """Return `body`, which is not empty, as a chunk."""
        if body is not self._body:
            self._body, self._chunk = body, b"%x\r\n%b\r\n" % (len(body), body)
        return self._chunk
