"""Single durable submissions through the real daemon, beside two hellos that store nothing, and the bare disk."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from tests.benchmarks import machine
from tests.benchmarks.client import compose, measure
from tests.benchmarks.hello import HELLO, describe
from tests.benchmarks.programs import open_daemon, open_hello
from tests.benchmarks.report import Line, Samples, Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.programs import Scratch

JOB: Final = {"jobType": "diagram", "input": {"language": "d2", "source": "client -> server: request", "format": "svg"}}
SUBMISSION: Final = compose("POST", "/v1/companies/default/content-jobs", json.dumps(JOB).encode())
MANY: Final = 16
UNIT: Final = "/s"


def run(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    """Submissions a second; every one is on the disk before its answer leaves."""
    rates: dict[str, list[float]] = {name: [] for name in ("one", "many", "p99", "ours", "stock", "disk")}
    cores = machine.server_cores()
    home = scratch.make_home()
    with (
        open_daemon(scratch, home, cores) as daemon,
        open_hello(scratch, "ours", cores) as ours,
        open_hello(scratch, "stock", cores) as stock,
    ):
        for _ in range(rounds):
            rates["disk"].append(_commits_a_second(home / "disk.db", seconds / 2))
            rates["one"].append(measure(daemon.socket, SUBMISSION, 1, seconds).rate)
            many = measure(daemon.socket, SUBMISSION, MANY, seconds)
            rates["many"].append(many.rate)
            rates["p99"].append(many.p99)
            rates["ours"].append(measure(ours.socket, HELLO, MANY, seconds).rate)
            rates["stock"].append(measure(stock.socket, HELLO, MANY, seconds).rate)
    name = f"durable submissions, {describe(MANY)}"
    single = Samples(f"durable submissions, {describe(1)}", UNIT, rates["one"])
    yield Line(single, Samples("sqlite3, one small row a commit", UNIT, rates["disk"]))
    stock_hello = Samples("hello on Hypercorn-trio", UNIT, rates["stock"])
    yield Line(Samples(name, UNIT, rates["many"]), stock_hello, Target(at_least=1.0, of_floor=True))
    yield Line(Samples(name, UNIT, rates["many"]), Samples("hello on our server", UNIT, rates["ours"]))
    yield Line(Samples(f"{name}: p99", "ms", rates["p99"]))


def _commits_a_second(path: Path, seconds: float) -> float:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, data TEXT)")
        count, began = 0, time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds:
            connection.execute("INSERT INTO rows (data) VALUES (?)", ("x" * 200,))
            count += 1
        return count / passed
