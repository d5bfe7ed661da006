"""A deadline ends what would take for ever, and is gone afterwards."""

from __future__ import annotations

import signal
import threading

import pytest

from nexusctl.commands.deadlines import Expired, deadline


def test_what_takes_too_long_is_ended_and_nothing_is_left() -> None:
    before = signal.getsignal(signal.SIGALRM)
    for seconds in (0, 0.01):
        with pytest.raises(Expired), deadline(seconds):
            threading.Event().wait(30)
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
        assert signal.getsignal(signal.SIGALRM) is before


def test_what_ends_in_time_is_left_alone() -> None:
    for seconds in (None, 60):
        with deadline(seconds):
            pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
