"""A peer that speaks HTTP on a real Unix socket and does what a script says: a daemon that misbehaves on demand.

Each request takes the next step of the script; a step is a function of the handler. Requests are recorded.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingUnixStreamServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Step = Callable[["Handler"], None]


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Peer(ThreadingUnixStreamServer):
    """The listening side."""

    daemon_threads = True
    block_on_close = True

    def __init__(self, path: Path, script: list[Step]) -> None:
        self.script = list(script)
        self.seen: list[Seen] = []
        super().__init__(str(path), Handler)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Peer
    timeout = 5

    def do_GET(self) -> None:
        """Do the next step."""
        self.server.seen.append(Seen(self.command, self.path, dict(self.headers), self._body()))
        if not self.server.script:
            answer(500, {"unexpected": self.path})(self)
            return
        self.server.script.pop(0)(self)

    do_POST = do_GET

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def answer(status: int, document: Any, **headers: str) -> Step:
    """Answer with JSON."""
    return content(status, json.dumps(document).encode(), **{"Content-Type": "application/json", **headers})


def content(status: int, body: bytes, **headers: str) -> Step:
    """Answer with bytes. A keyword `Retry_After` is the header `Retry-After`."""

    def step(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return step


def stream(*pieces: bytes, finish: bool = True, hold: bool = False) -> Step:
    """Answer with an event stream. Without `finish` the connection breaks in the middle of it; with `hold` it falls silent."""

    def step(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")  # else the client may send the next request before it sees the end
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if hold:
            handler.rfile.read(1)  # until the other side gives up
        elif finish:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return step


def torn(status: int, body: bytes, promised: int, **headers: str) -> Step:
    """Promise more bytes than are sent, and hang up."""

    def step(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(promised))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return step


def hang_up(handler: Handler) -> None:
    """Close without an answer."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def open_peer(path: Path, *script: Step) -> Iterator[Peer]:
    """Serve the script at `path` until the end of the block."""
    with Peer(path, list(script)) as peer:
        thread = threading.Thread(target=peer.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield peer
        finally:
            peer.shutdown()
            thread.join()
            os.unlink(path)
