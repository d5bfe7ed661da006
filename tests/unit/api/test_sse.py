"""Where a stream goes on from."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from nexusd.api.sse import last_event_id
from nexusd.errors import MalformedRequest


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
