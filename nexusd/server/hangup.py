"""Tells each connection, at once, that its peer is gone for good.

Owns one epoll instance in which every connected socket is registered for hang-ups alone: EPOLLHUP and EPOLLERR, which the
kernel always reports. So no byte is read to find out, pipelined requests stay in the kernel, a request costs nothing, and a
peer that only half-closes (`shutdown(SHUT_WR)`, as `nc -N` does) is not mistaken for one that left: on a Unix socket the
kernel reports a hang-up only when both directions are shut.

Invariant: a callback is called at most once, and never after `forget`.
"""

from __future__ import annotations

import contextlib
import select
from typing import TYPE_CHECKING, NoReturn

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

_EVENTS_PER_TURN = 256


class HangupWatch:
    """The shared watch; `run` must be running for callbacks to come."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call `callback` when the peer of the socket `descriptor` has hung up. Raises OSError when the kernel has no room."""
        self._epoll.register(descriptor, select.EPOLLONESHOT)
        self._callbacks[descriptor] = callback

    def forget(self, descriptor: int) -> None:
        """Drop the watch; to be called before `descriptor` is closed.

        Closing alone would not do: while a child that was just forked still holds a copy, the kernel keeps the entry, and
        its hang-up would be taken for that of the next connection with this number.
        """
        self._callbacks.pop(descriptor, None)
        with contextlib.suppress(OSError):
            self._epoll.unregister(descriptor)

    async def run(self) -> NoReturn:
        """Deliver hang-ups until cancelled."""
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            for descriptor, _ in self._epoll.poll(0, _EVENTS_PER_TURN):
                callback = self._callbacks.pop(descriptor, None)
                if callback is not None:
                    callback()

    def close(self) -> None:
        """Release the descriptor; `run` must have ended."""
        self._epoll.close()
