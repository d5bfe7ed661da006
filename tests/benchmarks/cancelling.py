"""From a request to cancel to the end of a running job that obeys TERM.

The child is `/bin/sleep`. The clock starts before the request is sent and stops when the job's stream has told of its end,
which comes after the whole tree is dead and the outcome is committed.
"""

from __future__ import annotations

import json
import time
from statistics import quantiles
from typing import TYPE_CHECKING, Final

from nexusd.runner.containment import Level
from tests.benchmarks import probe
from tests.benchmarks.client import Connection, compose
from tests.benchmarks.programs import open_daemon
from tests.benchmarks.report import Line, Samples, Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.programs import Scratch

JOBS_A_ROUND: Final = 25
BODY: Final = json.dumps({"jobType": "probe", "input": {}, "maxAttempts": 1}).encode()


def run(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    """Cancel → ended, one job at a time; the number of jobs is fixed, `seconds` is not used."""
    home = scratch.make_home()
    settings = probe.install(home / "probe", ("/bin/sleep", "600"))
    for level in (Level.LIMITS, Level.BUBBLEWRAP):
        times: list[list[float]] = []
        with open_daemon(scratch, home, settings={**settings, "NEXUSD_SANDBOX": level.value}) as daemon:
            times = [[_cancel(daemon.socket) * 1000 for _ in range(JOBS_A_ROUND)] for _ in range(rounds + 1)][1:]
        for name, index, target in (("p50", 49, None), ("p99", 98, Target(at_most=150))):
            values = [quantiles(each, n=100)[index] for each in times]
            yield Line(Samples(f"cancel of a running job → over, {level.value}, {name}", "ms", values), None, target)


def _cancel(path: Path) -> float:
    client = Connection(path)
    with client.socket:
        job_id = json.loads(client.call(compose("POST", probe.JOBS, BODY)).partition(b"\r\n\r\n")[2])["jobId"]
        _wait_process(client, job_id)
        began = time.perf_counter()
        client.call(compose("POST", f"{probe.JOBS}/{job_id}/cancel"))
    probe.wait_over(path, job_id, "cancelled")
    return time.perf_counter() - began


def _wait_process(client: Connection, job_id: str) -> None:
    """Return when the job runs; it is polled, since that it does is told before its child is there."""
    while b'"status":"running"' not in client.call(compose("GET", f"{probe.JOBS}/{job_id}")):
        time.sleep(0.005)
    time.sleep(0.05)
