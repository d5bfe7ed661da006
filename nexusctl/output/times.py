"""Moments as people and scripts read them: how long ago, a clock of here, RFC 3339 in UTC, or seconds since 1970.

Which of these is the `time` of the `Style`: of `relative`, tables say how long ago and details what the clock here said.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nexusctl.output.screen import Style

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60))


def format_age(moment: datetime, now: datetime | None = None) -> str:
    """Return how long ago that was, in one unit: `5s`, `12m`, `3h`, `9d`."""
    seconds = max(0, int(((now or datetime.now(UTC)) - moment).total_seconds()))
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def format_when(moment: datetime, style: Style) -> str:
    """Return a moment for a table."""
    return _exact(moment, style) or format_age(moment)


def format_moment(moment: datetime | None, style: Style) -> str | None:
    """Return a moment for details, None for none."""
    if moment is None:
        return None
    return _exact(moment, style) or f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _exact(moment: datetime, style: Style) -> str | None:
    if style.time == "iso":
        from nexusd.contract.base import format_time  # late: completions tell ages, and cannot afford pydantic

        return format_time(moment)
    return f"{int(moment.timestamp())}" if style.time == "unix" else None
