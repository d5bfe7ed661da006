"""The pauses between tries."""

from __future__ import annotations

from nexusctl.client.backoff import Backoff


def highest(_low: float, high: float) -> float:
    return high


def lowest(low: float, _high: float) -> float:
    return low


def test_the_bound_doubles_and_stays_at_the_longest() -> None:
    backoff = Backoff(0.1, 1.0, choose=highest)
    assert [round(backoff.take_seconds(), 3) for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert [backoff.take_seconds() for _ in range(2000)] == [1.0] * 2000


def test_the_jitter_is_full() -> None:
    assert [Backoff(choose=lowest).take_seconds() for _ in range(3)] == [0, 0, 0]
    pauses = [Backoff(0.1).take_seconds() for _ in range(500)]
    assert min(pauses) < 0.02
    assert 0.08 < max(pauses) <= 0.1


def test_it_begins_anew_after_a_success() -> None:
    backoff = Backoff(0.1, 1.0, choose=highest)
    for _ in range(4):
        backoff.take_seconds()
    backoff.reset()
    assert backoff.take_seconds() == 0.1


def test_a_server_that_asks_for_longer_pauses_gets_them() -> None:
    backoff = Backoff(0.1, 1.0, choose=highest)
    backoff.first_seconds = 7.0
    assert [backoff.take_seconds() for _ in range(2)] == [7.0, 7.0]
