"""The colours of a picture: found, ranked, the same each time; and pictures that are none."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from nexusd.domain.caps import Caps
from nexusd.renderers.engines.theme_seed import seeds_of_picture
from nexusd.renderers.job import InvalidInput
from tests.support import pictures


def encoded(picture: Image.Image, form: str = "PNG") -> bytes:
    content = io.BytesIO()
    picture.save(content, form)
    return content.getvalue()


def logo(mode: str = "RGBA") -> Image.Image:
    """Return white with some blue, less orange, and a transparent edge that is green below."""
    picture = Image.new("RGBA", (300, 200), (0, 200, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((20, 20, 280, 180), fill=(255, 255, 255, 255))
    draw.rectangle((40, 40, 180, 160), fill=(20, 80, 200, 255))
    draw.rectangle((200, 60, 250, 110), fill=(240, 120, 20, 255))
    return picture.convert(mode)


def near(colour: str, other: tuple[int, int, int]) -> bool:
    return all(abs(int(colour[1 + 2 * i : 3 + 2 * i], 16) - other[i]) <= 12 for i in range(3))


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_the_colours_of_a_logo(form: str) -> None:
    found = seeds_of_picture(encoded(logo(), form), "p", Caps())
    assert len(found) == 2
    assert near(found[0].colour, (20, 80, 200))
    assert near(found[1].colour, (240, 120, 20))
    assert found[0].share > found[1].share > 0


def test_an_svg_is_painted_first() -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><rect width="10" height="10" fill="#b3261e"/></svg>'
    assert [seed.colour for seed in seeds_of_picture(svg, "p", Caps())] == ["#b3261e"]


def test_grey_is_taken_when_there_is_nothing_else() -> None:
    picture = Image.new("L", (50, 50), 255)
    ImageDraw.Draw(picture).rectangle((0, 0, 50, 24), fill=90)
    [seed] = seeds_of_picture(encoded(picture), "p", Caps())
    assert near(seed.colour, (90, 90, 90))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "CMYK", "I;16"])
def test_every_mode_is_read(mode: str) -> None:
    picture = Image.new(mode, (20, 20)) if mode == "I;16" else logo("RGB").convert(mode)
    assert seeds_of_picture(encoded(picture, "JPEG" if mode == "CMYK" else "PNG"), "p", Caps())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no picture in PNG"),
        (b"not a picture", "no picture in PNG"),
        (encoded(logo())[:300], "cannot be read"),
        (encoded(Image.new("RGBA", (9, 9), (255, 0, 0, 0))), "transparent everywhere"),
        (b"<svg><rect", r"p:\d+:\d+"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "transparent everywhere"),
        (b"%PDF-1.4", "no picture in PNG"),
    ],
)
def test_what_is_no_picture_is_told(content: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        seeds_of_picture(content, "p", Caps())


@pytest.mark.parametrize("side", [11_000, 20_000])
def test_a_picture_above_the_cap_is_not_decoded(side: int) -> None:
    bomb = encoded(Image.new("1", (side, side)))
    with pytest.raises(InvalidInput, match=r"more than 100,000,000 pixels \(caps\.picture_max_pixels\)"):
        seeds_of_picture(bomb, "p", Caps())


def test_an_svg_whose_width_is_no_length_is_refused_with_words() -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="1.2.3" height="5"><rect width="5" height="5" fill="red"/></svg>'
    with pytest.raises(InvalidInput, match="no length"):
        seeds_of_picture(svg, "p", Caps())


def test_what_a_picture_says_of_an_svg_does_not_make_it_one() -> None:
    info = PngInfo()
    info.add_text("note", "made from <svg width='1'>\u00e9")
    content = io.BytesIO()
    logo().save(content, "PNG", pnginfo=info)
    assert seeds_of_picture(content.getvalue(), "p", Caps()) == seeds_of_picture(encoded(logo()), "p", Caps())


def test_deep_grey_is_scaled_and_a_colour_profile_applied() -> None:
    deep = seeds_of_picture(encoded(pictures.deep((64, 16))), "p", Caps())
    assert not near(deep[0].colour, (255, 255, 255))
    assert near(seeds_of_picture(pictures.profiled(), "p", Caps())[0].colour, (10, 10, 250))
