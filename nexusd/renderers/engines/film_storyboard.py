"""The storyboard of a job, wherever it stands: in the input, in a text in the input, or in a file.

Owns reading and the numbers that follow from it: the seconds of each slide, and how it comes. A storyboard in a text or a file
is checked by the very model that checks an input, so that there is one set of rules: only then does this process load pydantic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines.film_timeline import Timing
from nexusd.renderers.engines.source import read_source
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from nexusd.renderers.job import ChildJob

NAME: Final = "storyboard.json"


def read_storyboard(job: ChildJob) -> dict[str, Any]:
    """Return the storyboard with every field, `slides` among them. Raises InvalidInput when it is none."""
    if job.input["source"] is None:
        return job.input
    text = read_source(job, NAME)
    from nexusd.renderers.video import check_form, parse_storyboard

    try:
        storyboard = parse_storyboard(text, job.input["files"])
        check_form(storyboard, job.input["format"], job.input["codec"])
    except ValueError as error:
        raise InvalidInput(f"{NAME}: {error}") from None
    return storyboard.model_dump(by_alias=True, mode="json")


def transition_kinds(film: dict[str, Any]) -> list[str]:
    """Return how each slide comes. The first comes as it says itself: the film's way is from slide to slide."""
    slides = film["slides"]
    first = slides[0]["transition"] or "cut"
    return [first, *(slide["transition"] or film["transition"] for slide in slides[1:])]


def timings(film: dict[str, Any]) -> list[Timing]:
    """Return the seconds of each slide and of the way in which it comes."""
    found = []
    for slide, kind in zip(film["slides"], transition_kinds(film), strict=True):
        seconds, transition = slide["durationSeconds"], slide["transitionSeconds"]
        if transition is None:
            transition = min(film["transitionSeconds"], seconds / 2)
        found.append(Timing(seconds, 0.0 if kind == "cut" else transition))
    return found
