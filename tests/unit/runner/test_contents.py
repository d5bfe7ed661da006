"""What a file is, by its bytes: what a renderer says of it counts only where they do not contradict."""

from __future__ import annotations

import os
import re
import struct
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nexusd.runner.contents import HEAD_BYTES, HTML, SIGNED, SVG, UNKNOWN, Content, examine, find_markup, read_head
from nexusd.storage import WorkFile

if TYPE_CHECKING:
    from pathlib import Path

PNG: Final = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480) + b"\x08\6\0\0\0"
GIF: Final = b"GIF89a" + struct.pack("<HH", 32, 16) + b"\x80\0\0"
JPEG: Final = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xc0\0\x11\x08" + struct.pack(">HH", 90, 120) + b"\3\1\x22\0"
WEBP: Final = b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\x3f\1\0" + b"\xef\0\0"
AVIF: Final = b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B"
WEBM: Final = b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm"
SIGNATURES: Final = {
    "image/png": PNG,
    "image/jpeg": JPEG,
    "image/gif": GIF,
    "image/webp": WEBP,
    "image/avif": AVIF,
    "image/x-icon": b"\0\0\1\0\1\0\x10\x10\0\0\1\0",
    "application/pdf": b"%PDF-1.7\n%\xe2\xe3\n",
    "video/mp4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
    "video/webm": WEBM,
}


def test_what_is_signed_is_known_by_its_signature_and_nothing_else_is() -> None:
    assert set(SIGNATURES) == SIGNED
    for content_type, head in SIGNATURES.items():
        assert examine(head + bytes(200), content_type).content_type == content_type
        assert examine(head, None).content_type == content_type
        for other in SIGNED - {content_type}:
            assert examine(head, other).content_type == UNKNOWN, (content_type, other)
        for empty in (b"", b"plain words", bytes(100), head[:1]):
            assert examine(empty, content_type).content_type == UNKNOWN
    assert examine(b"\0\0\0\x18ftypiso5\0\0\0\0iso5dash", "video/mp4").content_type == "video/mp4"
    assert examine(b"\0\0\0\x18ftypabcd\0\0\0\0abcd", "video/mp4").content_type == UNKNOWN
    assert examine(SIGNATURES["image/x-icon"], "image/vnd.microsoft.icon").content_type == "image/x-icon"
    assert examine(b"RIFF\x24\0\0\0WAVEfmt ", "image/webp").content_type == UNKNOWN


def test_a_type_without_a_signature_is_what_the_renderer_says() -> None:
    for declared in ("text/plain", "text/markdown", "application/json", "application/x-made", "audio/mpeg"):
        for head in (b"", b"plain words", b"{}", b"<nothing>we know</nothing>", "grüße".encode()):
            assert examine(head, declared) == Content(declared)
    assert examine(b"text\0with a NUL", "text/plain").content_type == UNKNOWN
    assert examine("text".encode("utf-16"), "text/plain").content_type == "text/plain"
    assert examine(b"words", None).content_type == UNKNOWN


@pytest.mark.parametrize("declared", ["text/plain", "image/png", "application/json", SVG, HTML, None])
@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"<svg>", SVG),
        (b"<SVG\nwidth='1'>", SVG),
        (b" \r\n\t<svg xmlns='http://www.w3.org/2000/svg'/>", SVG),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <html> -->\n<svg >", SVG),
        (b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://x/y.dtd" [<!ENTITY a "b>">]> <x:svg x:y="">', SVG),
        (b"<!DOCTYPE html><svg>", HTML),
        (b"<!doctype\nHTML>", HTML),
        (b"<html>", HTML),
        (b"\n\n<ScRiPt>alert(1)</script>", HTML),
        (b"<!-- a --><!-- b --><body onload=x>", HTML),
        (b"<!-- never closed <svg>", HTML),
        (b"<?xml never closed", HTML),
        (b"<img/src=x>", HTML),
        (b"<iframe", HTML),
        ("<html><script>".encode("utf-16-le").join([b"\xff\xfe", b""]), HTML),
        ("<svg>".encode("utf-16"), SVG),
    ],
)
def test_what_a_browser_would_run_is_called_so(head: bytes, content_type: str, declared: str | None) -> None:
    assert examine(head, declared).content_type == content_type


