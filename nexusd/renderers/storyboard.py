"""What a film is made of: its size and pace, its slides in their order, its sound. The shape that a user writes down.

Owns what can be refused by looking at a storyboard alone, with the place: `slides/3/transitionSeconds`. The same model reads
one that stands in a job's input and one that stands in a file (`story.storyboard.json`). Whether the pictures can be read, and
how many frames there are, is seen in the child. Leaves out the kind of file that is made: that is `video.py`'s.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from nexusd.contract.base import Request
from nexusd.renderers.inputs import AssetReference, RelativePath, Source

SLIDES_MAX_COUNT: Final = 2_000
SIDE_MAX_PIXELS: Final = 4_096
FILM_MAX_PIXELS: Final = 4_096 * 2_304
SLIDE_MAX_SECONDS: Final = 3_600.0
TEXT_MAX_LENGTH: Final = 500
SIZES: Final = {
    "480p": (854, 480),
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "4k": (3840, 2160),
    "square": (1080, 1080),
    "vertical": (1080, 1920),
}
DEFAULT_SIZE: Final = "720p"
DEFAULT_TRANSITION_SECONDS: Final = 0.5
KINDS: Final = ("image", "diagram", "chart", "markdown", "color")

Color = Annotated[str, StringConstraints(pattern=r"^(#[0-9A-Fa-f]{3}|#[0-9A-Fa-f]{6}|[A-Za-z]{3,20})$")]
Side = Annotated[int, Field(ge=16, le=SIDE_MAX_PIXELS, multiple_of=2)]
Seconds = Annotated[float, Field(gt=0, le=SLIDE_MAX_SECONDS, allow_inf_nan=False)]
TransitionSeconds = Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(max_length=TEXT_MAX_LENGTH, strip_whitespace=True)]
Picture = Annotated[
    RelativePath | AssetReference, Field(description="A picture or SVG: an asset, or the path that it has in `files`.")
]
Transition = Literal["cut", "crossfade", "fade-through-black", "slide"]
Move = Literal["zoom-in", "zoom-out", "pan-left", "pan-right", "pan-up", "pan-down"]


class Diagram(Request):
    """A picture drawn from text, as the renderer `diagram` draws it."""

    language: Literal["d2", "dot", "mermaid"]
    source: Source


class Chart(Request):
    """A chart, as the renderer `chart` draws it. Its data stand in it."""

    language: Literal["vega-lite", "vega"] = "vega-lite"
    source: Source | dict[str, Any] = Field(union_mode="left_to_right")


class Rectangle(Request):
    """A part of the slide, in fractions of its width and height, from the upper left. Always in the film's own shape."""

    x: Fraction
    y: Fraction
    size: float = Field(ge=0.1, le=1, allow_inf_nan=False, description="Its width and its height.")

    @model_validator(mode="after")
    def _check_inside(self) -> Self:
        if max(self.x, self.y) + self.size > 1 + 1e-9:
            raise ValueError("the rectangle must lie inside the slide: x + size and y + size are at most 1")
        return self


class Motion(Request):
    """From one part of the slide to another, for as long as the slide is seen."""

    start: Rectangle = Field(alias="from")
    end: Rectangle = Field(alias="to")
    easing: Literal["linear", "smooth"] = "linear"


class Slide(Request):
    """One picture and how long it is seen. `transition` is how it comes, within its own time."""

    image: Picture | None = None
    diagram: Diagram | None = None
    chart: Chart | None = None
    markdown: Source | None = None
    color: Color | None = None
    duration_seconds: Seconds
    transition: Transition | None = Field(default=None, description="None is the film's.")
    transition_seconds: TransitionSeconds | None = None
    title: Text = ""
    subtitle: Text = ""
    caption: Text = Field(default="", description="A line at the lower edge.")
    title_place: Literal["top", "center", "bottom"] | None = Field(
        default=None, description="None is center on a plain colour, top where there is room above a picture, else bottom."
    )
    title_size: float = Field(default=0.085, ge=0.02, le=0.3, allow_inf_nan=False, description="Of the film's shorter side.")
    motion: Move | Motion | None = None
    fit: Literal["contain", "cover"] | None = Field(default=None, description="None is cover for an image, else contain.")
    background: Color | None = Field(default=None, description="Behind the picture. None is the film's.")

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        """Refuse what shows nothing, or two things."""
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"not {' and '.join(given)}" if given else "there is none"
            raise ValueError(f"a slide shows exactly one of {', '.join(KINDS)}; {found}")
        if (self.transition_seconds or 0) > self.duration_seconds:
            raise ValueError(
                f"the transition takes {self.transition_seconds:g} s, longer than the slide's {self.duration_seconds:g} s"
            )
        return self


class Film(Request):
    """What holds for all slides."""

    size: Literal["480p", "720p", "1080p", "1440p", "4k", "square", "vertical"] | None = Field(
        default=None, description=f"Instead of width and height; {DEFAULT_SIZE} when nothing is said."
    )
    width: Side | None = None
    height: Side | None = None
    fps: int = Field(default=30, ge=1, le=60)
    background: Color | None = Field(default=None, description="None is black, and white behind what is drawn from text.")
    transition: Transition = "cut"
    transition_seconds: TransitionSeconds = Field(
        default=DEFAULT_TRANSITION_SECONDS, description="Where a slide does not say; a shorter slide takes half of its time."
    )
    audio: Picture | None = Field(
        default=None, description="A sound (mp3, wav, ogg, flac, m4a): an asset, or its path in `files`."
    )
    audio_volume: float = Field(default=1.0, ge=0, le=4, allow_inf_nan=False)
    audio_fade_seconds: float = Field(default=1.0, ge=0, le=60, allow_inf_nan=False, description="At the end of the film.")
    audio_loop: bool = Field(default=False, description="From its start again when the film lasts longer; else silence.")

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        """Refuse a size that is given twice, or by half."""
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height are given together, or neither")
        if self.size is not None and self.width is not None:
            raise ValueError("either size or width and height, not both")
        if (self.width or 0) * (self.height or 0) > FILM_MAX_PIXELS:
            raise ValueError(f"a film of {self.width} x {self.height} is too large: at most {FILM_MAX_PIXELS:,} pixels")
        return self

    def set_size(self) -> None:
        """Put numbers in place of the name of a size, so that the name's meaning is kept with the job."""
        if self.width is None:
            self.width, self.height = SIZES[self.size or DEFAULT_SIZE]
            self.size = None


class Storyboard(Film):
    """A film in one piece, as it stands in a file."""

    slides: list[Slide] = Field(min_length=1, max_length=SLIDES_MAX_COUNT)

    @model_validator(mode="after")
    def _set_size(self) -> Self:
        self.set_size()
        return self
