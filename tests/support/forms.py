"""Forms as a client would send them, or as it should not."""

from __future__ import annotations

from typing import Final

BOUNDARY: Final = b"xYzZy"
FORM_TYPE: Final = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}


def part(disposition: str, content: bytes, *more: str) -> bytes:
    """Return one part; `more` are further headers."""
    head = "\r\n".join((f"Content-Disposition: form-data; {disposition}", *more)).encode()
    return b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


def file_part(content: bytes, filename: str = "a.bin", *more: str) -> bytes:
    """Return the part of a file."""
    return part(f'name="file"; filename="{filename}"', content, *more)


def field(name: str, value: str) -> bytes:
    """Return the part of a text field."""
    return part(f'name="{name}"', value.encode())


def form(*parts: bytes) -> bytes:
    """Return a whole body."""
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"
