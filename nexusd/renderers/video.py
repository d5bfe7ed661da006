"""The definition of `video`: a storyboard to a film, an animated picture, or one picture of it.

Owns the input model and the limits. A storyboard stands in the input (`slides` and what holds for all of them) or is a text of
its own in `source`, as `nexusctl render story.storyboard.json` sends it; such a text cannot name assets, which are looked for
in the input only: it names pictures by path, and `files` says which assets these are. The work is done by `engines.video`,
which only the child imports.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from nexusd.renderers.inputs import AssetReference, Files, Source, check_folders
from nexusd.renderers.spec import RendererSpec, engine_command
from nexusd.renderers.storyboard import SLIDES_MAX_COUNT, Film, Slide, Storyboard

if TYPE_CHECKING:
    from collections.abc import Iterator

CODECS: Final = {"mp4": ("h264",), "webm": ("vp9", "av1"), "gif": (), "png": ()}
GIF_FPS_MAX: Final = 50  # what lasts less than 2/100 s is slowed down by those who show it
AV1_SIDE_MIN: Final = 64
SHOWN_ERRORS_MAX: Final = 5
RESERVED_NAME: Final = ".nexusd"


class VideoInput(Film):
    """A film: a storyboard in `slides`, or the text of one in `source`."""

    language: Literal["storyboard"] = "storyboard"
    source: Source | None = Field(default=None, description="A storyboard as JSON text: width, height, fps, slides, audio, …")
    slides: list[Slide] | None = Field(default=None, min_length=1, max_length=SLIDES_MAX_COUNT)
    files: Files = Field(default_factory=dict)
    format: Literal["mp4", "webm", "gif", "png"] = Field(default="mp4", description="png is one frame of the film.")
    codec: Literal["h264", "vp9", "av1"] | None = Field(default=None, description="mp4: h264. webm: vp9, or av1.")
    poster_seconds: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="The moment that a png shows; None is the middle of the first slide.",
    )

    @field_validator("files")
    @classmethod
    def _check_places(cls, files: Files) -> Files:
        """Refuse what cannot lie in one folder, beside what is written there to set Markdown."""
        for path in files:
            if path.casefold().startswith(RESERVED_NAME):
                raise ValueError(f"{path!r}: this name is the renderer's own")
        return check_folders(files)

    @model_validator(mode="after")
    def _check_storyboard(self) -> Self:
        """Refuse two storyboards or none, and pictures that are in no file."""
        if (self.source is None) == (self.slides is None):
            raise ValueError("either slides, or a storyboard as text in source")
        if self.source is not None:
            beside = [name for name, field in Film.model_fields.items() if getattr(self, name) != field.default]
            if beside:
                raise ValueError(f"{beside[0]} stands in the storyboard, when that is in source")
        if isinstance(self.source, str):
            parse_storyboard(self.source, self.files)
        elif self.slides is not None:
            check_paths(self, self.slides, self.files)
            self.set_size()
        return self

    @model_validator(mode="after")
    def _check_format(self) -> Self:
        if self.codec is not None and self.codec not in CODECS[self.format]:
            known = " or ".join(CODECS[self.format])
            raise ValueError(f"{self.format} has {f'the codec {known}' if known else 'no codecs to choose from'}")
        if self.slides is not None:
            check_form(self, self.format, self.codec)
        return self


def parse_storyboard(text: str, files: Files | dict[str, Any]) -> Storyboard:
    """Return the storyboard that is written down in JSON. Raises ValueError that names the places of what is wrong."""
    try:
        storyboard = Storyboard.model_validate_json(text, by_alias=True, by_name=False)
    except ValidationError as error:
        raise ValueError("; ".join(places(error))) from None
    for place, value in references(storyboard.model_dump(by_alias=True)):
        raise ValueError(f"{place}: a storyboard in source cannot name the asset {value}; name a path, and put it into files")
    check_paths(storyboard, storyboard.slides, files)
    return storyboard


def places(error: ValidationError) -> Iterator[str]:
    """Tell what is wrong, and where: `slides/3/durationSeconds: Input should be greater than 0`."""
    wrong = error.errors(include_url=False, include_input=False)
    for one in wrong[:SHOWN_ERRORS_MAX]:
        place = "/".join(str(part) for part in one["loc"])
        yield f"{place}: {one['msg'].removeprefix('Value error, ')}" if place else one["msg"].removeprefix("Value error, ")
    if len(wrong) > SHOWN_ERRORS_MAX:
        yield f"and {len(wrong) - SHOWN_ERRORS_MAX} more"


def references(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Find the assets that a storyboard names."""
    if isinstance(value, dict):
        if set(value) == {"$asset"}:
            yield place, str(value["$asset"])
            return
        items: list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        return
    for key, item in items:
        yield from references(item, f"{place}/{key}" if place else str(key))


def check_paths(film: Film, slides: list[Slide], files: Files | dict[str, Any]) -> None:
    """Raise ValueError when a picture or the sound is a path that `files` does not have."""
    named = [("audio", film.audio), *((f"slides/{number}/image", slide.image) for number, slide in enumerate(slides))]
    for place, path in named:
        if path is not None and not isinstance(path, AssetReference) and path not in files:
            raise ValueError(f"{place}: {json.dumps(path, ensure_ascii=False)} is not in files")


def check_form(film: Film, form: str, codec: str | None) -> None:
    """Raise ValueError when a film is too fast for a GIF, or too small for AV1, whose encoder would never end."""
    if form == "gif" and film.fps > GIF_FPS_MAX:
        raise ValueError(f"a gif has at most {GIF_FPS_MAX} frames a second, not {film.fps}")
    if codec == "av1" and min(film.width or AV1_SIDE_MIN, film.height or AV1_SIDE_MIN) < AV1_SIDE_MIN:
        raise ValueError(f"a film in av1 has at least {AV1_SIDE_MIN} pixels on each side; choose vp9")


VIDEO: Final = RendererSpec(
    job_type="video",
    description="Films from a storyboard: pictures, diagrams, charts, Markdown; in motion, with titles, transitions, sound.",
    input_model=VideoInput,
    outputs={".mp4": "video/mp4", ".webm": "video/webm", ".gif": "image/gif", ".png": "image/png"},
    command=engine_command("nexusd.renderers.engines.video:render"),
    tools=("av", "pillow", "resvg-py"),
    default_timeout_seconds=3_600.0,
    environment={"SVT_LOG": "1"},  # errors only: the AV1 encoder tells the log how fast it is
    memory_max_bytes=4 * 1024**3,  # 4K in AV1 takes a little over two
    slots=2,
    examples={
        "titles": {
            "width": 320,
            "height": 180,
            "fps": 10,
            "slides": [
                {"color": "#1d3557", "durationSeconds": 0.5, "title": "Hello", "subtitle": "A first film"},
                {"color": "#e9c46a", "durationSeconds": 0.5, "title": "The end"},
            ],
            "transition": "crossfade",
            "transitionSeconds": 0.3,
            "format": "mp4",
        }
    },
    extensions={".storyboard.json": {}},
    spares=1,
)
