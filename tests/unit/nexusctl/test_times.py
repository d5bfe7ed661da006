"""Moments: how long ago, the clock here, RFC 3339, seconds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nexusctl.output.screen import Style
from nexusctl.output.times import format_moment, format_when

MOMENT = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)


def style(time: str) -> Style:
    return Style(is_terminal=False, width=None, colour=False, time=time)


@pytest.mark.parametrize(("time", "text"), [("iso", "2026-01-31T12:00:00.250Z"), ("unix", "1769860800")])
def test_exact_moments_are_the_same_in_tables_and_details(time: str, text: str) -> None:
    assert format_when(MOMENT, style(time)) == format_moment(MOMENT, style(time)) == text


def test_relative_moments_are_ages_in_tables_and_the_clock_here_in_details() -> None:
    assert format_when(MOMENT, style("relative")).endswith("d")
    assert format_moment(MOMENT, style("relative")) == f"{MOMENT.astimezone():%Y-%m-%d %H:%M:%S}"
    assert format_moment(None, style("iso")) is None
