"""Subscribers of an event stream, as a program of its own: it makes the events, and counts and times what everyone receives.

Each POST makes so many events in one commit, so that the daemon has one wake-up and one write for each subscriber; the next is
sent when everybody has them all. A time is that from sending a POST to the last subscriber's having its events: it holds the
request, the commit and the delivery. It says what it found as one line of JSON.
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
from tests.benchmarks.client import Connection, compose
from tests.benchmarks.submissions import JOB, SUBMISSION

MARK: Final = b"\nevent: "
WARM_UP_POSTS: Final = 3
FILL_POSTS: Final = 60
"""So many times ten events are more than a socket holds: from then on those who never read are waited for, each by itself."""
READ_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """How many subscribe, to what, and how many events a POST makes; and how many more subscribe who never read."""

    target: str
    subscribers: int
    events: int
    deaf: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What one measurement gave. Times are in milliseconds."""

    deliveries: int
    reads: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Deliveries a second."""
        return self.deliveries / self.seconds


def measure(path: Path, plan: Plan, seconds: float) -> Found:
    """Subscribe, make events and count for so long, from a process on the client's core."""
    argv = [sys.executable, "-m", "tests.benchmarks.subscribers", str(path), json.dumps(asdict(plan)), str(seconds)]
    found = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
    return Found(**json.loads(found.stdout))


class Subscriber:
    """One open stream."""

    def __init__(self, path: Path, target: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))
        self.socket.sendall(compose("GET", target))
        said = b""
        while not said.endswith(b"\n\n\r\n"):  # the first chunk: retry, and where it begins
            said += self.socket.recv(READ_BYTES)
        if not said.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"no stream: {said!r}")
        self._tail = b""

    def read(self) -> int:
        """Read once; return how many events have begun in that."""
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise EOFError("the stream ended")
        data = self._tail + data
        self._tail = data[1 - len(MARK) :]
        return data.count(MARK)


class Crowd:
    """All subscribers, and the one who makes the events."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self._plan = plan
        self._subscribers = {
            one.socket.fileno(): one for one in (Subscriber(path, plan.target) for _ in range(plan.subscribers))
        }
        self._poster = Connection(path)
        body = json.dumps({"items": [JOB] * plan.events}).encode()
        batch = compose("POST", "/v1/companies/default/content-jobs/batch", body)
        self._request = SUBMISSION if plan.events == 1 else batch
        self._deaf = [Subscriber(path, plan.target) for _ in range(plan.deaf)]
        self._polling = select.epoll()
        for descriptor in (*self._subscribers, self._poster.socket.fileno()):
            self._polling.register(descriptor, select.EPOLLIN)
        self.deliveries = 0
        self.reads = 0
        self._posted = 0
        self._answered = 0
        self.times: list[float] = []

    def turn(self) -> None:
        """Post when everybody has everything, and read what there is to read."""
        if self._answered == len(self.times) == self._posted:
            self._posted += 1
            self._poster.ask(self._request)
        for descriptor, _ in self._polling.poll():
            if (one := self._subscribers.get(descriptor)) is not None:
                self.deliveries += one.read()
                self.reads += 1
            elif self._poster.read() is not None:
                self._answered += 1
        if self.deliveries == self._posted * self._plan.subscribers * self._plan.events > 0 and len(self.times) < self._posted:
            self.times.append(time.perf_counter() - self._poster.asked_at)


def run(path: Path, plan: Plan, seconds: float) -> Found:
    """Subscribe, make events and count in this process."""
    crowd = Crowd(path, plan)
    while len(crowd.times) < (FILL_POSTS if plan.deaf else WARM_UP_POSTS):
        crowd.turn()
    deliveries, reads, done = crowd.deliveries, crowd.reads, len(crowd.times)
    began = time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds or len(crowd.times) == done:
        crowd.turn()
    times = sorted(crowd.times[done:])
    return Found(
        deliveries=crowd.deliveries - deliveries,
        reads=crowd.reads - reads,
        seconds=passed,
        p50=times[len(times) // 2] * 1000,
        p99=times[len(times) * 99 // 100] * 1000,
    )


if __name__ == "__main__":
    os.sched_setaffinity(0, machine.client_cores())
    print(json.dumps(asdict(run(Path(sys.argv[1]), Plan(**json.loads(sys.argv[2])), float(sys.argv[3])))))
