"""A plain connection to a daemon that may die over it; httpx would leave a socket open then."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Final

from tests.support.frames import split_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.frames import Frame

DIED: Final = (OSError, HTTPException)
"""What a request raises whose daemon has ended."""


class UnixConnection(HTTPConnection):
    """One connection."""

    def __init__(self, path: Path) -> None:
        super().__init__("nexusd", timeout=30)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))


def post(path: Path, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> tuple[int, Any] | None:
    """Ask the daemon at a socket; return the status and the document of its answer, None when it died over it."""
    return send(path, "POST", target, body, headers)


def send(
    path: Path, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> tuple[int, Any] | None:
    """Do as `post`, by another method; the document of an empty answer is None."""
    with closing(UnixConnection(path)) as connection:
        try:
            connection.request(method, target, body, {"Host": "nexusd", **(headers or {})})
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        except DIED:
            return None


def follow(path: Path, target: str) -> Iterator[Frame | None]:
    """Yield None once the stream is open, then its frames, until it ends or the daemon does."""
    with closing(UnixConnection(path)) as connection:
        try:
            connection.request("GET", target, headers={"Host": "nexusd"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.status
            yield None
            yield from split_frames(line.decode().rstrip("\n") for line in answer)
        except DIED:
            return
