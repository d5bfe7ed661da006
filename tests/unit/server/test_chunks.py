"""Chunks: as the standard has them, and made once for one object."""

from __future__ import annotations

from nexusd.server.chunks import Chunks


def test_a_chunk_is_made_once_for_one_object() -> None:
    chunks = Chunks()
    body, twin = b"x" * 26, b"x" * 25 + b"x"
    first = chunks.frame(body)
    assert first == b"1a\r\n" + body + b"\r\n"
    assert chunks.frame(body) is first
    other = chunks.frame(b"y")
    assert other == b"1\r\ny\r\n"
    assert chunks.frame(twin) == first
    assert chunks.frame(body) == first
