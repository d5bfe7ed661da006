"""Slides in the process of the tests: the size of the picture, what fits, what does not, and that text is there."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageChops

from nexusd.renderers.engines.slides import set_slide
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

BULLETS = "# What it does\n\n- keeps **jobs**\n- says `why`\n\n```python\nreturn 1\n```\n"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the typesetter does to the environment to the test."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def ink(content: bytes) -> tuple[int, int, int, int]:
    """Return the box of what differs from the corner."""
    image = opened(content).convert("L")
    box = ImageChops.difference(image, Image.new("L", image.size, image.getpixel((0, 0)))).point([0] * 60 + [255] * 196)
    found = box.getbbox()
    assert found is not None
    return found


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (720, 1280), (333, 501), (64, 64)])
def test_a_slide_has_exactly_the_size_that_was_asked_for(tmp_path: Path, width: int, height: int) -> None:
    assert opened(set_slide("# Hi", tmp_path, width, height)).size == (width, height)


def test_a_title_stands_in_the_middle(tmp_path: Path) -> None:
    left, top, right, bottom = ink(set_slide("# Nexus\n\nin a minute", tmp_path, 1280, 720))
    assert abs((left + right) / 2 - 640) < 20
    assert abs((top + bottom) / 2 - 360) < 40


def test_other_text_starts_at_the_left(tmp_path: Path) -> None:
    left, top, right, bottom = ink(set_slide("# What\n\n- a", tmp_path, 1280, 720))
    assert left < 100
    assert right < 640
    assert abs((top + bottom) / 2 - 360) < 60


def test_long_text_gets_smaller_until_it_fits(tmp_path: Path) -> None:
    short, long = (ink(set_slide("- x\n\n" + "many words " * count, tmp_path, 1280, 720)) for count in (20, 250))
    assert long[3] <= 720 - 40
    assert long[1] >= 40
    assert short[3] - short[1] < long[3] - long[1]


@pytest.mark.parametrize("source", ["many words " * 2000, "- x\n" * 200, "a[^1]\n\n[^1]: " + "note " * 3000])
def test_what_cannot_fit_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(InvalidInput, match="more than fits"):
        set_slide(source, tmp_path, 1280, 720)


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, -1), (9000, 10)])
def test_an_impossible_size_is_refused(tmp_path: Path, width: int, height: int) -> None:
    with pytest.raises(InvalidInput, match="pixels on each side"):
        set_slide("x", tmp_path, width, height)


def test_dark_is_dark_and_the_same_bytes_come_twice(tmp_path: Path) -> None:
    light, dark = (set_slide(BULLETS, tmp_path, 640, 360, dark=dark) for dark in (False, True))
    assert opened(light).getpixel((2, 2)) == (255, 255, 255)
    assert max(opened(dark).getpixel((2, 2))) < 40  # type: ignore[arg-type]
    assert dark == set_slide(BULLETS, tmp_path, 640, 360, dark=True)


def test_a_picture_of_the_folder_grows_and_a_link_is_not_followed(tmp_path: Path) -> None:
    folder, secret = tmp_path / "slides", tmp_path / "secret.png"
    (folder / "img").mkdir(parents=True)
    Image.new("RGB", (40, 40), (200, 0, 0)).save(folder / "img" / "a.png")
    Image.new("RGB", (40, 40), (0, 200, 0)).save(secret)
    (folder / "b.png").symlink_to(secret)
    image = opened(set_slide("![a](img/a.png) ![b](b.png)", folder, 1280, 720))
    colours = {colour: count for count, colour in image.getcolors(1 << 20) or []}
    assert colours[(200, 0, 0)] > 40 * 40 * 2
    assert (0, 200, 0) not in colours


def test_a_large_picture_fits(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 3000), (200, 0, 0)).save(tmp_path / "a.png")
    left, top, right, bottom = ink(set_slide("# T\n\n![a](a.png)\n\n- x", tmp_path, 1280, 720))
    assert top > 0
    assert bottom < 720
    assert right - left < 1280
