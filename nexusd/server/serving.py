"""Accepts connections, looks after them, and ends them in order.

Owns the accept loops, the connection cap, the admission of peers and the order of a stop. Leaves out what a connection says.

A stop, in order: accepting ends and the listening sockets close; idle connections close; requests in flight go on until
`stop_grace_seconds`, those that send pieces for less; what is left is cancelled, which closes it whatever its peer does.

Invariants: an accepted socket has exactly one owner and is closed by it; no peer can make accept wait; `serve` never waits
for a peer beyond the grace.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import time
from typing import TYPE_CHECKING, Any, Final

import trio

from nexusd.server.chunks import Chunks
from nexusd.server.connection import Connection, Service
from nexusd.server.dates import DateHeader
from nexusd.server.hangup import HangupWatch
from nexusd.server.listener import BoundListener, Peer, read_peer
from nexusd.server.problems import Problem
from nexusd.server.wire import Wire

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from nexusd.server.activity import Activity
    from nexusd.server.asgi import Application
    from nexusd.server.limits import Limits

_logger = logging.getLogger("nexusd.server")

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PASSING: Final = frozenset({errno.EAGAIN, errno.EINTR, errno.ECONNABORTED, errno.EPROTO, errno.EPERM})
_QUIET_SECONDS: Final = 60.0


async def serve(
    app: Application,
    listeners: Sequence[BoundListener],
    *,
    limits: Limits,
    admit: Callable[[Peer], bool],
    activity: Activity,
    stopping: trio.Event,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` on `listeners` until `stopping` is set and the last request is over or out of time.

    Cancellation: every connection is closed at once.
    Ordering: on return no connection is open and no socket listens; the listeners' locks are still held.
    """
    service = Service(app, limits, activity, stopping, DateHeader(), Chunks())
    server = _Server(service, admit)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.hangups.run, name="server: hang-ups")
            async with trio.open_nursery() as accepting:
                for listener in listeners:
                    accepting.start_soon(server.run_listener, listener, name=f"server: {listener.path}")
                task_status.started()
                await stopping.wait()
                server.stop()
            nursery.cancel_scope.cancel()
    finally:
        server.hangups.close()
        for listener in listeners:
            listener.close_socket()


class _Throttle:
    """Lets one message through in `_QUIET_SECONDS` and counts the rest."""

    def __init__(self) -> None:
        self._next_at = 0.0
        self._held_back = 0

    def warn(self, message: str, *arguments: object) -> None:
        now = time.monotonic()
        if now < self._next_at:
            self._held_back += 1
            return
        _logger.warning("%s (%d more like it before)", message % arguments, self._held_back)
        self._next_at = now + _QUIET_SECONDS
        self._held_back = 0


class _Server:
    """The state that accept loops and connections share."""

    def __init__(self, service: Service, admit: Callable[[Peer], bool]) -> None:
        self.hangups = HangupWatch()
        self._service = service
        self._admit = admit
        self._connections: set[Connection] = set()
        self._listening: list[tuple[trio.CancelScope, trio.CancelScope]] = []
        self._exhausted = _Throttle()
        self._refused = _Throttle()
        self._crowded = _Throttle()

    def stop(self) -> None:
        """Stop accepting, end what is idle, and give the rest its grace."""
        end_at = trio.current_time() + self._service.limits.stop_grace_seconds
        for accepting, connected in self._listening:
            accepting.cancel()
            connected.deadline = end_at
        for connection in tuple(self._connections):
            connection.stop()

    async def run_listener(self, listener: BoundListener) -> None:
        """Accept until stopped, then wait for the connections that came in here."""
        if self._service.stopping.is_set():
            return
        async with trio.open_nursery() as connections:
            with trio.CancelScope() as accepting:
                self._listening.append((accepting, connections.cancel_scope))
                while True:
                    connected = await self._accept(listener.socket)
                    if connected is not None and (connection := self._welcome(connected, listener)) is not None:
                        connections.start_soon(self._run_connection, connection, name="server: connection")
            listener.close_socket()

    async def _accept(self, listening: socket.socket) -> socket.socket | None:
        await trio.lowlevel.wait_readable(listening)
        try:
            connected, _ = listening.accept()
        except OSError as error:
            if error.errno in _EXHAUSTED:
                self._exhausted.warn("cannot accept connections for now: %s", error.strerror)
                await trio.sleep(self._service.limits.accept_backoff_seconds)
            elif error.errno not in _PASSING:
                raise
            return None
        connected.setblocking(False)
        return connected

    def _welcome(self, connected: socket.socket, listener: BoundListener) -> Connection | None:
        """Return the connection that `connected` becomes, or None after closing it."""
        with contextlib.ExitStack() as refusal:
            refusal.callback(connected.close)
            peer = read_peer(connected)
            if not self._admit(peer):
                self._refused.warn("refused a connection of uid %d, pid %d", peer.uid, peer.pid)
                return None
            if len(self._connections) >= self._service.limits.connections_max:
                self._crowded.warn("refused a connection: %d are open", len(self._connections))
                with contextlib.suppress(OSError):
                    connected.send(Problem(503, "Try again in a second.").to_bytes(self._service.dates.now()))
                return None
            wire = Wire(connected, self._service.limits)
            try:
                self.hangups.watch(wire.descriptor, wire.peer_left)
            except OSError as error:
                self._exhausted.warn("cannot watch a connection: %s", error.strerror)
                return None
            refusal.pop_all()
        connection = Connection(wire, self._service, _base_scope(peer, listener))
        self._connections.add(connection)
        return connection

    async def _run_connection(self, connection: Connection) -> None:
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            self.hangups.forget(connection.wire.descriptor)
            connection.wire.close()


def _base_scope(peer: Peer, listener: BoundListener) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "scheme": "http",
        "root_path": "",
        "server": (str(listener.path), None),
        "client": None,
        "extensions": {"nexusd.peer": {"pid": peer.pid, "uid": peer.uid, "gid": peer.gid}, "nexusd.pieces": {}},
    }
