"""Films through real children: every format, the same bytes twice, slides, transitions, motion, and storyboards in files."""

from __future__ import annotations

import io
import json
import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import pytest
from PIL import Image, ImageChops, ImageDraw

from nexusd.renderers.engines import video
from nexusd.renderers.engines.film_frames import Frames
from nexusd.renderers.engines.film_slides import Slides
from nexusd.renderers.engines.film_storyboard import timings, transition_kinds
from nexusd.renderers.engines.film_timeline import moments, plan
from nexusd.renderers.job import InvalidInput
from nexusd.renderers.video import VIDEO
from tests.integration.renderers.children import render
from tests.integration.renderers.films import SMALL, a_job, film, is_near, made, picture, read, saved, wav

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nexusd.domain.caps import Caps

RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
FORMATS: dict[str, dict[str, Any]] = {
    "mp4": {"format": "mp4"},
    "vp9": {"format": "webm"},
    "av1": {"format": "webm", "codec": "av1"},
    "gif": {"format": "gif"},
}
RICH: list[dict[str, Any]] = [
    {"color": "#1d3557", "title": "Grüße", "durationSeconds": 0.5},
    {"image": {"$asset": "a"}, "motion": "zoom-in", "durationSeconds": 0.5, "title": "Over it", "caption": "a caption"},
]


def gradient() -> Image.Image:
    """Return a picture with something to see everywhere."""
    bands = [Image.linear_gradient("L").rotate(turn).resize((320, 180)) for turn in (0, 90, 180)]
    return Image.merge("RGB", bands)


def shown(workdir: Path, given: dict[str, Any], assets: dict[str, bytes] | None = None) -> Iterator[Image.Image]:
    """Return the frames of a film before they are encoded."""
    job = a_job(workdir, {**SMALL, **given}, assets)
    slides = Slides(job, job.input, job.input["width"], job.input["height"])
    frames = Frames(slides, transition_kinds(job.input), job.input["width"], job.input["height"])
    for moment in moments(plan(timings(job.input), job.input["fps"])):
        yield frames.at(moment)
        assert len(frames._prepared) <= 2


@pytest.mark.slow
def test_a_film_plays_everywhere_from_its_first_bytes(tmp_path: Path) -> None:
    ended = film(tmp_path, {"color": "red", "title": "A"}, {"color": "blue"})
    content = made(ended)
    assert list(ended.files) == ["video.mp4"]
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(io.BytesIO(content)) as source:
        context = source.streams.video[0].codec_context
        assert (context.codec.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", 160, 90)
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert source.streams.video[0].average_rate == 10
    frames = read(content).frames
    assert len(frames) == 20
    assert is_near(frames[0].getpixel((5, 5)), RED)
    assert is_near(frames[9].getpixel((5, 5)), RED)
    assert is_near(frames[10].getpixel((5, 5)), BLUE)


@pytest.mark.slow
def test_progress_counts_every_frame(tmp_path: Path) -> None:
    ended = film(tmp_path, {"color": "red", "durationSeconds": 0.7}, {"color": "blue"})
    assert ended.progress == [{"progress": number / 17, "message": f"frame {number} of 17"} for number in range(1, 18)]


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_the_same_storyboard_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    """In two cold processes, whose memory is not the same, and in this one, which is as warm as a spare."""
    options = {**FORMATS[name], "transition": "crossfade", "audio": {"$asset": "s"}}
    assets = {"a": saved(gradient()), "s": wav(2)}
    first, second = (made(film(tmp_path / f"{fill}", *RICH, assets=assets, memory=fill, **options)) for fill in (85, 170))
    assert first == second
    video.warm()
    job = a_job(tmp_path / "warm", {**SMALL, **options, "slides": RICH}, assets)
    video.render(job)
    [path] = job.out.iterdir()
    assert path.read_bytes() == first
    assert not any(name in first for name in (b"x264", b"Lavc6", b"Lavf6", b"2026"))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "codec"), [("vp9", "vp9"), ("av1", "av1")])
def test_a_webm_has_the_codec_that_was_asked_for(tmp_path: Path, name: str, codec: str) -> None:
    found = read(
        made(film(tmp_path, {"color": "red"}, {"color": "blue"}, audio={"$asset": "s"}, assets={"s": wav(2)}, **FORMATS[name]))
    )
    assert found.codecs == [codec, "opus"]
    assert len(found.frames) == 20
    assert is_near(found.frames[19].getpixel((80, 45)), BLUE)


