"""One face for three clients: `Nexus`, and `AsyncNexus` on trio and on asyncio, so that one suite holds for all of them.

A face lets an event loop run in a thread beside and does there what is called here; streams and results get one of their own.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, cast

from anyio.from_thread import start_blocking_portal

from nexusctl import AsyncNexus, AsyncRendered, AsyncStream, Nexus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anyio.from_thread import BlockingPortal

KINDS: Final = ("sync", "trio", "asyncio")
LOOPS: Final = ("trio", "asyncio")


class Face:
    """An asynchronous object, called as a synchronous one."""

    def __init__(self, portal: BlockingPortal, inner: Any) -> None:
        self._portal = portal
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return partial(self._call, found) if callable(found) else found

    def __enter__(self) -> Self:
        self._portal.call(self._inner.__aenter__)
        return self

    def __exit__(self, *failure: Any) -> None:
        self._portal.call(self._inner.__aexit__, *failure)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            return self._portal.call(self._inner.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None

    def close(self) -> None:
        """Close it."""
        self._portal.call(self._inner.aclose)

    def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        given = self._portal.call(partial(function, *args, **kwargs))
        return Face(self._portal, given) if isinstance(given, AsyncStream | AsyncRendered) else given


@contextmanager
def open_client(kind: str, socket: Path, **options: Any) -> Iterator[Nexus]:
    """Give a client of one kind, or what looks like one."""
    if kind == "sync":
        with Nexus(socket, **options) as nexus:
            yield nexus
        return
    with start_blocking_portal(kind) as portal, Face(portal, portal.call(partial(AsyncNexus, socket, **options))) as face:
        yield cast("Nexus", face)