@pytest.mark.parametrize(
    "head",
    [b"a <html> later", b"<svgx>", b"<htmlx>", b"<bold>", b"1 < 2", b"<", b"<<svg>", b"<!doctype a><a1>", b"# <svg>"],
)
def test_words_are_not_taken_for_markup(head: bytes) -> None:
    assert find_markup(head) is None
    assert examine(head, "text/plain").content_type == "text/plain"
    assert examine(head, SVG).content_type == examine(head, HTML).content_type == UNKNOWN


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (PNG, (640, 480)),
        (GIF, (32, 16)),
        (JPEG, (120, 90)),
        (WEBP, (320, 240)),
        (b"<svg width='10' height='20.6px'>", (10, 21)),
        (b"<?xml version='1.0'?><!-- a > b --><s:svg height='1in' width='96pt'>", (128, 96)),
        (b"<svg viewBox='0 0 300 200'><rect width='5' height='6'/></svg>", (300, 200)),
        (b'\n<svg width="100%" height="100%" viewBox="-1,-2, 30.4 20">', (30, 20)),
        (b"<svg width='10'>", (None, None)),
        (b"<svg width='0' height='0'>", (None, None)),
        (b"<svg viewBox='0 0 . .'>", (None, None)),
        (b"<svg width='" + b"9" * 400 + b"' height='1'>", (None, None)),
        (b"<svg width='9999999999' height='1'>", (None, None)),
        (PNG[:20], (None, None)),
        (PNG[:16] + bytes(10), (None, None)),
        (SIGNATURES["application/pdf"], (None, None)),
        (b"<html width='10' height='10'>", (None, None)),
    ],
)
def test_a_picture_says_how_large_it_is(head: bytes, size: tuple[int | None, int | None]) -> None:
    found = examine(head, None)
    assert (found.width, found.height) == size


HEADS: Final = [
    *SIGNATURES.values(),
    b"<svg viewBox='0 0 1 1' width=",
    b"II*\0\x08\0\0\0",
    b"\0\0\0\x0cjP  \r\n\x87\n",
    b"P6 ",
    b"BM",
]


@given(
    st.sampled_from(HEADS), st.binary(max_size=300), st.sampled_from([*sorted(SIGNED), SVG, HTML, "text/plain", "image/tiff"])
)
@example(b"P6 ", b"9" * 5000, "image/x-portable-pixmap")
@example(b"<!--" * 8000, b"", "text/plain")
@example(b"<!doctype a [" * 4000, b"", "text/plain")
@example(b"<?" * 30000, b"", "text/plain")
@example(b" " * 60000, b"<svg " + b"\n" * 5000, SVG)
def test_hostile_bytes_do_no_harm(head: bytes, rest: bytes, declared: str) -> None:
    for bytes_of_it in (head + rest, rest, head[: len(rest)] + rest):
        found = examine(bytes_of_it, declared)
        assert re.fullmatch(r"[a-z-]+/[a-z0-9.+-]+", found.content_type)
        assert (found.width is None) is (found.height is None)
        assert found.width is None or 0 < found.width < 2**31


def test_the_head_is_read_of_a_plain_file_of_the_childs_own_only(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "out/large").write_bytes(b"x" * (HEAD_BYTES + 5))
    (tmp_path / "out/link").symlink_to(tmp_path / "secret")
    (tmp_path / "out/folder").mkdir()
    os.mkfifo(tmp_path / "out/fifo")
    (tmp_path / "aside").symlink_to(tmp_path / "out")
    assert read_head(WorkFile(tmp_path, "out/large")) == b"x" * HEAD_BYTES
    for name in ("out/link", "out/folder", "out/fifo", "out/none", "aside/large", "../secret", "out/\0", ""):
        assert read_head(WorkFile(tmp_path, name)) == b"", name
