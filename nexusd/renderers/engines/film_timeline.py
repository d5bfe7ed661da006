"""Which slides are seen in which frame: the arithmetic of a film. Pure.

Invariants: a slide begins at the frame nearest to the sum of the seconds before it, so that rounding never adds up; every frame
belongs to one slide; in a transition the slide before it is seen too, never a third, because a transition ends within its own
slide. The slide before goes on moving until it has gone.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SECOND: Final = 1_000_000  # in microseconds


class Timing(NamedTuple):
    """What a storyboard says of one slide, in seconds. A cut takes none."""

    seconds: float
    transition_seconds: float = 0.0


class Span(NamedTuple):
    """The frames of one slide: where they begin, how many, how many of them are the transition, how many come after."""

    first: int
    frames: int
    transition: int
    after: int

    def fraction(self, frame: int) -> float:
        """Return how far the motion of this slide has come in a frame of the film, from 0 to 1."""
        last = self.frames + self.after - 1
        return (frame - self.first) / last if last > 0 else 0.0


class Moment(NamedTuple):
    """One frame: the slide, how far it has come, and how much of it is seen: below 1, the slide before is seen too."""

    slide: int
    fraction: float
    shown: float = 1.0
    fraction_before: float = 0.0


def frame_at(microseconds: int, fps: int) -> int:
    """Return the frame that is nearest to a moment; a half counts up."""
    return (2 * microseconds * fps + SECOND) // (2 * SECOND)


def micro(seconds: float) -> int:
    """Return seconds in whole microseconds, which can be added without an error."""
    return round(seconds * SECOND)


def plan(timings: Sequence[Timing], fps: int) -> list[Span]:
    """Return the frames of each slide. One that is shorter than a frame may get none: see `Span.frames`."""
    ends = [frame_at(end, fps) for end in accumulate(micro(timing.seconds) for timing in timings)]
    firsts = [0, *ends[:-1]]
    frames = [end - first for first, end in zip(firsts, ends, strict=True)]
    transitions = [
        min(frame_at(micro(timing.transition_seconds), fps), count) for timing, count in zip(timings, frames, strict=True)
    ]
    return [Span(*parts) for parts in zip(firsts, frames, transitions, [*transitions[1:], 0], strict=True)]


def total_frames(spans: Sequence[Span]) -> int:
    """Return how many frames the film has."""
    return spans[-1].first + spans[-1].frames


def moments(spans: Sequence[Span]) -> Iterator[Moment]:
    """Go through the film, frame by frame."""
    for number, span in enumerate(spans):
        for offset in range(span.frames):
            yield moment(spans, number, offset)


def moment(spans: Sequence[Span], number: int, offset: int) -> Moment:
    """Return one frame of one slide. In a transition neither slide is ever seen alone: that is the frame before, or after."""
    span = spans[number]
    frame = span.first + offset
    if offset >= span.transition:
        return Moment(number, span.fraction(frame))
    before = spans[number - 1].fraction(frame) if number else 0.0
    return Moment(number, span.fraction(frame), (offset + 1) / (span.transition + 1), before)


def moment_at(spans: Sequence[Span], frame: int) -> Moment:
    """Return one frame of the film. A frame after the end is the last one."""
    frame = min(frame, total_frames(spans) - 1)
    number = bisect_right([span.first for span in spans], frame) - 1
    return moment(spans, number, frame - spans[number].first)


def pictures(spans: Sequence[Span], moving: Sequence[bool]) -> int:
    """Return how many different frames there are: a slide that does not move is one, besides its transition."""
    return sum(
        span.frames if moves else span.transition + (span.frames > span.transition)
        for span, moves in zip(spans, moving, strict=True)
    )
