"""A backlog of jobs that do next to nothing, with two slots: what one job costs from its claim to its end.

Each job is a real child that copies one small file into its `out/`, a stored asset, and three commits. The clock starts when
the batch is accepted and stops when its last job is over. The floor is the same program, spawned and waited for in two threads;
beside it stand task-spooler and huey with the same program and two slots, when they are installed. Nothing is pinned to a core.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from nexusd.runner.containment import Level
from tests.benchmarks import probe
from tests.benchmarks.client import Connection, compose
from tests.benchmarks.programs import open_daemon
from tests.benchmarks.report import Line, Samples, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.benchmarks.programs import Scratch

JOBS_A_ROUND: Final = 1000
SLOTS: Final = 2
ARGV: Final = ("/bin/cp", "input.json", "out/x.txt")
TARGETS: Final = {Level.LIMITS: Target(at_least=500), Level.BUBBLEWRAP: Target(at_least=200)}
BATCH: Final = {"items": [{"jobType": "probe", "input": {}, "maxAttempts": 1}] * JOBS_A_ROUND}


def run(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    """Jobs a second; their number is fixed, `seconds` is not used."""
    floor: list[float] = []
    home = scratch.make_home()
    probed = probe.install(home / "probe", ARGV)
    for level, target in TARGETS.items():
        settings = {**probed, "NEXUSD_SANDBOX": level.value, "NEXUSD_RUNNING_JOBS": str(SLOTS)}
        rates: list[float] = []
        floor = []
        with open_daemon(scratch, home, settings=settings) as daemon:
            for _ in range(rounds):
                rates.append(_drain(daemon.socket))
                floor.append(_spawn(scratch.make_home()))
        figure = Samples(f"{JOBS_A_ROUND:,} no-op jobs, {SLOTS} slots, {level.value}", "jobs/s", rates)
        yield Line(figure, Samples("posix_spawn and wait", "/s", floor), target)
    for name, measure in _others():
        rates = [measure(scratch.make_home()) for _ in range(rounds)]
        yield Line(
            Samples(f"{name}, the same program and slots", "jobs/s", rates), Samples("posix_spawn and wait", "/s", floor)
        )


def _drain(path: Path) -> float:
    client = Connection(path)
    with client.socket:
        body = json.dumps(BATCH).encode()
        answer = client.call(compose("POST", f"{probe.JOBS}/batch", body))
        began = time.perf_counter()
        accepted = json.loads(answer.partition(b"\r\n\r\n")[2])["items"]
    for job in accepted[-SLOTS:]:
        probe.wait_over(path, job["jobId"])
    return JOBS_A_ROUND / (time.perf_counter() - began)


def _spawn(home: Path) -> float:
    argv = _prepare(home)

    def work() -> None:
        for _ in range(JOBS_A_ROUND // SLOTS):
            os.waitpid(os.posix_spawn(argv[0], argv, {}), 0)

    threads = [threading.Thread(target=work) for _ in range(SLOTS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return JOBS_A_ROUND / (time.perf_counter() - began)


def _prepare(home: Path) -> list[str]:
    (home / "input.json").write_text("{}")
    return ["/bin/cp", str(home / "input.json"), str(home / "x.txt")]


def _others() -> Iterator[tuple[str, Callable[[Path], float]]]:
    if shutil.which("tsp"):
        yield "task-spooler", _task_spooler
    if importlib.util.find_spec("huey"):
        yield "huey on SQLite", _huey


def _task_spooler(home: Path) -> float:
    environment = {"TS_SOCKET": str(home / "socket"), "TMPDIR": str(home), "TS_ONFINISH": "", "PATH": os.environ["PATH"]}

    def tsp(*arguments: str) -> str:
        done = subprocess.run(["tsp", *arguments], env=environment, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    argv = _prepare(home)
    tsp("-S", str(SLOTS))
    try:
        began = time.perf_counter()
        ids = [tsp("-n", *argv) for _ in range(JOBS_A_ROUND)]
        for last in ids[-SLOTS:]:
            tsp("-w", last)
        return JOBS_A_ROUND / (time.perf_counter() - began)
    finally:
        tsp("-K")


def _huey(home: Path) -> float:
    program = [sys.executable, "-m", "tests.benchmarks.huey_queue", str(home), str(JOBS_A_ROUND), str(SLOTS), *_prepare(home)]
    done = subprocess.run(program, check=True, capture_output=True, text=True)
    return float(done.stdout)
