"""Pictures to pictures: every format and mode, every operation, looked at pixel by pixel."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from nexusd.renderers.image import IMAGE, LOGO
from nexusd.renderers.job import InvalidInput
from tests.integration.renderers import children
from tests.integration.renderers.images import colour, near, picture, render, value
from tests.integration.renderers.pdf import page_count, unpacked
from tests.support import pictures
from tests.support.pictures import encoded, marked

if TYPE_CHECKING:
    from pathlib import Path

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
HALF = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="20" height="20" fill="red"/></svg>'
SOURCES = {
    "png": encoded(marked(), "PNG"),
    "jpeg": encoded(marked(), "JPEG", quality=95),
    "webp": encoded(marked(), "WEBP", lossless=True),
    "avif": encoded(marked(), "AVIF", quality=95),
    "gif": encoded(marked(), "GIF"),
    "tiff": encoded(marked(), "TIFF"),
    "bmp": encoded(marked(), "BMP"),
    "ico": encoded(marked((60, 60)), "ICO", sizes=[(60, 60)]),
}


@pytest.fixture(autouse=True)
def pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the bound that an engine sets in its own process back after a test."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


def corners(made: Image.Image) -> list[tuple[int, ...]]:
    """Return the colours of the corners: top left, top right, bottom left, bottom right."""
    whole = made.convert("RGB")
    right, bottom = made.width - 3, made.height - 3
    found = [whole.getpixel(place) for place in ((2, 2), (right, 2), (2, bottom), (right, bottom))]
    return [colour for colour in found if isinstance(colour, tuple)]


def is_upright(made: Image.Image) -> bool:
    return all(near(colour, wanted, 60) for colour, wanted in zip(corners(made), (RED, GREEN, BLUE, WHITE), strict=True))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "avif", "gif", "tiff"])
def test_every_format_becomes_every_other(tmp_path: Path, source: str, form: str) -> None:
    made = picture(tmp_path, SOURCES[source], format=form)
    assert (made.format, made.size) == (form.upper(), (60, 60 if source == "ico" else 40))
    assert is_upright(made)


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "avif", "gif", "tiff"])
def test_an_svg_becomes_every_format(tmp_path: Path, form: str) -> None:
    for source in (HALF, HALF.encode(), b"\xef\xbb\xbf \n" + HALF.encode()):
        made = picture(tmp_path, source, format=form)
        assert (made.format, made.size) == (form.upper(), (40, 20))
        whole = made.convert("RGBA")
        assert near(whole.getpixel((5, 10)), (255, 0, 0, 255))
        clear = (255, 255, 255, 255) if form == "jpeg" else (0, 0, 0, 0)
        assert near(colour(whole, (35, 10))[3:], clear[3:])
        assert form != "jpeg" or near(whole.getpixel((35, 10)), clear)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_pictures_come_out_upright_and_say_nothing_else(tmp_path: Path, orientation: int, source: str) -> None:
    content = pictures.held(marked((64, 40)), orientation, source)
    made = picture(tmp_path, content, format="png")
    assert made.size == (64, 40)
    assert is_upright(made)
    assert not made.getexif()
    assert b"Nobody" not in render(tmp_path, content, format="jpeg")


def test_notes_stay_on_request_apart_from_the_orientation(tmp_path: Path) -> None:
    content = pictures.held(marked((64, 40)), 6)
    for form in ("jpeg", "png", "webp", "avif", "tiff"):
        made = picture(tmp_path, content, format=form, metadata="keep")
        assert is_upright(made)
        assert made.getexif()[0x010F] == "Nobody's camera"
        assert 0x0112 not in made.getexif()


def test_a_colour_profile_is_applied_or_kept(tmp_path: Path) -> None:
    content = pictures.profiled()
    applied = picture(tmp_path, content, format="png")
    assert "icc_profile" not in applied.info
    assert near(applied.getpixel((9, 9)), (10, 10, 250))
    kept = picture(tmp_path, content, format="png", metadata="keep")
    assert kept.info["icc_profile"] == Image.open(io.BytesIO(content)).info["icc_profile"]
    assert near(kept.getpixel((9, 9)), (250, 10, 10))


@pytest.mark.parametrize("profile", [b"no profile", b"\0" * 200])
def test_a_broken_colour_profile_is_left_out(tmp_path: Path, profile: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    made = picture(tmp_path, encoded(marked(), "PNG", icc_profile=profile), format="png")
    assert is_upright(made)
    assert "colour profile cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "F", "I;16"])
@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "gif", "avif", "tiff"])
def test_every_mode_keeps_its_black_and_white(tmp_path: Path, mode: str, form: str) -> None:
    if mode in ("I", "F"):
        ramp = pictures.deep((64, 16)).convert("I").convert(mode)
    elif mode == "I;16":
        ramp = pictures.deep((64, 16))
    else:
        grey = Image.linear_gradient("L").rotate(90).resize((64, 16))
        ramp = (
            grey.convert("LA").convert("PA") if mode == "PA" else grey.convert("RGB").convert(mode) if mode != "LAB" else grey
        )
    source = "JPEG" if mode == "YCbCr" else "TIFF" if mode not in ("PA", "RGBA", "LA") else "PNG"
    if mode == "LAB":
        bands = [ramp, *(Image.new("L", ramp.size, 128) for _ in "ab")]
        ramp = Image.merge("LAB", bands)
    if mode == "PA":
        ramp = ramp.convert("LA")
    made = picture(tmp_path, encoded(ramp, source), format=form).convert("L" if mode != "I;16" else "F")
    left, right = value(made, (1, 8)), value(made, (62, 8))
    deep = made.mode == "F" and form in ("png", "tiff")
    assert abs(left - right) > (60_000 if deep else 200)
    assert min(left, right) < 16 * (257 if deep else 1)


def test_sixteen_bits_stay_where_they_can_and_are_scaled_elsewhere(tmp_path: Path) -> None:
    content = encoded(pictures.deep((128, 64)), "PNG")
    for form in ("png", "tiff"):
        made = picture(tmp_path, content, format=form, width=64)
        assert made.mode == "I;16"
        assert 29_000 < made.getpixel((32, 5)) < 37_000  # type: ignore[operator]
    assert near((picture(tmp_path, content, format="jpeg").getpixel((64, 5)),), (128,), 4)
    assert picture(tmp_path, content, format="png", background="white").mode == "L"
    rgb = picture(tmp_path, pictures.deep_rgb(), format="png")
    assert near(rgb.getpixel((63, 31)), (255, 255, 128))


def test_cmyk_looks_as_it_did_on_paper(tmp_path: Path) -> None:
    made, meant = picture(tmp_path, pictures.cmyk(), format="png"), pictures.photo((120, 90))
    for place in ((10, 10), (60, 80), (100, 50)):
        assert near(made.getpixel(place), meant.getpixel(place), 30)


def test_a_palette_keeps_its_transparency(tmp_path: Path) -> None:
    content = pictures.palette()
    made = picture(tmp_path, content, format="webp", lossless=True)
    meant = Image.open(io.BytesIO(content)).convert("RGBA")
    for place in ((0, 0), (20, 48), (48, 48)):
        assert near(colour(made.convert("RGBA"), place)[3:], colour(meant, place)[3:], 1)
    on_red = picture(tmp_path, content, format="png", background="red")
    assert (on_red.mode, on_red.getpixel((0, 0))) == ("RGB", RED)
    assert near(picture(tmp_path, content, format="jpeg").getpixel((0, 0)), WHITE, 4)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, (60, 40)),
        ({"width": 30}, (30, 20)),
        ({"height": 80}, (120, 80)),
        ({"scale": 0.5}, (30, 20)),
        ({"thumbnail": 30}, (30, 20)),
        ({"thumbnail": 500}, (60, 40)),
        ({"width": 30, "height": 30}, (30, 20)),
        ({"width": 30, "height": 30, "fit": "inside"}, (30, 20)),
        ({"width": 30, "height": 30, "fit": "outside"}, (45, 30)),
        ({"width": 30, "height": 30, "fit": "fill"}, (30, 30)),
        ({"width": 30, "height": 30, "fit": "cover"}, (30, 30)),
        ({"width": 30, "height": 30, "fit": "contain"}, (30, 30)),
        ({"width": 300, "enlarge": False}, (60, 40)),
        ({"width": 300, "height": 20, "fit": "fill", "enlarge": False}, (60, 20)),
        ({"width": 90, "height": 90, "fit": "contain", "enlarge": False}, (90, 90)),
        ({"width": 90, "height": 30, "fit": "cover", "enlarge": False}, (60, 30)),
        ({"rotate": 90}, (40, 60)),
        ({"rotate": -90, "width": 20}, (20, 30)),
        ({"rotate": 180, "flip": "vertical"}, (60, 40)),
        ({"rotate": 45}, (71, 71)),
        ({"crop": {"x": 10, "y": 5, "width": 20, "height": 30}}, (20, 30)),
        ({"crop": {"width": 20, "height": 30}, "height": 60}, (40, 60)),
    ],
)
def test_sizes_are_met(tmp_path: Path, options: dict[str, object], size: tuple[int, int]) -> None:
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><rect width="60" height="40" fill="teal"/></svg>'
    for source in (SOURCES["png"], SOURCES["jpeg"], drawing):
        assert picture(tmp_path, source, **options).size == size


def test_turning_and_flipping_go_the_way_they_say(tmp_path: Path) -> None:
    content = SOURCES["png"]
    turned = {
        90: (BLUE, RED, WHITE, GREEN),
        180: (WHITE, BLUE, GREEN, RED),
        270: (GREEN, WHITE, RED, BLUE),
        -90: (GREEN, WHITE, RED, BLUE),
    }
    for degrees, wanted in turned.items():
        assert corners(picture(tmp_path, content, rotate=degrees)) == list(wanted)
    assert corners(picture(tmp_path, content, flip="horizontal")) == [GREEN, RED, WHITE, BLUE]
    assert corners(picture(tmp_path, content, flip="vertical")) == [BLUE, WHITE, RED, GREEN]
    leaning = picture(tmp_path, content, rotate=10)
    assert colour(leaning, (leaning.width // 2, 0))[3] == 0
    leaning = leaning.convert("RGBA")
    top = next(x for x in range(leaning.width) if colour(leaning, (x, 4))[3] > 200)
    assert top < leaning.width / 2  # clockwise: the left corner is the highest


@pytest.mark.parametrize(
    ("position", "shown"),
    [("left", "red"), ("top-left", "red"), ("right", "lime"), ("bottom-right", "lime"), ("center", "gray")],
)
def test_a_position_chooses_what_stays_and_where_it_goes(tmp_path: Path, position: str, shown: str) -> None:
    content = SOURCES["png"]
    cut = picture(tmp_path, content, width=15, height=40, fit="cover", position=position)
    assert near(cut.getpixel((7, 3)), Image.new("RGB", (1, 1), shown).getpixel((0, 0)))
    framed = picture(tmp_path, content, width=180, height=40, fit="contain", position=position, background="#ff00ff")
    start = {"left": 0, "top-left": 0, "right": 120, "bottom-right": 120, "center": 60}[position]
    assert near(framed.getpixel((start + 3, 3)), RED)
    margin = 3 if start else 170
    assert near(framed.getpixel((margin, 3)), (255, 0, 255))
    assert colour(picture(tmp_path, content, width=180, height=40, fit="contain", position=position), (margin, 3))[3] == 0


def test_a_crop_of_an_svg_is_in_its_own_pixels_and_stays_sharp(tmp_path: Path) -> None:
    made = picture(tmp_path, HALF, crop={"x": 10, "y": 0, "width": 20, "height": 20}, width=400)
    assert made.size == (400, 400)
    assert near(made.getpixel((197, 200)), (255, 0, 0, 255))
    assert near(made.getpixel((202, 200)), (0, 0, 0, 0))


@pytest.mark.parametrize("form", ["gif", "webp", "avif", "png"])
@pytest.mark.parametrize("source", ["GIF", "WEBP", "PNG", "AVIF"])
def test_animations_stay_animated(tmp_path: Path, source: str, form: str) -> None:
    made = picture(tmp_path, pictures.animation(source), format=form, width=40)
    assert (made.size, getattr(made, "n_frames", 1)) == ((40, 30), 8)
    durations, places = [], []
    for index in range(8):
        made.seek(index)
        frame = made.convert("RGB")
        durations.append(round(made.info["duration"]))
        reds = [x for x in range(40) if near(frame.getpixel((x, 19)), (214, 60, 40), 60)]
        places.append(sum(reds) / len(reds))
    assert places == sorted(places)
    assert places[-1] - places[0] > 25
    assert durations == [50 + 10 * number for number in range(8)]


def test_a_transparent_animation_leaves_no_trail(tmp_path: Path) -> None:
    for form in ("gif", "webp", "png"):
        made = picture(tmp_path, pictures.animation("WEBP", mode="RGBA", lossless=True), format=form)
        made.seek(7)
        last = made.convert("RGBA")
        assert colour(last, (5, 38))[3] == 0
        assert colour(last, (75, 38))[3] == 255


def test_one_frame_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = pictures.animation()
    made = picture(tmp_path, content, format="gif", frame=7)
    assert getattr(made, "n_frames", 1) == 1
    assert near(made.convert("RGB").getpixel((75, 38)), (214, 60, 40))
    assert capsys.readouterr().err == ""
    with pytest.raises(InvalidInput, match="there is no number 8; the picture has 8, from 0"):
        render(tmp_path, content, frame=8)
    with pytest.raises(InvalidInput, match="an SVG has one"):
        render(tmp_path, HALF, frame=1)


def test_what_cannot_move_shows_the_first_frame_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("jpeg", "tiff", "ico", "pdf"):
        render(tmp_path, pictures.animation(), format=form)
        assert capsys.readouterr().err == f"the source has 8 frames; {form} shows the first, `frame` chooses another\n"


def test_the_pages_of_a_tiff_stay_pages(tmp_path: Path) -> None:
    pages = [marked(), marked((40, 60)), pictures.cmyk()]
    content = encoded(pages[0], "TIFF", save_all=True, append_images=[pages[1], Image.open(io.BytesIO(pages[2]))])  # type: ignore[arg-type]
    made = picture(tmp_path, content, format="tiff")
    assert getattr(made, "n_frames", 1) == 3
    assert page_count(render(tmp_path, content, format="pdf")) == 3
    assert picture(tmp_path, content, format="png", frame=1).size == (40, 60)


def test_an_icon_holds_the_sizes_asked_for(tmp_path: Path) -> None:
    for source in (LOGO, SOURCES["png"]):
        made = picture(tmp_path, source, format="ico", sizes=[48, 16, 32, 16])
        assert made.info["sizes"] == {(16, 16), (32, 32), (48, 48)}
    assert len(picture(tmp_path, LOGO, format="ico").info["sizes"]) == 7
    assert picture(tmp_path, SOURCES["png"], format="ico").info["sizes"] == {(side, side) for side in (16, 24, 32, 48)}
    wide = picture(tmp_path, SOURCES["png"], format="ico", sizes=[60]).convert("RGBA")
    assert colour(wide, (30, 2))[3] == 0
    assert near(wide.getpixel((2, 12))[:3], RED)  # type: ignore[index]


def test_an_svg_stays_vector_in_a_pdf_and_its_text_text(tmp_path: Path) -> None:
    made = render(tmp_path, LOGO, format="pdf")
    assert page_count(made) == 1
    assert b"/Subtype /Image" not in unpacked(made).replace(b"/Subtype/Image", b"/Subtype /Image")
    assert b"/MediaBox[0 0 48 48]" in unpacked(made).replace(b"/MediaBox [", b"/MediaBox[")
    wide = render(tmp_path, LOGO, format="pdf", width=128)
    assert b"/MediaBox[0 0 96 96]" in unpacked(wide).replace(b"/MediaBox [", b"/MediaBox[")


@pytest.mark.parametrize(
    "text",
    [
        "<text y='20'>Größe</text>",
        "<text y='20' font-family='Georgia, serif'>Größe</text>",
        "<text y='20' style='font-family: &quot;No Such&quot;; fill: red'>Größe</text>",
        "<style>text { font: bold 13px Verdana } @font-face { font-family: x; src: local(y) }</style><text y='20'>Größe</text>",
    ],
)
def test_text_in_a_pdf_has_the_font_it_has_in_pixels(tmp_path: Path, text: str) -> None:
    made = unpacked(
        render(tmp_path, f'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30">{text}</svg>', format="pdf")
    )
    assert b"NotoSans" in made
    assert b"Libertinus" not in made


def test_a_picture_in_a_pdf_is_as_large_as_it_was(tmp_path: Path) -> None:
    made = unpacked(render(tmp_path, SOURCES["jpeg"], format="pdf")).replace(b"/MediaBox [", b"/MediaBox[")
    assert b"/MediaBox[0 0 45 30]" in made


def test_quality_and_losslessness_are_obeyed(tmp_path: Path) -> None:
    content = encoded(pictures.photo((160, 120)), "PNG")
    for form in ("jpeg", "webp", "avif"):
        sizes = [len(render(tmp_path, content, format=form, quality=quality)) for quality in (20, 60, 95)]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[2] / 2
    exact = picture(tmp_path, content, format="webp", lossless=True)
    assert exact.convert("RGB").tobytes() == pictures.photo((160, 120)).tobytes()


def test_few_colours_stay_exact_in_a_gif(tmp_path: Path) -> None:
    made = picture(tmp_path, SOURCES["png"], format="gif").convert("RGB")
    assert made.tobytes() == marked().tobytes()


@pytest.mark.parametrize("colour", ["red", "#f00", "#ff0000", "rgb(255, 0, 0)", "hsl(0, 100%, 50%)", "#ff0000ff", " RED "])
def test_a_background_is_a_css_colour(tmp_path: Path, colour: str) -> None:
    assert picture(tmp_path, HALF, background=colour).convert("RGBA").getpixel((35, 5)) == (255, 0, 0, 255)


def test_a_background_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="background: 'reddish' is no colour"):
        render(tmp_path, HALF, background="reddish")
    assert picture(tmp_path, HALF, background="transparent").convert("RGBA").getpixel((35, 5)) == (0, 0, 0, 0)


@pytest.mark.parametrize("options", [{"x": 50, "width": 20, "height": 9}, {"y": 39, "width": 1, "height": 2}])
def test_a_crop_outside_of_the_picture_is_refused(tmp_path: Path, options: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="reaches out of the picture, which has 60 x 40 pixels"):
        render(tmp_path, SOURCES["png"], crop=options)


def test_progress_is_told_frame_by_frame(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    render(tmp_path, pictures.animation(), format="webp", progress_fd=writer)
    os.close(writer)
    with os.fdopen(reader) as lines:
        said = [json.loads(line) for line in lines]
    fractions = [line["progress"] for line in said]
    assert fractions == sorted(fractions)
    assert [line["message"] for line in said][1:4] == ["frame 1 of 8", "frame 2 of 8", "frame 3 of 8"]
    assert said[-1] == {"progress": 1.0, "message": "written"}


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "avif", "gif", "tiff", "ico", "pdf"])
def test_the_same_bytes_twice(tmp_path: Path, form: str) -> None:
    for source in (LOGO, pictures.animation(), pictures.held(marked(), 6)):
        assert render(tmp_path, source, format=form) == render(tmp_path, source, format=form)


def test_no_file_tells_when_it_was_made(tmp_path: Path) -> None:
    # Seconds since 1904, in an AVIF that moves; the clock may not have ticked between two renders of one test.
    made = render(tmp_path, pictures.animation(), format="avif")
    for box, at in ((b"mvhd", 8), (b"tkhd", 8), (b"mdhd", 8)):
        start = made.index(box) + at
        assert made[start : start + 16] == bytes(16)


@pytest.mark.slow
def test_a_child_makes_the_same_bytes_cold_and_warm(tmp_path: Path) -> None:
    given = {"source": LOGO, "format": "png", "width": 100}
    cold = children.render(IMAGE, given, tmp_path / "cold")
    assert (cold.code, cold.log) == (0, "")
    argv = list(IMAGE.command({}))
    imports = "import nexusd.renderers.engines.image as engine, nexusd.renderers.child as child, sys"
    code = f"{imports}\nengine.warm()\nsys.exit(child.run(sys.argv[1]))"
    workdir = tmp_path / "warm"
    workdir.mkdir()
    (workdir / "input.json").write_text((tmp_path / "cold" / "input.json").read_text())
    warm = children.run([argv[0], "-I", "-c", code, argv[-1]], workdir, {})
    assert (warm.code, warm.log, warm.files) == (0, "", cold.files)
