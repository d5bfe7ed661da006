"""From a submission to its child's first act.

The child is `/bin/sh`, whose first act is to write one byte into a named pipe that this process holds open. The clock starts
before the request is sent and stops when the byte has arrived here, both read in this process: so a figure holds the request,
two commits (the job, the claim), the work directory, the spawn, the shell's own start and this process's waking. The floor
is a bare `posix_spawn` of the same program to the same byte. The daemon is at rest before each submission. Nothing is
pinned to a core.
"""

from __future__ import annotations

import contextlib
import json
import os
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
REST_SECONDS: Final = 0.02


def run(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    """Submit → child started, one job at a time; the number of jobs is fixed, `seconds` is not used."""
    home = scratch.make_home()
    argv = ["/bin/sh", "-c", f"echo >{home}/started; echo 1 >out/x.txt 2>&-; exit 0"]
    settings = probe.install(home / "probe", argv, [str(home / "started")])
    with _open_pipe(home / "started") as pipe:
        for level, target in ((Level.LIMITS, None), (Level.BUBBLEWRAP, Target(at_most=6))):
            yield from _measure_level(scratch, home, {**settings, "NEXUSD_SANDBOX": level.value}, pipe, rounds, target)


def _measure_level(
    scratch: Scratch, home: Path, settings: dict[str, str], pipe: int, rounds: int, target: Target | None
) -> Iterator[Line]:
    argv = ["/bin/sh", "-c", f"echo >{home}/started"]
    dispatched: list[list[float]] = []
    spawned: list[list[float]] = []
    with open_daemon(scratch, home, settings=settings) as daemon:
        client = Connection(daemon.socket)
        for _ in range(rounds + 1):
            pairs = [(_dispatch(client, daemon.socket, pipe), _spawn(argv, pipe)) for _ in range(JOBS_A_ROUND)]
            dispatched.append([pair[0] * 1000 for pair in pairs])
            spawned.append([pair[1] * 1000 for pair in pairs])
    del dispatched[0], spawned[0]  # the first round warms up
    level = settings["NEXUSD_SANDBOX"]
    for name, index, wanted in (("p50", 49, target), ("p99", 98, None)):
        yield Line(
            Samples(f"submit → child started, {level}, {name}", "ms", [quantiles(times, n=100)[index] for times in dispatched]),
            Samples("bare posix_spawn", "ms", [quantiles(times, n=100)[index] for times in spawned]),
            wanted,
        )


@contextlib.contextmanager
def _open_pipe(path: Path) -> Iterator[int]:
    """Hold both ends open, so that no writer waits and no reader sees an end."""
    os.mkfifo(path, 0o600)
    pipe = os.open(path, os.O_RDWR)
    try:
        yield pipe
    finally:
        os.close(pipe)


def _dispatch(client: Connection, path: Path, pipe: int) -> float:
    time.sleep(REST_SECONDS)
    body = json.dumps({"jobType": "probe", "input": {}, "maxAttempts": 1}).encode()
    client.ask(compose("POST", probe.JOBS, body))
    os.read(pipe, 1)
    seconds = time.perf_counter() - client.asked_at
    while (answer := client.read()) is None:
        pass
    probe.wait_over(path, json.loads(answer.partition(b"\r\n\r\n")[2])["jobId"])
    return seconds


def _spawn(argv: list[str], pipe: int) -> float:
    began = time.perf_counter()
    nothing = [(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(argv[0], argv, {}, file_actions=nothing)
    os.read(pipe, 1)
    seconds = time.perf_counter() - began
    os.waitpid(pid, 0)
    return seconds
