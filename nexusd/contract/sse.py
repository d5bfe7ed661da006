"""Server-Sent Events as bytes: the one place that knows what a frame looks like.

Source: HTML Standard, §9.2 "Server-sent events". A frame with an id alone is a keep-alive: a client dispatches nothing, but
remembers the id.
"""

from __future__ import annotations

from typing import Final

PREAMBLE: Final = b"retry: 1000\n\n"
"""The first bytes of every stream: how many milliseconds a browser waits before it comes back."""


def encode_frame(frame_id: int | None = None, event: str | None = None, data: str | None = None) -> bytes:
    """Return one frame. `data` is one line, as all our JSON is."""
    lines = (("id", frame_id), ("event", event), ("data", data))
    return "".join(f"{name}: {value}\n" for name, value in lines if value is not None).encode() + b"\n"
