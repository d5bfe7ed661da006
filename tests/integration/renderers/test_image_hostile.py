"""Pictures that would eat the machine, or are none: each is refused in words, before it costs anything."""

from __future__ import annotations

import base64
import json
import re
import resource
import struct
import subprocess
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from nexusd.domain.caps import Caps
from nexusd.renderers.engines import raster
from nexusd.renderers.image import IMAGE, ImageInput
from nexusd.renderers.job import InvalidInput
from tests.integration.renderers.children import ENVIRONMENT
from tests.integration.renderers.images import picture, render
from tests.support import pictures
from tests.support.pictures import chunk, encoded, marked, patched, png

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NS = 'xmlns="http://www.w3.org/2000/svg"'
SIDE = 60_000  # squared, 36 times the default cap
LITTLE = Caps(picture_max_pixels=10_000, picture_max_frames=5)


@pytest.fixture(autouse=True)
def pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the bound that an engine sets in its own process back after a test."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


def jpeg_bomb() -> bytes:
    content = encoded(marked(), "JPEG")
    at = next(place for mark in (b"\xff\xc0", b"\xff\xc2") if (place := content.find(mark)) > 0)
    return patched(content, {at + 5: struct.pack(">2H", SIDE, SIDE)})


def webp_bomb() -> bytes:
    head = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + (SIDE - 1).to_bytes(3, "little") * 2
    body = b"WEBP" + head + encoded(marked(), "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def avif_bomb() -> bytes:
    content = encoded(marked(), "AVIF")
    at = content.find(b"ispe") + 8
    return patched(content, {at: struct.pack(">2I", SIDE, SIDE)})


def tiff_bomb() -> bytes:
    entries = (
        (256, 4, SIDE),
        (257, 4, SIDE),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (278, 4, SIDE),
        (279, 4, 100),
    )
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries
    )
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4 + 100)


def ico_bomb() -> bytes:
    inside = png((SIDE, SIDE), b"")
    return b"\0\0\1\0\1\0" + struct.pack("<4B2H2I", 16, 16, 0, 0, 1, 32, len(inside), 22) + inside


BOMBS = {
    "png": png((SIDE, SIDE), bytes(1000)),
    "jpeg": jpeg_bomb(),
    "gif": patched(encoded(marked(), "GIF"), {6: struct.pack("<2H", SIDE, SIDE)}),
    "webp": webp_bomb(),
    "avif": avif_bomb(),
    "tiff": tiff_bomb(),
    "ico": ico_bomb(),
    "bmp": patched(encoded(marked(), "BMP"), {18: struct.pack("<2i", SIDE, SIDE)}),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_picture_that_says_it_is_huge_is_refused_before_it_is_decoded(tmp_path: Path, kind: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidInput, match=r"^the source: .*(caps.picture_max_pixels|too many pixels|broken)") as refusal:
        render(tmp_path, BOMBS[kind])
    assert kind in ("webp", "avif") or "caps.picture_max_pixels" in str(refusal.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_the_cap_is_the_one_of_the_job_and_exact(tmp_path: Path) -> None:
    assert picture(tmp_path, encoded(marked((100, 100)), "PNG"), caps=LITTLE).size == (100, 100)
    for form in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"):
        with pytest.raises(InvalidInput, match=r"101 x 100 pixels; at most 10,000 .*caps.picture_max_pixels|too many pixels"):
            render(tmp_path, encoded(marked((101, 100)), form), caps=LITTLE)


@pytest.mark.parametrize(
    "options",
    [
        {"width": 101, "height": 100, "fit": "fill"},
        {"width": 101, "height": 100, "fit": "contain"},
        {"scale": 3},
        {"width": 400},
        {"rotate": 45, "crop": {"width": 1, "height": 40}, "scale": 60},
    ],
)
def test_what_would_come_out_huge_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    for source in (encoded(marked(), "PNG"), f'<svg {NS} width="60" height="40"/>'):
        with pytest.raises(InvalidInput, match=r"would have .* pixels; at most 10,000 can be painted .caps.picture_max_pixels"):
            render(tmp_path, source, caps=LITTLE, **options)


def test_a_turned_line_does_not_become_a_huge_square(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="6,365 x 6,365 pixels"):
        render(tmp_path, encoded(Image.new("L", (9_000, 1)), "PNG"), caps=LITTLE, rotate=45, width=10)


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "avif", "gif", "tiff"])
def test_an_svg_of_any_size_is_refused_before_it_is_painted(tmp_path: Path, form: str) -> None:
    for size in (
        'width="100000" height="100000"',
        'viewBox="0 0 99999 99999"',
        'width="1000in" height="20m"',
        'width="1e30" height="1"',
    ):
        with pytest.raises(InvalidInput, match=r"pixels|unknown unit"):
            render(tmp_path, f"<svg {NS} {size}/>", format=form)
    with pytest.raises(InvalidInput, match="is too large; its sides are at most 19,200"):
        render(tmp_path, f'<svg {NS} width="100000" height="10"/>', format="pdf")


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "AVIF"])
def test_the_frames_of_an_animation_are_counted(tmp_path: Path, form: str) -> None:
    with pytest.raises(InvalidInput, match=r"has 8 frames; at most 5 can be handled .caps.picture_max_frames"):
        render(tmp_path, pictures.animation(form), caps=LITTLE, format="webp")
    with pytest.raises(InvalidInput, match="the 8 frames have 38,400 pixels together; at most 4 times"):
        render(tmp_path, pictures.animation(form), caps=Caps(picture_max_pixels=9_000), format="webp")


