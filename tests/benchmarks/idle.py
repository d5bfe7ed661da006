"""What a daemon costs that has nothing to do: memory, and time on a core.

Several daemons at once, each a sample; beside each, a program that imports what it imports and sleeps in trio.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from tests.benchmarks import machine
from tests.benchmarks.client import Connection, compose
from tests.benchmarks.programs import open_daemon, open_sleeper
from tests.benchmarks.report import Line, Samples, Target
from tests.benchmarks.submissions import SUBMISSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.benchmarks.programs import Program, Scratch

IDLE_SECONDS: Final = 12.0
SETTLE_SECONDS: Final = 1.0
REQUESTS: Final = 100
STATUS: Final = compose("GET", "/v1/status")


def run(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    """Memory after the start and after some requests, and the share of a core; `seconds` is not used."""
    homes = [scratch.make_home() for _ in range(rounds)]
    for home in homes:
        with open_daemon(scratch, home):
            pass  # makes the database, which needs Alembic
    with ExitStack() as stack:
        daemons = [stack.enter_context(open_daemon(scratch, home)) for home in homes]
        sleepers = [stack.enter_context(open_sleeper(scratch)) for _ in range(rounds)]
        time.sleep(SETTLE_SECONDS)
        resting = _measure("the imports alone", sleepers, machine.resident_mebibytes)
        resident = _measure("idle memory (VmRSS), after the start", daemons, machine.resident_mebibytes)
        shared = _measure("idle memory (Pss), after the start", daemons, machine.proportional_mebibytes)
        for daemon in daemons:
            _use(daemon)
        used = _measure(f"idle memory (VmRSS), after {REQUESTS} requests", daemons, machine.resident_mebibytes)
        time.sleep(SETTLE_SECONDS)
        shares = _measure_cores([*daemons, *sleepers])
    yield Line(resident, resting, Target(at_most=90))
    yield Line(used, resting, Target(at_most=90))
    yield Line(shared)
    yield Line(
        Samples(f"idle share of a core, over {IDLE_SECONDS:g} s", "%", shares[:rounds]),
        Samples("trio asleep", "%", shares[rounds:]),
        Target(at_most=0.2),
    )


def _measure(name: str, programs: list[Program], quantity: Callable[[int], float]) -> Samples:
    return Samples(name, "MiB", [quantity(program.pid) for program in programs])


def _use(daemon: Program) -> None:
    client = Connection(daemon.socket)
    with client.socket:
        for number in range(REQUESTS):
            client.call(SUBMISSION if number % 2 else STATUS)


def _measure_cores(programs: list[Program]) -> list[float]:
    before = [machine.cpu_seconds(program.pid) for program in programs]
    began = time.perf_counter()
    time.sleep(IDLE_SECONDS)
    passed = time.perf_counter() - began
    after = [machine.cpu_seconds(program.pid) for program in programs]
    return [(end - start) / passed * 100 for start, end in zip(before, after, strict=True)]
