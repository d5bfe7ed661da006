"""From the start of the process to READY=1, with compiled bytecode and a database that is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.benchmarks.batches import BATCH, ITEMS
from tests.benchmarks.client import Connection
from tests.benchmarks.programs import open_daemon, python, run_to_end
from tests.benchmarks.report import Line, Samples, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.programs import Scratch

BACKLOG: Final = 10_000
IMPORTS: Final = "import fastapi, sqlmodel, trio"


def run(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    """Seconds to readiness; `seconds` is not used."""
    home = scratch.make_home()
    environment = scratch.environment(home)
    with open_daemon(scratch, home):
        pass  # makes the database
    yield from _measure_backlog(scratch, rounds)
    starts: list[float] = []
    imports: list[float] = []
    for _ in range(rounds):
        with open_daemon(scratch, home) as daemon:
            starts.append(daemon.ready_seconds)
        imports.append(run_to_end(python("-c", IMPORTS), environment))
    yield Line(
        Samples("daemon start → READY=1", "s", starts),
        Samples(f'python -c "{IMPORTS}"', "s", imports),
        Target(at_most=0.9),
    )


def _measure_backlog(scratch: Scratch, rounds: int) -> Iterator[Line]:
    home = scratch.make_home()
    with open_daemon(scratch, home) as daemon:
        client = Connection(daemon.socket)
        with client.socket:
            for _ in range(BACKLOG // ITEMS):
                client.call(BATCH)
    starts: list[float] = []
    for _ in range(rounds):
        with open_daemon(scratch, home) as daemon:
            starts.append(daemon.ready_seconds)
    yield Line(Samples(f"the same with {BACKLOG:,} queued jobs", "s", starts), None, Target(at_most=1.5))