def test_a_frame_that_reaches_out_of_its_animation_is_bounded(tmp_path: Path) -> None:
    content = pictures.animation("GIF")
    second = [found.start() for found in re.finditer(rb"\x2c", content)][1:]
    huge = patched(content, {second[-1] + 1: struct.pack("<4H", 0, 0, SIDE, SIDE)})
    with pytest.raises(InvalidInput, match=r"too many pixels|broken"):
        render(tmp_path, huge, format="gif")


@pytest.mark.filterwarnings("ignore:.*AppendingTiffWriter:pytest.PytestUnraisableExceptionWarning")  # Pillow's half a file
def test_the_pages_of_a_tiff_are_bounded_each(tmp_path: Path) -> None:
    content = encoded(marked((50, 50)), "TIFF", save_all=True, append_images=[marked((200, 200))])
    for options in ({"format": "tiff"}, {"format": "pdf"}, {"frame": 1}):
        with pytest.raises(InvalidInput, match=r"page 1 has too many pixels|too many pixels"):
            render(tmp_path, content, caps=LITTLE, **options)


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(300_000_000), 9)),
        chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(300_000_000), 9)),
        chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(300_000_000), 9)),
        b"".join(chunk(b"zTXt", b"a%d\0\0" % number + zlib.compress(bytes(1_000_000), 9)) for number in range(200)),
    ],
    ids=["iCCP", "zTXt", "iTXt", "many"],
)
def test_notes_that_unpack_to_gigabytes_are_not_unpacked(tmp_path: Path, extra: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        assert picture(tmp_path, png((4, 4), bytes(20), extra=extra)).size == (4, 4)
    except InvalidInput as refusal:
        assert "broken or cut off" in str(refusal)  # noqa: PT017 - either is right
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 128 * 1024


def zlib_pieces(megabytes: int) -> Iterator[bytes]:
    """Yield the pieces of a compressed run of zeros."""
    packer = zlib.compressobj(1)
    for _ in range(megabytes):
        yield packer.compress(bytes(1_000_000))
    yield packer.flush()


def test_pixels_that_unpack_to_more_than_the_picture_has_stop_there(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    packed = b"".join(zlib_pieces(200))
    assert picture(tmp_path, png((4, 4), b"").replace(chunk(b"IDAT", zlib.compress(b"")), chunk(b"IDAT", packed))).size == (
        4,
        4,
    )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


WHOLE = {form: encoded(pictures.photo((64, 48)), form) for form in ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "TIFF", "BMP")}
WHOLE["ICO"] = pictures.icon()


@pytest.mark.parametrize("form", WHOLE)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_a_file_that_is_cut_off_is_refused_in_words(tmp_path: Path, form: str, share: float) -> None:
    cut = WHOLE[form][: max(13, int(len(WHOLE[form]) * share))]
    try:
        render(tmp_path, cut)
    except InvalidInput as refusal:
        assert str(refusal).startswith("the source: ")  # noqa: PT017 - a file whose end holds nothing needed may pass
    else:
        assert form in ("ICO", "TIFF")
        assert share > 0.5


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_broken_file_brings_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(WHOLE[data.draw(st.sampled_from(sorted(WHOLE)))])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    form = data.draw(st.sampled_from(["png", "jpeg", "gif"]))
    try:
        render(tmp_path, bytes(content), format=form, caps=Caps(picture_max_pixels=1_000_000), thumbnail=20)
    except InvalidInput as refusal:
        assert "Traceback" not in str(refusal)  # noqa: PT017 - either is right


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"hello, world", "no picture that can be read; SVG, PNG, JPEG, .* can be"),
        (b"%PDF-1.7 ...", "PDF and PostScript are not read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run", "PDF and PostScript are not read"),
        (b"\xc5\xd0\xd3\xc6" + bytes(99), "PDF and PostScript are not read"),
        (b"\0\0\0\x18ftypheic" + bytes(99), "HEIC pictures and videos are not read"),
        (b"\x1f\x8b\x08" + bytes(99), "unpack it"),
        (b"8BPS" + bytes(99), "no picture that can be read"),
        (b"P6\n9 9\n255\n" + bytes(243), "no picture that can be read"),
        (b"\x01\xda\x01\x01" + bytes(999), "no picture that can be read"),
        (b"<html></html>", "image.svg:1:1: no SVG: the outermost element is <html>"),
        (b"<?xml version='1.0'?><svg", "image.svg:1:"),
        (b"\xff\xfe<\0s\0v\0g\0", "the source is not UTF-8"),
        (b"<svg \xff", "image.svg:1: the source is not UTF-8"),
        (b"<!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>", "image.svg:1:.*a document type that declares something"),
    ],
)
def test_what_is_no_picture_is_refused_by_its_content(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        render(tmp_path, content)


def test_nothing_of_a_polyglot_gets_through(tmp_path: Path) -> None:
    for form, tail in (("PNG", b"PK\x03\x04evil"), ("JPEG", b"<script>evil</script>"), ("GIF", b"/*evil*/")):
        content = encoded(marked(), form)
        if form == "JPEG":
            content = content[:2] + b"\xff\xfe" + struct.pack(">H", 2 + 21) + b"<script>evil</script>" + content[2:]
        if form == "GIF":
            content = encoded(marked(), form, comment=b"evil")
        for target in ("png", "jpeg", "gif", "webp"):
            assert b"evil" not in render(tmp_path, content + tail, format=target)


def test_an_svg_reads_no_file_and_shows_no_script(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded(Image.new("RGB", (9, 9), "red"), "PNG"))
    body = f'<image href="{secret}" width="40" height="20"/><image href="file://{secret}" width="9" height="9"/>'
    made = picture(tmp_path, f'<svg {NS} width="40" height="20"><script>1</script>{body}</svg>')
    assert made.convert("RGBA").getbbox() is None
    inside = base64.b64encode(f'<svg {NS} width="9" height="9">{body}</svg>'.encode()).decode()
    made = picture(
        tmp_path,
        f'<svg {NS} width="9" height="9"><image href="data:image/svg+xml;base64,{inside}" width="9" height="9"/></svg>',
    )
    assert made.convert("RGBA").getbbox() is None
    assert b"/Subtype/Image" not in render(tmp_path, f'<svg {NS} width="40" height="20">{body}</svg>', format="pdf")


def test_a_file_of_many_bytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raster, "FILE_MAX_BYTES", 1_000)
    with pytest.raises(InvalidInput, match="bytes; at most 1,000 can be read"):
        render(tmp_path, encoded(pictures.photo(), "PNG"))
    with pytest.raises(InvalidInput, match=r"caps.source_max_bytes"):
        render(tmp_path, b"<svg>" + bytes(999), caps=Caps(source_max_bytes=100))


