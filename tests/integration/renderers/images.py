"""Runs the engine of `image` in the process of the tests, as a child would."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from PIL import Image

from nexusd.domain.caps import Caps
from nexusd.renderers.engines import image
from nexusd.renderers.image import ImageInput
from nexusd.renderers.job import ChildJob

if TYPE_CHECKING:
    from pathlib import Path


def render(
    folder: Path, source: str | bytes, *, caps: Caps | None = None, progress_fd: int | None = None, **options: Any
) -> bytes:
    """Return the one file that comes of a source: text as it is, bytes as an asset."""
    number = sum(1 for _ in folder.iterdir())
    workdir = folder / f"job-{number}"
    (workdir / "out").mkdir(parents=True)
    given = {"source": source if isinstance(source, str) else {"$asset": "a"}, **options}
    placed = ImageInput.model_validate(given).model_dump(by_alias=True, mode="json")
    if isinstance(source, bytes):
        (workdir / "asset").write_bytes(source)
        placed["source"]["path"] = "asset"
    image.render(ChildJob(placed, workdir, workdir / "out", progress_fd, caps or Caps()))
    (made,) = (workdir / "out").iterdir()
    assert made.stem == "image"
    return made.read_bytes()


def picture(folder: Path, source: str | bytes, **options: Any) -> Image.Image:
    """Return the picture that comes of a source, decoded by Pillow."""
    content = render(folder, source, **options)
    Image.MAX_IMAGE_PIXELS = None  # what the engine set is for its own process
    return Image.open(io.BytesIO(content))


def colour(made: Image.Image, place: tuple[int, int]) -> tuple[int, ...]:
    """Return the colour at a place."""
    found = made.getpixel(place)
    assert isinstance(found, tuple)
    return found


def value(made: Image.Image, place: tuple[int, int]) -> float:
    """Return the one number at a place of a grey picture."""
    found = made.getpixel(place)
    assert isinstance(found, (int, float))
    return found


def near(one: Any, other: Any, apart: int = 24) -> bool:
    """Whether two colours are about the same."""
    return all(abs(first - second) <= apart for first, second in zip(one, other, strict=True))
