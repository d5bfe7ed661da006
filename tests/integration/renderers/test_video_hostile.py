"""Files that are no pictures, pictures that are bombs, and storyboards that want too much: refused, and the slide is named."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from nexusd.renderers.engines import video
from nexusd.renderers.job import InvalidInput
from tests.integration.renderers.films import SMALL, a_job, film, made, picture, saved

if TYPE_CHECKING:
    from pathlib import Path


def png_of(width: int, height: int) -> bytes:
    """Return a PNG that says it has this size, and holds almost nothing."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1_000))) + chunk(b"IEND", b"")


def refused(folder: Path, content: bytes, **caps: int) -> str:
    slides = [{"color": "red", "durationSeconds": 0.1}, {"image": {"$asset": "a"}, "durationSeconds": 0.1}]
    job = a_job(folder, {**SMALL, "slides": slides}, {"a": content})
    with pytest.raises(InvalidInput) as error:
        video.render(job._replace(caps=job.caps._replace(**caps)))
    assert str(folder) not in str(error.value)
    return str(error.value)


NO_PICTURES = {
    "nothing": b"",
    "text": b"hello",
    "a playlist": b"#EXTM3U\nfile:///etc/passwd\n",
    "a list of files": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(%pipe%id) (w) file\n",
    "a pdf": b"%PDF-1.7\n",
    "an icon": saved(Image.new("RGB", (16, 16)), "ICO"),
    "a film": b"\0\0\0\x20ftypisom",
    "a page": b"<html><img src='file:///etc/passwd'></html>",
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture_is_refused(tmp_path: Path, name: str) -> None:
    assert refused(tmp_path, NO_PICTURES[name]).startswith("slides/1/image: no picture that can be read: there are png, ")


@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (100_000_001, 1), (1, 2_000_000_000)])
def test_a_picture_that_would_eat_the_memory_is_refused_before_it_is_decoded(tmp_path: Path, width: int, height: int) -> None:
    message = refused(tmp_path, png_of(width, height))
    assert (
        message == f"slides/1/image: a picture of {width:,} x {height:,} pixels; at most 100,000,000 (caps.picture_max_pixels)"
    )


def test_the_bound_on_pictures_is_the_settings(tmp_path: Path) -> None:
    message = refused(tmp_path, picture("red", (200, 100)), picture_max_pixels=19_999)
    assert "200 x 100 pixels; at most 19,999" in message


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_a_picture_that_is_cut_off_is_shown_or_refused(tmp_path: Path, form: str, part: float) -> None:
    """What is nearly whole some decoders show; no decoder's traceback is ever shown."""
    noise = Image.effect_noise((64, 64), 90).convert("RGB")
    content = saved(noise, form)
    slides = [{"image": {"$asset": "a"}, "durationSeconds": 0.1}]
    job = a_job(tmp_path, {**SMALL, "slides": slides, "format": "png"}, {"a": content[: round(len(content) * part)]})
    try:
        video.render(job)
    except InvalidInput as error:
        assert str(error).startswith("slides/0/image: ")  # noqa: PT017 - either way is right


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_picture_with_a_broken_middle_is_shown_or_refused(tmp_path: Path, form: str) -> None:
    content = bytearray(saved(Image.effect_noise((64, 64), 90).convert("RGB"), form))
    for number, at in enumerate(range(8, len(content), max(1, len(content) // 20))):
        broken = bytes(content[:at]) + b"\xff\x00\xff\x7f" + bytes(content[at + 4 :])
        slides = [{"image": {"$asset": "a"}, "durationSeconds": 0.1}]
        job = a_job(tmp_path / str(number), {**SMALL, "slides": slides, "format": "png"}, {"a": broken})
        try:
            video.render(job)
        except InvalidInput as error:
            assert str(error).startswith("slides/0/image: ")  # noqa: PT017 - either way is right


@pytest.mark.slow
def test_a_bad_picture_at_the_end_is_found_before_the_first_frame(tmp_path: Path) -> None:
    slides: list[dict[str, Any]] = [{"color": "red"}] * 5
    ended = film(tmp_path, *slides, {"image": {"$asset": "a"}}, assets={"a": b"nonsense"})
    assert (ended.code, ended.progress) == (65, [])
    assert ended.log.startswith("slides/5/image: no picture that can be read")


@pytest.mark.slow
def test_two_thousand_slides_take_no_more_memory_than_two(tmp_path: Path) -> None:
    slides = [{"image": {"$asset": "a"}, "durationSeconds": 0.1, "motion": "zoom-in"}] * 2_000
    job = a_job(
        tmp_path, {"width": 32, "height": 32, "fps": 10, "slides": slides, "format": "mp4"}, {"a": picture("red", (40, 40))}
    )
    video.render(job)
    assert (tmp_path / "out" / "video.mp4").stat().st_size > 0


@pytest.mark.slow
def test_text_in_titles_is_text(tmp_path: Path) -> None:
    title = '</text><image href="file:///etc/passwd"/>&xxe; <![CDATA[ %s \x00'
    made(film(tmp_path, {"color": "red", "title": title, "subtitle": "\u202e😀", "caption": "\x1b[0m"}))
