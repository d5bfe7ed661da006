"""Whole processes of nexusctl, from the start to the end, beside what Python alone takes.

The processor's time is measured too: where other programs run, it says more than the clock on the wall.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from tests.benchmarks.batches import BATCH
from tests.benchmarks.client import Connection
from tests.benchmarks.programs import open_daemon, python
from tests.benchmarks.report import Line, Samples, Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.benchmarks.programs import Scratch

NEXUSCTL: Final = str(Path(sys.executable).with_name("nexusctl"))
RUNS: Final = 7
"""Of each command in a round, the middle of which counts."""
FIGURES: Final = (
    ("nexusctl version", ("version",), "pass", Target(at_most=2, of_floor=True)),
    ("nexusctl ls", ("ls",), "import httpx", Target(at_most=1.4, of_floor=True)),
    ("nexusctl status", ("status",), "import httpx", None),
    ("a completion of jobs", ("__complete", "bash", "nexusctl show "), "pass", None),
)


def run(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    """Milliseconds of each command and its floor, in alternating runs; `seconds` is not used."""
    home = scratch.make_home()
    with open_daemon(scratch, home) as daemon:
        client = Connection(daemon.socket)
        with client.socket:
            client.call(BATCH)
        environment = {**scratch.environment(home), "NEXUSCTL_SOCKET": str(daemon.socket)}
        for name, arguments, floor, target in FIGURES:
            found = [_measure([NEXUSCTL, *arguments], python("-c", floor), environment) for _ in range(rounds)]
            for number, what in enumerate(("", ", processor")):
                figures, floors = ([pair[side][number] for pair in found] for side in (0, 1))
                wanted = None if number else target
                yield Line(Samples(f"{name}{what}", "ms", figures), Samples(f'python -c "{floor}"', "ms", floors), wanted)


def _measure(
    command: Sequence[str], floor: Sequence[str], environment: Mapping[str, str]
) -> tuple[tuple[float, float], tuple[float, float]]:
    pairs = [(_run(command, environment), _run(floor, environment)) for _ in range(RUNS)]
    return _middle([ours for ours, _ in pairs]), _middle([theirs for _, theirs in pairs])


def _middle(times: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return median(wall for wall, _ in times), median(processor for _, processor in times)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Return the milliseconds that passed, and those of a processor."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return (time.perf_counter() - began) * 1000, (used.ru_utime + used.ru_stime) * 1000
