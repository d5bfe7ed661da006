"""One GET over the daemon's socket with the standard library's socket alone, within a hard deadline.

For who cannot afford httpx: completions, which are waited for at every press of a key, and lists, where importing it would cost
more than all the rest. Owns no patience: whatever is not a plain answer in time is `NoAnswer`, and the caller does without, or
asks again through `nexus`.

Invariant: nobody is asked who might not be our daemon: the socket and its directory must be ours (`sockets.check_owner`).
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Final

from nexusctl.client.sockets import check_owner
from nexusctl.errors import NexusctlError

if TYPE_CHECKING:
    from pathlib import Path

ANSWER_MAX_BYTES: Final = 16 * 1024 * 1024
_READ_BYTES: Final = 256 * 1024
_END_OF_HEAD: Final = b"\r\n\r\n"


class NoAnswer(Exception):
    """There is no daemon, or it did not answer 200 in time, in one piece."""


def get(path: Path, target: str, deadline: float) -> bytes:
    """Return the body of the answer to a GET of `target`; `deadline` is a moment of time.monotonic. Raises NoAnswer."""
    try:
        check_owner(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            _set_timeout(connection, deadline)
            connection.connect(str(path))
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: nexusd\r\nAccept: application/json\r\n\r\n".encode("ascii"))
            return _read(connection, deadline)
    except (OSError, NexusctlError, ValueError) as error:
        raise NoAnswer(str(error)) from None


def _read(connection: socket.socket, deadline: float) -> bytes:
    received = bytearray()
    length: int | None = None
    start = 0
    while length is None or len(received) < start + length:
        _set_timeout(connection, deadline)
        chunk = connection.recv(_READ_BYTES)
        if not chunk or len(received) > ANSWER_MAX_BYTES:
            raise NoAnswer("the answer ended early, or is too long")
        received += chunk
        if length is None and (end := received.find(_END_OF_HEAD)) >= 0:
            length, start = _read_head(bytes(received[:end])), end + len(_END_OF_HEAD)
    return bytes(received[start : start + length])


def _read_head(head: bytes) -> int:
    """Return how long the body is."""
    status, *fields = head.split(b"\r\n")
    named = {name.strip().lower(): value.strip() for name, _, value in (field.partition(b":") for field in fields)}
    if status.split(b" ")[1:2] != [b"200"] or b"transfer-encoding" in named:
        raise NoAnswer("not a plain answer")
    return int(named.get(b"content-length", b"-"))


def _set_timeout(connection: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise NoAnswer("the time is over")
    connection.settimeout(left)
