"""The clock that decides what is old: what is set is not believed, what has passed is."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest

from nexusd.service import clock
from nexusd.service.clock import SteadyClock
from tests.support.stores import NOON

HOUR: Final = 3600


@pytest.mark.parametrize(
    ("wall", "elapsed", "expected"),
    [
        pytest.param(HOUR, HOUR, HOUR, id="an hour passes"),
        pytest.param(365 * 24 * HOUR, 5, 5, id="it is put forward by a year"),
        pytest.param(-HOUR, 5, -HOUR, id="it is put back"),
        pytest.param(HOUR + 3, HOUR, HOUR, id="it is corrected by a little"),
    ],
)
def test_what_the_clock_says(monkeypatch: pytest.MonkeyPatch, wall: int, elapsed: int, expected: int) -> None:
    monkeypatch.setattr(clock, "utc_now", lambda: NOON)
    monkeypatch.setattr(clock, "_elapsed", lambda: 1000.0)
    steady = SteadyClock()
    assert steady.now() == NOON
    monkeypatch.setattr(clock, "utc_now", lambda: NOON + timedelta(seconds=wall))
    monkeypatch.setattr(clock, "_elapsed", lambda: 1000.0 + elapsed)
    assert steady.now() == NOON + timedelta(seconds=expected)