@pytest.mark.slow
def test_a_gif_repeats_and_holds_what_stands_still_for_as_long_as_it_lasts(tmp_path: Path) -> None:
    content = made(
        film(tmp_path, {"color": "red"}, {"color": "blue", "durationSeconds": 1.5}, format="gif", transition="crossfade")
    )
    with Image.open(io.BytesIO(content)) as gif:
        assert gif.info["loop"] == 0
        times, pixels = [], []
        for number in range(getattr(gif, "n_frames", 1)):
            gif.seek(number)
            times.append(gif.info["duration"])
            pixels.append(gif.convert("RGB").getpixel((80, 45)))
    assert sum(times) == 2500
    assert len(times) == 1 + 5 + 2
    assert is_near(pixels[0], RED)
    assert is_near(pixels[-1], BLUE)


@pytest.mark.slow
def test_every_frame_of_a_gif_is_painted_with_its_own_colours(tmp_path: Path) -> None:
    """The edge of a picture that goes is not painted anew, but must not take the colours of the one that comes."""
    slides = ({"color": "#264653"}, {"image": {"$asset": "a"}, "transition": "slide", "transitionSeconds": 0.9})
    content = made(film(tmp_path, *slides, format="gif", assets={"a": saved(gradient())}))
    with Image.open(io.BytesIO(content)) as gif:
        for number in range(6):
            gif.seek(number)
            assert is_near(gif.convert("RGB").getpixel((1, 45)), (0x26, 0x46, 0x53)), number


@pytest.mark.slow
def test_a_poster_is_the_frame_of_its_moment(tmp_path: Path) -> None:
    slides = ({"color": "red"}, {"color": "blue"})
    for seconds, color in ((None, RED), (0, RED), (1.5, BLUE), (1_000, BLUE)):
        content = made(film(tmp_path / str(seconds), *slides, format="png", posterSeconds=seconds))
        with Image.open(io.BytesIO(content)) as poster:
            assert (poster.format, poster.size, poster.getpixel((80, 45))) == ("PNG", (160, 90), color)


@pytest.mark.parametrize(
    ("kind", "middle", "left", "right"),
    [
        ("cut", BLUE, BLUE, BLUE),
        ("crossfade", (128, 0, 128), (128, 0, 128), (128, 0, 128)),
        ("fade-through-black", BLACK, BLACK, BLACK),
        ("slide", BLUE, RED, BLUE),
    ],
)
def test_how_one_slide_comes_after_the_other(tmp_path: Path, kind: str, middle: Any, left: Any, right: Any) -> None:
    coming = {"color": "blue", "durationSeconds": 1, "transition": kind, "transitionSeconds": 0.9}
    given = {"slides": [{"color": "red", "durationSeconds": 1}, coming], "background": "white"}
    frames = list(shown(tmp_path, given))
    assert len(frames) == 20
    assert frames[0].getpixel((0, 0)) == frames[9].getpixel((0, 0)) == RED
    assert is_near(frames[14].getpixel((80, 45)), middle, 2)
    assert is_near(frames[14].getpixel((1, 45)), left, 2)
    assert is_near(frames[14].getpixel((158, 45)), right, 2)
    assert frames[19].getpixel((0, 0)) == BLUE
    differences = [ImageChops.difference(one, two).getbbox() for one, two in pairwise(frames[9:19])]
    assert (None in differences) == (kind == "cut")


def test_the_first_slide_comes_from_the_films_background_when_it_says_so(tmp_path: Path) -> None:
    slides = [{"color": "red", "durationSeconds": 1, "transition": "crossfade", "transitionSeconds": 0.9}]
    frames = list(shown(tmp_path, {"slides": slides, "background": "#00ff00"}))
    assert is_near(frames[0].getpixel((0, 0)), (26, 230, 0), 3)
    assert frames[9].getpixel((0, 0)) == RED


def test_a_slide_that_stands_still_is_the_same_picture_again(tmp_path: Path) -> None:
    slides = [{"color": "red", "durationSeconds": 1, "title": "A"}, {"color": "blue", "durationSeconds": 1}]
    frames = list(shown(tmp_path, {"slides": slides}))
    assert len({id(frame) for frame in frames[:10]}) == 1
    assert len({id(frame) for frame in frames[10:]}) == 1


def test_no_more_than_two_slides_are_ever_held(tmp_path: Path) -> None:
    slides = [{"color": "red", "durationSeconds": 0.5}] * 20
    assert len(list(shown(tmp_path, {"slides": slides, "transition": "crossfade"}))) == 100


