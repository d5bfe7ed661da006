"""Slides that are drawn: SVG, diagrams, charts, Markdown. What they show, what they may not reach, and how errors name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from nexusd.renderers.engines import video
from nexusd.renderers.job import InvalidInput
from tests.integration.renderers.films import SMALL, a_job, picture

if TYPE_CHECKING:
    from pathlib import Path

BARS = {
    "data": {"values": [{"a": "x", "b": 3}, {"a": "y", "b": 5}]},
    "mark": {"type": "bar", "color": "#ff0000"},
    "encoding": {"x": {"field": "a"}, "y": {"field": "b", "type": "quantitative"}},
}
SLIDES: dict[str, dict[str, Any]] = {
    "d2": {"diagram": {"language": "d2", "source": "a -> b"}},
    "dot": {"diagram": {"language": "dot", "source": "digraph { a -> b }"}},
    "mermaid": {"diagram": {"language": "mermaid", "source": "flowchart LR\n a --> b\n"}},
    "chart": {"chart": {"source": BARS}},
    "markdown": {"markdown": "# Hello\n\n- one\n- two\n"},
    "svg": {"image": {"$asset": "a"}, "background": "white"},
}
ASSETS = {"a": b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 9"><circle cx="8" cy="4" r="3" fill="red"/></svg>'}


def poster(folder: Path, slide: dict[str, Any], assets: dict[str, bytes] | None = None, **options: Any) -> Image.Image:
    """Return the only frame of a slide."""
    slides = [{**slide, "durationSeconds": 0.1}]
    job = a_job(folder, {**SMALL, "width": 320, "height": 180, **options, "slides": slides, "format": "png"}, assets)
    video.render(job)
    with Image.open(job.out / "video.png") as opened:
        return opened.convert("RGB")


@pytest.mark.slow
@pytest.mark.parametrize("name", SLIDES)
def test_what_is_drawn_is_seen_and_the_same_each_time(tmp_path: Path, name: str) -> None:
    first = poster(tmp_path / "a", SLIDES[name], ASSETS)
    colors = first.getcolors(maxcolors=1 << 16)
    assert colors is not None
    assert len(colors) > 10
    corner = first.getpixel((1, 1))
    assert isinstance(corner, tuple)
    assert min(corner) > 230
    assert first.tobytes() == poster(tmp_path / "b", SLIDES[name], ASSETS).tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SLIDES if name != "svg"])
def test_what_is_drawn_on_a_dark_ground_is_dark(tmp_path: Path, name: str) -> None:
    seen = poster(tmp_path, SLIDES[name], background="#10141f")
    corner = seen.getpixel((1, 1))
    assert isinstance(corner, tuple)
    assert max(corner) < 80
    if name != "markdown":  # whose paper has its own colour
        colors = seen.getcolors(maxcolors=1 << 16)
        assert colors is not None
        assert max(colors)[1] == corner == (0x10, 0x14, 0x1F)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slide", "message"),
    [
        ({"diagram": {"language": "d2", "source": "a -> b: {"}}, "slides/0/diagram: diagram.d2:1:9: "),
        ({"diagram": {"language": "dot", "source": "digraph {"}}, "slides/0/diagram: "),
        ({"diagram": {"language": "mermaid", "source": "nonsense"}}, "slides/0/diagram: "),
        ({"chart": {"source": "{"}}, "slides/0/chart: "),
        ({"chart": {"source": {"mark": "nonsense"}}}, "slides/0/chart: "),
        ({"markdown": "word " * 5_000}, "slides/0/markdown: the slide holds more than fits"),
        ({"image": {"$asset": "a"}}, "slides/0/image: "),
    ],
)
def test_an_error_in_a_drawing_names_its_slide(tmp_path: Path, slide: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        poster(tmp_path, slide, {"a": b"<svg><"})
    assert str(refused.value).startswith(message)


def test_an_svg_reaches_nothing(tmp_path: Path, listener: tuple[str, list[str]]) -> None:
    address, asked = listener
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture("#00ff00"))
    hrefs = (f"{address}/a.png", f"file://{secret}", str(secret), "../secret.png")
    images = "".join(f'<image href="{href}" width="320" height="180"/>' for href in hrefs)
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="320" height="180"><rect width="9" height="9"/>{images}</svg>'
    seen = poster(tmp_path / "job", {"image": {"$asset": "a"}, "background": "white"}, {"a": svg.encode()})
    assert seen.getpixel((160, 90)) == (255, 255, 255)
    assert asked == []


def test_a_drawing_as_large_as_a_country_is_painted_in_the_size_of_the_film(tmp_path: Path) -> None:
    size = 'width="9000000" height="5062500"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><rect {size}/></svg>'.encode()
    assert poster(tmp_path, {"image": {"$asset": "a"}, "background": "white"}, {"a": svg}).getpixel((160, 90)) == (0, 0, 0)


@pytest.mark.slow
def test_markdown_shows_the_pictures_that_are_in_files(tmp_path: Path) -> None:
    seen = poster(tmp_path, {"markdown": "![](red.png)\n"}, {"a": picture("red")}, files={"red.png": {"$asset": "a"}})
    colors = seen.getcolors(maxcolors=1 << 16)
    assert colors is not None
    assert any(color == (255, 0, 0) for _, color in colors)
