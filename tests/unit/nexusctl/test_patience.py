"""How long the client tries, and what it does meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from nexusctl.client.backoff import Backoff
from nexusctl.client.patience import FOR_EVER, Patience
from nexusctl.client.steps import Course, Do, Done, Pause
from nexusctl.errors import Unreachable


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def fail(self, patience: Patience, reason: str, **options: Any) -> None:
        """Carry out what a failure asks for."""
        course: Course[Any, None] = Course(patience.failed(reason, **options))
        step = course.go_on()
        while not isinstance(step, Done):
            if isinstance(step, Do):
                step = course.go_on(step.function())
            else:
                assert isinstance(step, Pause)
                self.pauses.append(step.seconds)
                self.now += step.seconds
                step = course.go_on()


def test_pauses_grow_and_are_bounded() -> None:
    time = Time()
    patience = Patience(60, clock=lambda: time.now)
    while time.now < 160:
        time.fail(patience, "gone")
    with pytest.raises(Unreachable):
        time.fail(patience, "gone")
    assert time.pauses[0] < 0.1
    assert max(time.pauses) <= 1.5
    assert 60 <= sum(time.pauses) <= 64


def test_an_answer_renews_the_patience() -> None:
    time = Time()
    patience = Patience(10, clock=lambda: time.now)
    for _ in range(100):
        time.fail(patience, "gone", pause_seconds=9)
        patience.answered()


def test_the_loss_is_told_once_and_revived_each_time() -> None:
    time = Time()
    notices: list[str] = []
    silences: list[float] = []

    def revive(silent_seconds: float) -> bool:
        silences.append(silent_seconds)
        return False

    patience = Patience(30, revive=revive, notice=notices.append, clock=lambda: time.now)
    for _ in range(3):
        time.fail(patience, "gone", pause_seconds=2)
    assert notices == ["gone; trying again"]
    assert silences[0] == 0
    assert 2 <= silences[1] <= 2.1
    assert 4 <= silences[2] <= 4.3


def test_a_revived_daemon_is_asked_at_once() -> None:
    time = Time()
    patience = Patience(30, revive=lambda silent_seconds: silent_seconds > 2, clock=lambda: time.now)
    while time.now <= 102:
        time.fail(patience, "gone")
    pauses = list(time.pauses)
    time.fail(patience, "gone")
    assert time.pauses == pauses


def test_after_a_revival_the_pauses_begin_anew() -> None:
    time = Time()
    deaths = iter([False, False, False, True, False])
    backoff = Backoff(0.1, 1.0, choose=lambda _low, high: high)
    patience = Patience(30, revive=lambda _silent: next(deaths), clock=lambda: time.now)
    for _ in range(5):
        time.fail(patience, "gone", backoff=backoff)
    assert time.pauses == [0.1, 0.2, 0.4, 0.1]


def test_a_pause_lasts_at_least_what_the_daemon_asks_and_not_past_the_end() -> None:
    time = Time()
    patience = Patience(30, clock=lambda: time.now)
    time.fail(patience, "gone", pause_seconds=3)
    assert 3 <= time.pauses[-1] <= 3.1
    time.fail(patience, "gone", pause_seconds=3, until=time.now + 0.5)
    assert time.pauses[-1] == 0.5
    time.fail(patience, "gone", until=time.now - 1)
    assert time.pauses[-1] == 0


def test_a_client_may_wait_for_ever() -> None:
    time = Time()
    patience = Patience(FOR_EVER, clock=lambda: time.now)
    for _ in range(100):
        time.fail(patience, "gone", pause_seconds=3600)


def test_each_plan_has_a_patience_of_its_own() -> None:
    time = Time()
    patience = Patience(10, clock=lambda: time.now)
    time.fail(patience, "gone", pause_seconds=9)
    other = patience.renew()
    time.now += 9
    time.fail(other, "gone")
    with pytest.raises(Unreachable):
        time.fail(patience, "gone")
    other.answered()
    with pytest.raises(Unreachable):
        time.fail(patience, "gone")
