"""Frames as bytes, and where a stream goes on from."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from nexusd.api.sse import encode, last_event_id
from nexusd.errors import MalformedRequest
from nexusd.service.streams import Frame


@pytest.mark.parametrize(
    ("frames", "encoded"),
    [
        ([], b""),
        ([Frame(7)], b"id: 7\n\n"),
        ([Frame(0)], b"id: 0\n\n"),
        ([Frame(7, "status", '{"a":"\u00e9"}')], 'id: 7\nevent: status\ndata: {"a":"\u00e9"}\n\n'.encode()),
        ([Frame(event="server.stopping", data="{}")], b"event: server.stopping\ndata: {}\n\n"),
        ([Frame(7, "a", "1"), Frame(8, "b", "2")], b"id: 7\nevent: a\ndata: 1\n\nid: 8\nevent: b\ndata: 2\n\n"),
    ],
)
def test_frames(frames: list[Frame], encoded: bytes) -> None:
    assert encode(frames) == encoded


@pytest.mark.parametrize(
    ("header", "after", "cursor"),
    [
        (None, None, None),
        (None, 5, 5),
        (None, 0, 0),
        (b"7", 5, 7),
        (b"0", 5, 0),
        (b" 7 ", None, 7),
        (b"007", None, 7),
        (b"", 5, 5),
        (b"9" * 19, None, int("9" * 19)),
        (b"-1", None, "refused"),
        (b"7.0", None, "refused"),
        (b"\xb2", None, "refused"),
        (b"7,8", None, "refused"),
        (b"9" * 20, None, "refused"),
        (b"x", 5, "refused"),
    ],
)
def test_the_header_wins_over_the_query(header: bytes | None, after: int | None, cursor: int | str | None) -> None:
    request = Request({"type": "http", "headers": [] if header is None else [(b"last-event-id", header)]})
    if cursor != "refused":
        assert last_event_id(request, after) == cursor
        return
    with pytest.raises(MalformedRequest, match="Last-Event-ID"):
        last_event_id(request, after)
