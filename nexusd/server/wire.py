"""One connected socket: non-blocking bytes in and out, each wait with a deadline.

Owns the descriptor, the knowledge that the peer is gone, and the scope whose deadline bounds the connection. Leaves out what
the bytes mean. It goes around trio's own socket layer, which pays two checkpoints for each call that would not have blocked.

Invariants: nothing is read unless somebody asks, so backpressure is the kernel's socket buffer; once `gone`, every send
raises `PeerGone`, and `scope` ends `disconnect_grace_seconds` later whatever the application does.
"""

from __future__ import annotations

import contextlib
import math
import socket
from typing import TYPE_CHECKING

import trio

from nexusd.server.asgi import PeerGone

if TYPE_CHECKING:
    from nexusd.server.limits import Limits

RECEIVE_BYTES = 64 * 1024
_SEND_SLICE_BYTES = 256 * 1024


class Wire:
    """A connected stream socket."""

    def __init__(self, connected: socket.socket, limits: Limits) -> None:
        self._socket = connected
        self._limits = limits
        self._end_at = math.inf
        self._sending = False
        self._gone_waiter: trio.Event | None = None
        self.descriptor = connected.fileno()
        self.gone = False
        self.scope = trio.CancelScope()

    def set_deadline(self, at: float) -> None:
        """End the connection at `at` on trio's clock; a peer that is gone may make it earlier, never later."""
        self.scope.deadline = min(at, self._end_at)

    def peer_left(self) -> None:
        """Note that nobody can read an answer any more: wake who waits for that, and end the rest soon."""
        if self.gone:
            return
        self.gone = True
        self._end_at = trio.current_time() + self._limits.disconnect_grace_seconds
        self.set_deadline(self.scope.deadline)
        self.wake()

    async def wait_gone(self) -> None:
        """Return when the peer has left, or when `wake` is called."""
        if self.gone:
            return
        if self._gone_waiter is None:
            self._gone_waiter = trio.Event()
        await self._gone_waiter.wait()

    def wake(self) -> None:
        """Let every `wait_gone` return."""
        if self._gone_waiter is not None:
            self._gone_waiter.set()
            self._gone_waiter = None

    def receive_nowait(self) -> bytes | None:
        """Return what is there, b"" at the end of the stream, or None when nothing has come yet."""
        try:
            return self._socket.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            self.peer_left()
            return b""

    async def receive(self) -> bytes:
        """Return the next bytes, or b"" at the end of the stream or after a reset."""
        while True:
            await trio.lowlevel.wait_readable(self.descriptor)
            data = self.receive_nowait()
            if data is not None:
                return data

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send what fits and return how much that was. Raises PeerGone."""
        if self.gone:
            raise PeerGone("the peer has closed the connection")
        try:
            return self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self.peer_left()
            raise PeerGone("the peer has closed the connection") from error

    async def send(self, data: bytes) -> None:
        """Send all of `data`. Raises PeerGone, also when the peer does not read for too long.

        Cancellation: an unknown part was sent; the connection is of no further use.
        """
        if self._sending:
            raise RuntimeError("two tasks send on one connection at the same time")
        sent = self.send_nowait(data)
        if sent == len(data):
            return
        self._sending = True
        try:
            await self._send_rest(memoryview(data)[sent:])
        finally:
            self._sending = False

    async def _send_rest(self, rest: memoryview) -> None:
        while rest:
            with trio.move_on_after(self._limits.send_timeout_seconds) as patience:
                part = rest[:_SEND_SLICE_BYTES]
                rest = rest[len(part) :]
                while part:
                    await trio.lowlevel.wait_writable(self.descriptor)
                    part = part[self.send_nowait(part) :]
            if patience.cancelled_caught:
                self.peer_left()
                raise PeerGone(f"the peer did not read for {self._limits.send_timeout_seconds} s")

    async def linger(self) -> None:
        """Let the peer read its answer: close our direction, then read and discard until it closes too, or time is up."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return
        self.set_deadline(trio.current_time() + self._limits.drain_timeout_seconds)
        while await self.receive():
            pass

    def close(self) -> None:
        """Close the socket. Bytes not yet read by us reach the peer as a reset, after what we sent."""
        trio.lowlevel.notify_closing(self.descriptor)  # should the application have left a task behind
        with contextlib.suppress(OSError):
            self._socket.close()
