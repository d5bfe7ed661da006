"""Our server against stock Hypercorn, the same FastAPI application behind both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.benchmarks import machine
from tests.benchmarks.client import compose, measure
from tests.benchmarks.programs import open_hello
from tests.benchmarks.report import Line, Samples, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.programs import Scratch

HELLO: Final = compose("GET", "/hello")
CONNECTIONS: Final = (1, 16)
TARGETS: Final = {16: Target(at_least=1.7, of_floor=True)}


def run(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    """Hello requests a second."""
    rates: dict[tuple[str, int], list[float]] = {}
    cores = machine.server_cores()
    with open_hello(scratch, "ours", cores) as ours, open_hello(scratch, "stock", cores) as stock:
        for _ in range(rounds):
            for connections in CONNECTIONS:
                for name, program in (("ours", ours), ("stock", stock)):
                    load = measure(program.socket, HELLO, connections, seconds)
                    rates.setdefault((name, connections), []).append(load.rate)
    for connections in CONNECTIONS:
        yield Line(
            Samples(f"FastAPI hello on our server, {describe(connections)}", "requests/s", rates["ours", connections]),
            Samples("the same on Hypercorn-trio", "requests/s", rates["stock", connections]),
            TARGETS.get(connections),
        )


def describe(connections: int) -> str:
    """Return a number of connections in words."""
    return "1 connection" if connections == 1 else f"{connections} connections"
