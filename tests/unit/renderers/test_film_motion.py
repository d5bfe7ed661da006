"""Pans and zooms: always inside the slide, without jumps, and where the storyboard says at both ends."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusd.renderers.engines.film_motion import PRESETS, WHOLE, Motion, Part, read_motion
from nexusd.renderers.engines.film_pictures import ENLARGED_MAX_PIXELS, enlargement

SIZES = st.floats(min_value=0.1, max_value=1.0)
FRACTIONS = st.floats(min_value=0.0, max_value=1.0)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    size = draw(SIZES)
    return Part(draw(FRACTIONS) * (1 - size), draw(FRACTIONS) * (1 - size), size)


@pytest.mark.slow
@given(parts(), parts(), st.booleans(), FRACTIONS)
def test_what_is_seen_is_always_inside_the_slide(start: Part, end: Part, smooth: bool, fraction: float) -> None:
    seen = Motion(start, end, smooth).at(fraction)
    assert min(seen.x, seen.y) >= 0
    assert max(seen.x, seen.y) + seen.size <= 1 + 1e-12
    assert min(start.size, end.size) - 1e-9 <= seen.size <= max(start.size, end.size) + 1e-9


@pytest.mark.slow
@given(parts(), parts(), st.booleans())
def test_a_motion_begins_and_ends_where_it_is_told_to(start: Part, end: Part, smooth: bool) -> None:
    motion = Motion(start, end, smooth)
    assert motion.at(0.0) == pytest.approx(start, abs=1e-9)
    assert motion.at(1.0) == pytest.approx(end, abs=1e-6)


@pytest.mark.slow
@given(parts(), parts())
def test_a_motion_never_jumps(start: Part, end: Part) -> None:
    """No step of a hundred goes further than a tenth of the way, in any direction: a zoom by ten is faster at one end."""
    motion = Motion(start, end)
    seen = [motion.at(step / 100) for step in range(101)]
    for axis in range(3):
        way = abs(end[axis] - start[axis])
        assert all(abs(two[axis] - one[axis]) <= way / 10 + 1e-6 for one, two in pairwise(seen))


@pytest.mark.parametrize("name", PRESETS)
def test_a_zoom_looks_even_and_keeps_the_point_it_goes_to(name: str) -> None:
    motion = read_motion(name)
    assert motion is not None
    seen = [motion.at(step / 10) for step in range(11)]
    factors = {round(two.size / one.size, 6) for one, two in pairwise(seen)}
    assert len(factors) == 1
    if name.startswith("zoom"):
        assert all(part.x + part.size / 2 == pytest.approx(0.5) for part in seen)
        assert min(part.size for part in seen) == pytest.approx(0.8)


def test_a_pan_to_the_left_shows_what_is_further_left() -> None:
    motion = read_motion("pan-left")
    assert motion is not None
    assert motion.at(0).x > motion.at(0.5).x > motion.at(1).x == 0
    assert motion.at(0).y == motion.at(1).y


def test_smooth_is_slow_at_both_ends() -> None:
    motion = read_motion({"from": {"x": 0, "y": 0, "size": 0.5}, "to": {"x": 0.5, "y": 0, "size": 0.5}, "easing": "smooth"})
    assert motion is not None
    assert motion.at(0.1).x < 0.02
    assert motion.at(0.5).x == pytest.approx(0.25)
    assert motion.at(0.9).x > 0.48


def test_what_shows_the_whole_slide_all_the_time_is_no_motion() -> None:
    whole = {"x": 0, "y": 0, "size": 1}
    assert read_motion({"from": whole, "to": whole, "easing": "linear"}) is None
    assert read_motion(None) is None
    assert Motion(WHOLE, WHOLE).closest == 1


@given(st.integers(16, 4096), st.integers(16, 2304), SIZES)
def test_a_slide_that_moves_is_enlarged_within_bounds(width: int, height: int, closest: float) -> None:
    zoom = enlargement(width, height, closest)
    assert 1 <= zoom <= 1 / closest
    assert width * height * zoom**2 <= ENLARGED_MAX_PIXELS + 1