@pytest.mark.parametrize(("form", "side"), [("webp", 16_384), ("jpeg", 65_536), ("gif", 65_536), ("avif", 65_536)])
def test_sides_that_a_format_cannot_hold_are_refused(tmp_path: Path, form: str, side: int) -> None:
    with pytest.raises(InvalidInput, match=f"a {form.upper()} cannot be {side:,} x 1 pixels"):
        render(tmp_path, encoded(Image.new("L", (side, 1)), "PNG"), format=form)


@pytest.mark.slow
def test_the_default_cap_works_within_the_memory_of_a_job(tmp_path: Path) -> None:
    content = tmp_path / "large.bmp"
    content.write_bytes(encoded(Image.new("RGB", (1, 1)), "BMP")[:54])
    with content.open("r+b") as file:
        file.seek(18)
        file.write(struct.pack("<2i", 10_000, 10_000))
        file.truncate(54 + 300_000_000)  # black, and no block of it on the disk
    placed = ImageInput.model_validate({"source": {"$asset": "a"}, "format": "jpeg", "rotate": 90}).model_dump(
        by_alias=True, mode="json"
    )
    placed["source"]["path"] = str(content)
    (tmp_path / "input.json").write_text(json.dumps(placed))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (IMAGE.memory_max_bytes, IMAGE.memory_max_bytes))

    done = subprocess.run(
        IMAGE.command(placed), cwd=tmp_path, env=ENVIRONMENT, capture_output=True, preexec_fn=limit, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
