"""Retention: the rules of the module's docstring as timetables, and where the old events end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nexusd.domain.retention import DOUBT_SECONDS, JUMP_SECONDS, AgeEnd, Clocks, Trust, find_age_end, look

if TYPE_CHECKING:
    from collections.abc import Sequence

HOUR = 3600.0
DAY = 86_400.0
YEAR = 365 * DAY
NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("looks", "believed"),
    [
        pytest.param([(0, 0)], [True], id="rule 1: nothing to compare with"),
        pytest.param([(0, 0), (300, 0), (7 * DAY, 0)], [True, True, True], id="nobody set it, however long ago"),
        pytest.param([(0, 0), (300, YEAR)], [True, False], id="rule 2: a year ahead"),
        pytest.param([(0, 0), (300, HOUR), (600, HOUR + 1)], [True] * 3, id="an hour is no jump"),
        pytest.param([(0, 0), (300, HOUR + 1)], [True, False], id="more than an hour is"),
        pytest.param(
            [(0, 0), (300, YEAR), (299 + DAY, YEAR), (300 + DAY, YEAR)], [True, False, False, True], id="rule 2: for a day"
        ),
        pytest.param(
            [(0, 0), (0, YEAR), (DAY / 2, 2 * YEAR), (DAY, 2 * YEAR), (1.5 * DAY, 2 * YEAR)],
            [True, False, False, False, True],
            id="rule 3: once more",
        ),
        pytest.param([(0, 0), (0, YEAR), (60, YEAR + HOUR), (DAY, YEAR)], [True, False, False, True], id="no jump, no new day"),
        pytest.param([(0, 0), (0, YEAR), (60, 0), (120, 0)], [True, False, True, True], id="rule 4: put right again"),
        pytest.param([(0, 0), (0, YEAR), (60, -DAY)], [True, False, True], id="rule 4: behind"),
        pytest.param([(0, 0), (0, -DAY), (60, 0)], [True, True, False], id="rule 4: behind, and then ahead of that"),
        pytest.param([(n * HOUR, n * HOUR) for n in range(100)], [True] * 100, id="rule 5: drift"),
        pytest.param([(0, 0), (1, YEAR), (2 * DAY, YEAR), (2 * DAY + 1, YEAR)], [True, False, True, True], id="and stays so"),
    ],
)
def test_when_a_clock_is_believed(looks: Sequence[tuple[float, float]], believed: Sequence[bool]) -> None:
    """A look is given by the seconds since the first, and how far the wall clock is ahead then."""
    assert (JUMP_SECONDS, DOUBT_SECONDS) == (HOUR, DAY)
    trust: Trust | None = None
    found = []
    for boot_seconds, ahead in looks:
        trust = look(trust, Clocks(NOW + boot_seconds + ahead, boot_seconds))
        found.append(trust.is_believed)
    assert found == believed


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param("", AgeEnd(None, None), id="none"),
        pytest.param("o", AgeEnd(1, None), id="all are old"),
        pytest.param("oooo", AgeEnd(4, None), id="all four are old"),
        pytest.param("ooyoo", AgeEnd(2, "y"), id="the first that is young ends it"),
        pytest.param("y", AgeEnd(None, "y"), id="nothing is old"),
        pytest.param("zz", AgeEnd(None, None), id="dated in the future: nobody knows"),
        pytest.param("ozzo", AgeEnd(4, None), id="as old as what comes after it"),
        pytest.param("ozzyo", AgeEnd(1, "y"), id="as young as what comes after it"),
        pytest.param("ozz", AgeEnd(1, None), id="stays until something comes after it"),
        pytest.param("nl", AgeEnd(None, "n"), id="as young as the bound is young"),
        pytest.param("l", AgeEnd(None, "l"), id="as late as the bound is not the future"),
    ],
)
def test_where_the_old_events_end(times: str, expected: AgeEnd) -> None:
    """A letter is a time: o is old, n is just kept, y is young, l is the latest that is believed, z is the future."""
    ranks = {"o": "2026-01-01", "n": "2026-01-02", "y": "2026-01-03", "l": "2026-01-04", "z": "2027-01-01"}
    stretch = [(number, ranks[letter]) for number, letter in enumerate(times, 1)]
    young_at = None if expected.young_at is None else ranks[expected.young_at]
    assert find_age_end(stretch, ranks["n"], ranks["l"]) == AgeEnd(expected.through, young_at)
