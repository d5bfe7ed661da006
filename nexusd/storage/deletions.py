"""Deletions of stored files that can be put off: while a backup is made, what its rows name must not go.

Owns who holds them, and what was put off. Belongs to the trio thread.

Invariants: nothing is deleted while anybody holds. What was put off is deleted when the last one lets go; what is more than
`PUT_OFF_MAX`, or was put off when the daemon died, is a file without a row, which the garbage collection finds.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

PUT_OFF_MAX: Final = 100_000


class Deletions:
    """The deletions of one root. `delete` takes a key and a sha256."""

    def __init__(self, delete: Callable[[str, str], Awaitable[bool]]) -> None:
        self._delete = delete
        self._holders = 0
        self._put_off: dict[str, str] = {}
        self._free = trio.Event()
        self._free.set()

    def put_off(self, object_key: str, sha256: str) -> bool:
        """Note a deletion for later while they are held; tell whether they are."""
        if not self._holders:
            return False
        if len(self._put_off) < PUT_OFF_MAX:
            self._put_off[object_key] = sha256
        return True

    async def wait_free(self) -> None:
        """Return once nobody holds."""
        while self._holders:
            await self._free.wait()

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Let nothing be deleted for the length of the block; then delete what was to be. Cancellation: waits for that."""
        self._holders += 1
        self._free = trio.Event() if self._holders == 1 else self._free
        try:
            yield
        finally:
            self._holders -= 1
            if not self._holders:
                self._free.set()
                with trio.CancelScope(shield=True):
                    await self._make_up()

    async def _make_up(self) -> None:
        while self._put_off and not self._holders:
            object_key, sha256 = self._put_off.popitem()
            with suppress(OSError):  # it stays as garbage
                await self._delete(object_key, sha256)
