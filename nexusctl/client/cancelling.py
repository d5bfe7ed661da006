"""Cancellation of asyncio's tasks, turned into what trio and anyio mean by the word.

httpx cleans up behind anyio's shields, and asyncio's own cancellation (`task.cancel()`, `asyncio.timeout`) goes through those:
it may end the closing of a connection halfway, which nobody closes then. What is called through `scoped` is cancelled by a
scope.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ResultT = TypeVar("ResultT")


async def scoped(call: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Await what `call` returns, on asyncio in a task of its own.

    Cancellation: raised once the call has ended, cancelled by a scope. What it returned all the same is lost: the caller
    closes what that has left open.
    """
    if not _is_in_asyncio():
        return await call()
    scope = anyio.CancelScope()

    async def call_in_scope() -> ResultT:
        with scope:
            return await call()
        raise asyncio.CancelledError

    task = asyncio.create_task(call_in_scope())
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        # A timer comes after what its turn of the loop has read, of which anyio cannot bear that nobody waits for it any more.
        asyncio.get_running_loop().call_later(0, scope.cancel)
        with anyio.CancelScope(shield=True):
            while not task.done():
                with suppress(asyncio.CancelledError):  # impatience: it is ending
                    await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # which asyncio would report otherwise
        raise
    return task.result()


def _is_in_asyncio() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:  # no loop of asyncio's runs
        return False
