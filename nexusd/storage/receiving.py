"""An upload as it comes, made into pieces of a useful size, with its bound.

Owns counting and gathering. Leaves out where the pieces go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexusd.errors import PayloadTooLarge
from nexusd.storage.incoming import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable


async def receive(source: AsyncIterable[bytes], max_bytes: int | None, write: Callable[[bytearray], Awaitable[None]]) -> None:
    """Give all of `source` to `write`, about a mebibyte at a time.

    Raises PayloadTooLarge with the first byte above `max_bytes`; what came before it may have been written.
    """
    received = 0
    buffer = bytearray()
    async for chunk in source:
        received += len(chunk)
        if max_bytes is not None and received > max_bytes:
            raise PayloadTooLarge(f"the file is larger than the limit of {max_bytes} bytes")
        buffer += chunk
        if len(buffer) >= CHUNK_BYTES:
            await write(buffer)
            buffer = bytearray()
    if buffer:
        await write(buffer)
