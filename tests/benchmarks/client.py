"""The load: one request again and again on kept-alive connections, counted and timed.

A program of its own, with nothing in the loop but `epoll`, `send`, `recv` and a look for the end of the answer; so it can ask
some 50,000 times a second, and what it measures is the server. It says what it found as one line of JSON.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks import machine

WARM_UP_SECONDS: Final = 0.2
READ_BYTES: Final = 256 * 1024
LENGTH_FIELD: Final = b"content-length: "


@dataclass(frozen=True, slots=True)
class Load:
    """What one measurement gave. Latencies are in milliseconds, from the send to the last byte of the answer."""

    requests: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def measure(path: Path, request: bytes, connections: int, seconds: float) -> Load:
    """Ask `request` on so many connections for so long, from a process on the client's core. A 2xx is expected each time."""
    argv = [sys.executable, "-m", "tests.benchmarks.client", str(path), str(connections), str(seconds)]
    found = subprocess.run(argv, input=request, stdout=subprocess.PIPE, check=True)
    return Load(**json.loads(found.stdout))


def compose(method: str, target: str, body: bytes = b"") -> bytes:
    """Return a request as bytes."""
    length = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body) if body else b""
    return f"{method} {target} HTTP/1.1\r\nhost: localhost\r\n".encode() + length + b"\r\n" + body


class Connection:
    """One kept-alive connection."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))
        self.asked_at = 0.0
        self._unread = b""

    def ask(self, request: bytes) -> None:
        """Send a request."""
        self.asked_at = time.perf_counter()
        self.socket.sendall(request)

    def read(self) -> bytes | None:
        """Read once; return the whole answer, or None while some of it is still to come."""
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise EOFError(f"the server closed the connection after {self._unread!r}")
        self._unread += data
        end = self._unread.find(b"\r\n\r\n") + 4
        if end < 4:
            return None
        start = self._unread.find(LENGTH_FIELD, 0, end) + len(LENGTH_FIELD)
        if len(self._unread) < end + int(self._unread[start : self._unread.index(b"\r\n", start)]):
            return None
        answer, self._unread = self._unread, b""
        if answer[9:10] != b"2":
            raise RuntimeError(f"not the answer that was expected: {answer[:500]!r}")
        return answer

    def call(self, request: bytes) -> bytes:
        """Send a request and return its answer."""
        self.ask(request)
        while (answer := self.read()) is None:
            pass
        return answer


def run(path: Path, request: bytes, connections: int, seconds: float) -> Load:
    """Ask and count in this process."""
    opened = {connection.socket.fileno(): connection for connection in (Connection(path) for _ in range(connections))}
    polling = select.epoll()
    for descriptor, connection in opened.items():
        polling.register(descriptor, select.EPOLLIN)
        connection.ask(request)
    began = time.perf_counter() + WARM_UP_SECONDS
    end = began + seconds
    latencies: list[float] = []
    now = 0.0
    while now < end:
        for descriptor, _ in polling.poll():
            connection = opened[descriptor]
            if connection.read() is not None:
                now = time.perf_counter()
                if now > began:
                    latencies.append(now - connection.asked_at)
                connection.ask(request)
    latencies.sort()
    return Load(
        requests=len(latencies),
        seconds=now - began,
        p50=latencies[len(latencies) // 2] * 1000,
        p99=latencies[len(latencies) * 99 // 100] * 1000,
    )


if __name__ == "__main__":
    os.sched_setaffinity(0, machine.client_cores())
    print(json.dumps(asdict(run(Path(sys.argv[1]), sys.stdin.buffer.read(), int(sys.argv[2]), float(sys.argv[3])))))
