"""The arithmetic of a film: no frame is lost, none is counted twice, and rounding never adds up."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusd.renderers.engines.film_timeline import Moment, Timing, moment_at, moments, pictures, plan, total_frames

SECONDS = st.integers(min_value=1, max_value=8_000).map(lambda milliseconds: milliseconds / 1000)


@st.composite
def storyboards(draw: st.DrawFn) -> list[Timing]:
    seconds = draw(st.lists(SECONDS, min_size=1, max_size=12))
    return [Timing(one, one * draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]))) for one in seconds]


@pytest.mark.slow
@given(storyboards(), st.integers(min_value=1, max_value=60))
def test_every_frame_belongs_to_one_slide_in_order(timings: list[Timing], fps: int) -> None:
    spans = plan(timings, fps)
    seen = list(moments(spans))
    assert len(seen) == total_frames(spans)
    assert [moment.slide for moment in seen] == [number for number, span in enumerate(spans) for _ in range(span.frames)]
    assert seen == [moment_at(spans, frame) for frame in range(len(seen))]


@pytest.mark.slow
@given(storyboards(), st.integers(min_value=1, max_value=60))
def test_a_slide_begins_at_the_frame_that_is_nearest_to_its_time(timings: list[Timing], fps: int) -> None:
    spans = plan(timings, fps)
    begins = Fraction(0)
    for timing, span in zip(timings, spans, strict=True):
        assert abs(begins * fps - span.first) <= Fraction(1, 2)
        begins += Fraction(round(timing.seconds * 1_000_000), 1_000_000)
    assert abs(begins * fps - total_frames(spans)) <= Fraction(1, 2)


@pytest.mark.slow
@given(storyboards(), st.integers(min_value=1, max_value=60))
def test_a_transition_grows_within_its_own_slide_and_its_ends_are_never_seen(timings: list[Timing], fps: int) -> None:
    spans = plan(timings, fps)
    for number, span in enumerate(spans):
        shown = [moment.shown for moment in moments(spans) if moment.slide == number]
        mixed = [part for part in shown if part < 1]
        assert len(mixed) == span.transition <= span.frames
        assert shown == mixed + [1.0] * (span.frames - span.transition)
        assert all(0 < one < two for one, two in pairwise([*mixed, 1.0]))


@pytest.mark.slow
@given(storyboards(), st.integers(min_value=1, max_value=60))
def test_a_slide_moves_evenly_until_it_has_gone(timings: list[Timing], fps: int) -> None:
    spans = plan(timings, fps)
    found: dict[int, list[float]] = {}
    for moment in moments(spans):
        found.setdefault(moment.slide, []).append(moment.fraction)
        if moment.shown < 1 and moment.slide:
            found.setdefault(moment.slide - 1, []).append(moment.fraction_before)
    for number, fractions in found.items():
        last = spans[number].frames + spans[number].after - 1
        assert len(fractions) == last + 1
        assert fractions == pytest.approx([step / max(last, 1) for step in range(last + 1)])


def test_an_hour_of_thirds_does_not_drift() -> None:
    spans = plan([Timing(1 / 3)] * 10_800, 30)
    assert {span.frames for span in spans} == {10}
    assert total_frames(spans) == 108_000


def test_a_slide_shorter_than_a_frame_gets_none() -> None:
    assert [span.frames for span in plan([Timing(1.0), Timing(0.01), Timing(1.0)], 10)] == [10, 0, 10]


def test_a_moment_after_the_end_is_the_last_frame() -> None:
    spans = plan([Timing(1.0), Timing(1.0, 0.5)], 10)
    assert moment_at(spans, 10_000) == moment_at(spans, 19) == Moment(1, 1.0)
    assert moment_at(spans, 10) == pytest.approx((1, 0.0, 1 / 6, 10 / 14))


@pytest.mark.parametrize(("moving", "count"), [([False, False], 1 + 5 + 1), ([True, False], 10 + 5 + 1), ([True, True], 20)])
def test_what_stands_still_is_one_picture(moving: list[bool], count: int) -> None:
    assert pictures(plan([Timing(1.0), Timing(1.0, 0.5)], 10), moving) == count
