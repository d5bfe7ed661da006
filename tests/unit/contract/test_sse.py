"""Frames as bytes."""

from __future__ import annotations

import pytest

from nexusd.contract.sse import encode_frame


@pytest.mark.parametrize(
    ("frame", "encoded"),
    [
        ((7,), b"id: 7\n\n"),
        ((0,), b"id: 0\n\n"),
        ((7, "status", '{"a":"\u00e9"}'), 'id: 7\nevent: status\ndata: {"a":"\u00e9"}\n\n'.encode()),
        ((None, "server.stopping", "{}"), b"event: server.stopping\ndata: {}\n\n"),
    ],
)
def test_frames(frame: tuple[int | None, str | None, str | None], encoded: bytes) -> None:
    assert encode_frame(*frame) == encoded
