"""Event streams through the real daemon, beside the same daemon sending ready-made bytes with the same number of writes.

The subscribers are a program of their own, which makes the events as well, one commit after the other. So a figure holds the
request and the commit, and with few subscribers mostly those.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tests.benchmarks import machine
from tests.benchmarks.programs import NOTHING_STARTED, open_daemon
from tests.benchmarks.report import Line, Samples, Target
from tests.benchmarks.subscribers import Found, Plan, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.programs import Program, Scratch

SUBSCRIBERS: Final = (1, 100, 1000)
EVENTS: Final = (1, 10)
SETTINGS: Final = {**NOTHING_STARTED, "NEXUSD_CONNECTIONS": "1100"}
RATES: Final = {(1000, 1): Target(at_least=20_000), (1000, 10): Target(at_least=100_000)}
TIMES: Final = {1: Target(at_most=15), 1000: Target(at_most=100)}
OF_FLOOR: Final = Target(at_least=0.9, of_floor=True)
SETTLE_SECONDS: Final = 0.3
DEAF: Final = 200


def run(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    """Deliveries a second, and how long until the last subscriber has an event."""
    cores = machine.server_cores()
    with (
        open_daemon(scratch, scratch.make_home(), cores, SETTINGS) as real,
        open_daemon(scratch, scratch.make_home(), cores, SETTINGS, "tests.benchmarks.ready_daemon") as ready,
    ):
        for subscribers in SUBSCRIBERS:
            for events in EVENTS:
                pairs = [_measure_pair(real, ready, subscribers, events, seconds) for _ in range(rounds)]
                yield from _describe(pairs, subscribers, events)
        yield from _measure_beside_deaf(real, rounds, seconds)


def _measure_pair(real: Program, ready: Program, subscribers: int, events: int, seconds: float) -> tuple[Found, Found]:
    found = measure(real.socket, Plan("/v1/events", subscribers, events), seconds)
    time.sleep(SETTLE_SECONDS)  # both are on one core, and this one's subscribers have just left
    floor = measure(ready.socket, Plan(f"/ready?{events}", subscribers, events), seconds)
    time.sleep(SETTLE_SECONDS)
    return found, floor


def _measure_beside_deaf(real: Program, rounds: int, seconds: float) -> Iterator[Line]:
    """What those who never read cost the one who does, once their sockets are full."""
    times: dict[int, list[Found]] = {0: [], DEAF: []}
    for _ in range(rounds):
        for deaf, found in times.items():
            found.append(measure(real.socket, Plan("/v1/events", 1, 10, deaf), seconds))
            time.sleep(SETTLE_SECONDS)
    name = "submission of 10 → 1 subscriber has them"
    for which in ("p50", "p99"):
        figure = Samples(
            f"{name}, beside {DEAF} that never read, {which}", "ms", [getattr(found, which) for found in times[DEAF]]
        )
        floor = Samples("without those", "ms", [getattr(found, which) for found in times[0]])
        yield Line(figure, floor, Target(at_most=2, of_floor=True) if which == "p99" else None)


def _describe(pairs: Sequence[tuple[Found, Found]], subscribers: int, events: int) -> Iterator[Line]:
    name = f"{_count(subscribers)}, {_count(events, 'event')} a wake-up"
    figure = Samples(f"streams, {name}", "deliveries/s", [found.rate for found, _ in pairs])
    if (subscribers, events) in RATES:
        yield Line(figure, None, RATES[subscribers, events])
    yield Line(figure, Samples("ready-made bytes", "deliveries/s", [floor.rate for _, floor in pairs]), OF_FLOOR)
    if events > 1:
        return
    name = f"submission → the last of {_count(subscribers)} has its event"
    for which in ("p50", "p99"):
        figure = Samples(f"{name}, {which}", "ms", [getattr(found, which) for found, _ in pairs])
        floor = Samples("ready-made bytes", "ms", [getattr(floor, which) for _, floor in pairs])
        yield Line(figure, floor, TIMES.get(subscribers) if which == "p99" else None)


def _count(number: int, thing: str = "subscriber") -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
