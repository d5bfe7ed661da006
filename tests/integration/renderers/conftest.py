"""A web server that nobody should come to."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


class Listener(http.server.BaseHTTPRequestHandler):
    """Remembers that somebody came, and refuses."""

    asked: list[str]

    def do_GET(self) -> None:
        """Refuse, and remember."""
        self.asked.append(self.path)
        self.send_error(404)

    def do_CONNECT(self) -> None:
        """Refuse to be a proxy, and remember."""
        self.asked.append(self.path)
        self.send_error(403)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""


@contextmanager
def open_listener() -> Iterator[tuple[str, list[str]]]:
    """Serve, and tell the address and what was asked for."""
    asked: list[str] = []
    handler = type("Handler", (Listener,), {"asked": asked})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """Return the address of a server and what it was asked for."""
    with open_listener() as found:
        yield found