def test_a_slow_pan_is_even_to_a_fraction_of_a_pixel(tmp_path: Path) -> None:
    """A dot moves by a third of a pixel a frame: rounded to pixels it would stand still, and jump."""
    dotted = Image.new("RGB", (320, 180))
    ImageDraw.Draw(dotted).ellipse((140, 70, 180, 110), fill="white")
    way = {"from": {"x": 0, "y": 0.1, "size": 0.8}, "to": {"x": 0.05, "y": 0.1, "size": 0.8}}
    slides = [{"image": {"$asset": "a"}, "durationSeconds": 3, "motion": way}]
    places = []
    for frame in shown(tmp_path, {"slides": slides}, {"a": saved(dotted)}):
        weights = list(frame.convert("L").resize((160, 1), Image.Resampling.BOX).tobytes())
        places.append(sum(x * weight for x, weight in enumerate(weights)) / sum(weights))
    steps = [one - two for one, two in pairwise(places)]
    assert sum(steps) == pytest.approx(0.05 / 0.8 * 160, abs=0.2)
    assert max(steps) - min(steps) < 0.12, steps


def test_titles_stand_still_while_the_picture_moves(tmp_path: Path) -> None:
    slides = [{"image": {"$asset": "a"}, "durationSeconds": 1, "motion": "pan-right", "title": "Title"}]
    frames = list(shown(tmp_path, {"slides": slides}, {"a": picture("#ff0000", (320, 180))}))
    assert all(ImageChops.difference(frames[0], frame).getbbox() is None for frame in frames)
    assert any(is_near(pixel, WHITE) for pixel in pixels(frames[0]))


def pixels(image: Image.Image) -> list[Any]:
    colors = image.getcolors(maxcolors=1 << 24)
    assert colors is not None
    return [color for _, color in colors]


@pytest.mark.parametrize(("fit", "corner", "side"), [("contain", WHITE, WHITE), ("cover", RED, RED), (None, RED, RED)])
def test_a_picture_of_another_shape_is_shown_whole_or_covers_the_slide(
    tmp_path: Path, fit: str | None, corner: Any, side: Any
) -> None:
    slides = [{"image": {"$asset": "a"}, "durationSeconds": 0.1, "fit": fit, "background": "white"}]
    [frame] = shown(tmp_path, {"slides": slides}, {"a": picture("red", (100, 100))})
    assert (frame.getpixel((0, 0)), frame.getpixel((20, 45)), frame.getpixel((80, 45))) == (corner, side, RED)


def test_a_picture_that_is_shown_whole_leaves_room_for_the_texts(tmp_path: Path) -> None:
    slide = {"image": {"$asset": "a"}, "durationSeconds": 0.1, "fit": "contain", "background": "white"}
    slides = [{**slide, "title": "Title", "caption": "caption"}]
    [frame] = shown(tmp_path, {"width": 640, "height": 360, "slides": slides}, {"a": picture("red", (100, 100))})
    red = Image.eval(ImageChops.difference(frame, Image.new("RGB", frame.size, "red")).convert("L"), lambda v: 255 * (v < 20))
    box = red.getbbox()
    assert box is not None
    assert 50 < box[1] < box[3] < 320
    for band in ((0, 0, 640, box[1]), (0, box[3], 640, 360)):
        assert any(is_near(pixel, BLACK, 40) for pixel in pixels(frame.crop(band)))
        assert frame.crop(band).getpixel((0, 0)) == WHITE


def test_what_is_transparent_shows_the_background_and_a_photograph_is_upright(tmp_path: Path) -> None:
    halves = Image.new("RGBA", (160, 90), (255, 0, 0, 255))
    halves.paste((0, 0, 0, 0), (0, 0, 80, 90))
    turned = Image.new("RGB", (160, 90), "red")
    turned.paste("blue", (0, 0, 80, 90))
    exif = Image.Exif()
    exif[0x0112] = 3
    assets = {"a": saved(halves), "b": saved(turned, "JPEG", exif=exif)}
    slide = {"durationSeconds": 0.1, "background": "#0000ff"}
    slides = [{**slide, "image": {"$asset": "a"}}, {**slide, "image": {"$asset": "b"}}]
    transparent, upright = shown(tmp_path, {"slides": slides}, assets)
    assert (transparent.getpixel((20, 45)), transparent.getpixel((140, 45))) == (BLUE, RED)
    assert is_near(upright.getpixel((20, 45)), RED)
    assert is_near(upright.getpixel((140, 45)), BLUE)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_pictures_of_many_kinds_are_shown(tmp_path: Path, form: str) -> None:
    slides = [{"image": {"$asset": "a"}, "durationSeconds": 0.1}]
    [frame] = shown(tmp_path, {"slides": slides}, {"a": picture("red", form=form)})
    assert is_near(frame.getpixel((80, 45)), RED)


def test_a_picture_of_sixteen_bits_is_not_burnt_out(tmp_path: Path) -> None:
    deep = Image.frombytes("I;16", (160, 90), struct.pack("<H", 0x8000) * 160 * 90)
    [frame] = shown(tmp_path, {"slides": [{"image": {"$asset": "a"}, "durationSeconds": 0.1}]}, {"a": saved(deep)})
    assert is_near(frame.getpixel((80, 45)), (128, 128, 128), 2)


