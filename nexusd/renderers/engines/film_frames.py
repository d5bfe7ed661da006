"""The frames of a film, one after the other: slides in their motion, and what is between them.

Invariants: at most two slides are in memory at a time, the one that is seen and the one that goes; a frame of a slide that
stands still is the very same object as the one before it, by which an encoder sees that nothing has to be converted again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

    from nexusd.renderers.engines.film_slides import Prepared, Slides
    from nexusd.renderers.engines.film_timeline import Moment

BEFORE_ALL: Final = -1  # the number of what is there before the first slide


class Frames:
    """Makes the frames of a film. `kinds` is how each slide comes."""

    def __init__(self, slides: Slides, kinds: Sequence[str], width: int, height: int) -> None:
        self._slides, self._kinds = slides, kinds
        self._size = width, height
        self._prepared: dict[int, Prepared] = {}

    def at(self, moment: Moment) -> Image:
        """Return one frame. Raises InvalidInput when its slide cannot be shown. Moments are asked for in their order."""
        for number in [number for number in self._prepared if number < moment.slide - (moment.shown < 1)]:
            del self._prepared[number]
        now = self._shown(moment.slide, moment.fraction)
        if moment.shown >= 1:
            return now
        mix = TRANSITIONS[self._kinds[moment.slide]]
        return mix(self._shown(moment.slide - 1, moment.fraction_before), now, moment.shown)

    def _shown(self, number: int, fraction: float) -> Image:
        if number not in self._prepared:
            self._prepared[number] = self._slides.plain() if number == BEFORE_ALL else self._slides.prepare(number)
        return filmed(self._prepared[number], fraction, self._size)


def filmed(slide: Prepared, fraction: float, size: tuple[int, int]) -> Image:
    """Return what is seen of a slide, when its motion has come this far."""
    from PIL.Image import Resampling

    if slide.motion is None:
        return slide.picture
    part = slide.motion.at(fraction)
    width, height = slide.picture.size
    box = (
        part.x * width,
        part.y * height,
        min((part.x + part.size) * width, width),
        min((part.y + part.size) * height, height),
    )
    frame = slide.picture.resize(size, Resampling.BICUBIC, box=box)
    if slide.titles is not None:
        frame.paste(slide.titles, slide.place, slide.mask)
    return frame


def crossfade(before: Image, now: Image, shown: float) -> Image:
    """Let one picture shine through the other."""
    from PIL import Image as images

    return images.blend(before, now, shown)


def fade_through_black(before: Image, now: Image, shown: float) -> Image:
    """Let one picture go dark, then the other come out of the dark."""
    from PIL import Image as images

    seen, light = (before, 1 - 2 * shown) if shown < 0.5 else (now, 2 * shown - 1)
    return images.blend(images.new("RGB", seen.size), seen, light)


def slide_in(before: Image, now: Image, shown: float) -> Image:
    """Let one picture push the other out to the left; slower towards the end."""
    way = 1 - (1 - shown) ** 3
    edge = round(before.width * (1 - way))
    frame = now.copy()
    frame.paste(before, (edge - before.width, 0))
    frame.paste(now, (edge, 0))
    return frame


TRANSITIONS: Final[dict[str, Callable[[Image, Image, float], Image]]] = {
    "crossfade": crossfade,
    "fade-through-black": fade_through_black,
    "slide": slide_in,
}