@pytest.mark.slow
def test_a_storyboard_can_be_a_text_or_a_file_of_its_own(tmp_path: Path) -> None:
    slides = [{"image": "pictures/one.png", "durationSeconds": 0.5}]
    text = json.dumps({**SMALL, "slides": slides})
    files = {"pictures/one.png": {"$asset": "a"}}
    assets = {"a": picture("red"), "s": b"\xef\xbb\xbf" + text.encode()}
    inline = made(render(VIDEO, {**SMALL, "slides": slides, "files": files}, tmp_path / "slides", assets))
    for number, source in enumerate((text, {"$asset": "s"})):
        assert made(render(VIDEO, {"source": source, "files": files}, tmp_path / str(number), assets)) == inline


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "storyboard.json:1: the source is not UTF-8 text (byte 0)"),
        (b"{", "storyboard.json: Invalid JSON: EOF while parsing"),
        (b'{"slides": []}', "storyboard.json: slides: List should have at least 1 item"),
        (b'{"slides": [{"color": "red"}]}', "storyboard.json: slides/0/durationSeconds: Field required"),
        (b'{"slides": [{"image": {"$asset": "x"}, "durationSeconds": 1}]}', "storyboard.json: slides/0/image: a storyboard in"),
        (b'{"fps": 60, "slides": [{"color": "red", "durationSeconds": 1}]}', "storyboard.json: a gif has at most 50 frames"),
        (b"[" * 100_000, "storyboard.json: "),
    ],
)
def test_a_storyboard_in_a_file_is_checked_like_any_other(tmp_path: Path, content: bytes, message: str) -> None:
    ended = render(VIDEO, {"source": {"$asset": "s"}, "format": "gif"}, tmp_path, {"s": content})
    assert ended.code == 65
    assert ended.log.startswith(message)
    assert "Traceback" not in ended.log


@pytest.mark.parametrize(
    ("given", "caps", "message"),
    [
        ({"slides": [{"color": "red", "durationSeconds": 1}] * 11}, {"video_max_frames": 100}, "110 frames; at most 100"),
        ({"slides": [{"color": "red", "durationSeconds": 3600}] * 2000}, {}, "72,000,000 frames; at most 54,000"),
        (
            {"slides": [{"color": "red", "durationSeconds": 1}]},
            {"picture_max_pixels": 10_000},
            "160 x 90 pixels; at most 10,000",
        ),
        (
            {"slides": [{"color": "red", "durationSeconds": 1, "motion": "zoom-in"}], "format": "gif"},
            {"picture_max_frames": 9},
            "10 different frames; at most 9",
        ),
        (
            {"slides": [{"color": "red", "durationSeconds": 1}, {"color": "red", "durationSeconds": 0.01}]},
            {},
            "slides/1/durationS",
        ),
        ({"slides": [{"color": "blurple", "durationSeconds": 1}]}, {}, "slides/0/color: there is no colour 'blurple'"),
        ({"slides": [{"color": "red", "durationSeconds": 1}], "background": "blurple"}, {}, "background: there is no colour"),
        (
            {"slides": [{"color": "red", "durationSeconds": 1, "title": "\n".join("x" * 200)}]},
            {},
            "slides/0/title: the texts are too long",
        ),
    ],
)
def test_what_cannot_be_filmed_is_refused(tmp_path: Path, given: dict[str, Any], caps: dict[str, int], message: str) -> None:
    job = a_job(tmp_path, {**SMALL, **given})
    allowed: Caps = job.caps._replace(**caps)
    with pytest.raises(InvalidInput) as refused:
        video.render(job._replace(caps=allowed))
    assert message in str(refused.value)


def test_a_gif_that_stands_still_for_long_is_not_refused(tmp_path: Path) -> None:
    job = a_job(tmp_path, {**SMALL, "slides": [{"color": "red", "durationSeconds": 60}], "format": "gif"})
    video.render(job._replace(caps=job.caps._replace(picture_max_frames=1)))
    assert (tmp_path / "out" / "video.gif").stat().st_size < 5_000


@pytest.mark.slow
def test_sizes_that_are_no_multiples_of_anything_work(tmp_path: Path) -> None:
    for width, height in ((16, 16), (18, 50), (854, 480), (130, 16)):
        found = read(made(film(tmp_path / f"{width}", {"color": "red"}, width=width, height=height)))
        assert {frame.size for frame in found.frames} == {(width, height)}
        assert is_near(found.frames[0].getpixel((width - 1, height - 1)), RED)
