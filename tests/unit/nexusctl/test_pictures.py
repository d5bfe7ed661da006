"""Pictures in terminals: each protocol read back as its specification says, and nothing else let through."""

from __future__ import annotations

import base64
import io
import re
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from nexusctl.commands import preview
from nexusctl.commands.session import Session
from nexusctl.output import sixel
from nexusctl.output.pictures import Protocol, Room, columns_of, encode_iterm2, encode_kitty, png_size, scale_to
from nexusctl.output.screen import Screen
from nexusctl.output.sixel import encode_sixel, png_to_sixel
from nexusctl.output.terminals import find_protocol
from nexusd.contract.assets import Asset
from tests.unit.nexusctl import documents

if TYPE_CHECKING:
    from pathlib import Path

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
ROOM = Room(80, 20, 10, 20)


def png(size: tuple[int, int] = (4, 7), colour: tuple[int, ...] = RED, mode: str = "RGB") -> bytes:
    """A PNG of one colour."""
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, "PNG")
    return out.getvalue()


def read_kitty(text: str) -> tuple[list[dict[str, str]], bytes]:
    """What the escapes of kitty's protocol say: the keys of each, and the content."""
    parts = re.findall(r"\x1b_G([a-zA-Z0-9,=]*);([A-Za-z0-9+/=]*)\x1b\\", text)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in parts) == text
    keys = [dict(pair.split("=") for pair in head.split(",")) for head, _ in parts]
    return keys, base64.b64decode("".join(data for _, data in parts), validate=True)


def read_sixel(text: str) -> tuple[tuple[int, int], dict[tuple[int, int], tuple[int, int, int]]]:
    """Draw sixels as a VT340 does: the size that is stated, and the colour in percent of each pixel that is set."""
    told = re.fullmatch(r'\x1bP0;1;0q"1;1;(\d+);(\d+)([ -~]*)\x1b\\', text)
    assert told
    pixels: dict[tuple[int, int], tuple[int, int, int]] = {}
    colours: dict[int, tuple[int, int, int]] = {}
    column = top = colour = 0
    commands = re.findall(r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|([$-])", told[3])
    for number, red, green, blue, chosen, count, repeated, single, control in commands:
        if number:
            colours[int(number)] = (int(red), int(green), int(blue))
        elif chosen:
            colour = int(chosen)
        elif control:
            column, top = 0, top + (6 if control == "-" else 0)
        else:
            bits, run = ord(repeated or single) - 0x3F, range(column, column + int(count or 1))
            pixels |= {(place, top + bit): colours[colour] for place in run for bit in range(6) if bits >> bit & 1}
            column = run.stop
    return (int(told[1]), int(told[2])), pixels


@given(st.binary(max_size=20_000), st.integers(1, 500))
@example(bytes(20_000), 80)
def test_kitty_gets_the_content_in_pieces_of_at_most_4096(content: bytes, columns: int) -> None:
    text = encode_kitty(content, columns)
    keys, found = read_kitty(text)
    assert found == content
    assert keys[0] == {"a": "T", "f": "100", "c": str(columns), "q": "2", "m": keys[0]["m"]}
    assert all(set(later) == {"q", "m"} for later in keys[1:])
    assert [head["m"] for head in keys] == ["1"] * (len(keys) - 1) + ["0"]
    pieces = [len(piece) for piece in re.findall(r";([^\x1b]*)\x1b", text)]
    assert max(pieces) <= 4096
    assert all(length % 4 == 0 for length in pieces)


@given(st.binary(max_size=10_000), st.integers(1, 500))
def test_iterm2_gets_the_content_its_size_and_no_name(content: bytes, columns: int) -> None:
    told = re.fullmatch(r"\x1b\]1337;File=([a-zA-Z0-9=;]*):([A-Za-z0-9+/=]*)\x07", encode_iterm2(content, columns))
    assert told
    arguments = dict(pair.split("=") for pair in told[1].split(";"))
    assert (arguments["inline"], arguments["size"], arguments["width"]) == ("1", str(len(content)), str(columns))
    assert "name" not in arguments
    assert base64.b64decode(told[2], validate=True) == content


@given(st.integers(1, 12), st.integers(1, 15), st.data())
def test_sixels_are_the_pixels(width: int, height: int, data: st.DataObject) -> None:
    palette = [RED, BLUE, WHITE]
    pixels = data.draw(st.binary(min_size=width * height, max_size=width * height).map(lambda b: bytes(x % 3 for x in b)))
    size, drawn = read_sixel(encode_sixel((width, height), palette, pixels))
    percent = [(100, 0, 0), (0, 0, 100), (100, 100, 100)]
    assert size == (width, height)
    assert drawn == {(x, y): percent[pixels[y * width + x]] for x in range(width) for y in range(height)}


def test_a_png_becomes_sixels_on_white_made_to_fit() -> None:
    assert read_sixel(png_to_sixel(png((40, 20)), 0.25) or "")[0] == (10, 5)
    clear = read_sixel(png_to_sixel(png((3, 8), (0, 0, 0, 0), "RGBA"), 1.0) or "")[1]
    assert set(clear.values()) == {(100, 100, 100)}
    assert len(clear) == 24
    (width, height), _ = read_sixel(png_to_sixel(png((3000, 1000)), 1.0) or "")
    assert 900_000 < width * height <= 1_000_000


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is large."""
    content = bytearray(png())
    content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG", b"<svg/>" * 10, png()[:-30], png()[:40], bomb(100_000, 100_000), bomb(9, 9)]
)
def test_what_is_no_png_or_a_bad_one_becomes_nothing_and_no_error(content: bytes) -> None:
    assert png_to_sixel(content, 1.0) is None


def test_a_picture_too_large_for_the_memory_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sixel, "DECODED_MAX_PIXELS", 27)
    assert png_to_sixel(png((4, 7)), 1.0) is None
    assert png_to_sixel(png((9, 3)), 1.0) is not None


def test_the_size_stands_in_the_header() -> None:
    assert png_size(png((40, 30))) == (40, 30)
    assert png_size(bomb(0, 5)) is None
    assert png_size(b"GIF89a" + bytes(40)) is None


@pytest.mark.parametrize(
    ("size", "columns", "scale"),
    [((100, 100), 10, 1.0), ((101, 10), 11, 1.0), ((1600, 100), 80, 0.5), ((100, 800), 5, 0.5), ((1, 1), 1, 1.0)],
)
def test_a_picture_is_made_smaller_never_larger(size: tuple[int, int], columns: int, scale: float) -> None:
    assert (columns_of(size, ROOM), scale_to(size, ROOM)) == (columns, scale)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("TERM=xterm-kitty", Protocol.KITTY),
        ("TERM=xterm-256color KITTY_WINDOW_ID=1", Protocol.KITTY),
        ("TERM=xterm-ghostty TERM_PROGRAM=ghostty", Protocol.KITTY),
        ("TERM=xterm-256color KONSOLE_VERSION=220401", Protocol.KITTY),
        ("TERM=xterm-256color KONSOLE_VERSION=210400 KITTY_WINDOW_ID=1", None),
        ("TERM=xterm-256color TERM_PROGRAM=iTerm.app", Protocol.ITERM2),
        ("TERM=xterm-256color LC_TERMINAL=iTerm2", Protocol.ITERM2),
        ("TERM=xterm-256color TERM_PROGRAM=WezTerm", Protocol.ITERM2),
        ("TERM=foot", Protocol.SIXEL),
        ("TERM=foot-extra", Protocol.SIXEL),
        ("TERM=mlterm", Protocol.SIXEL),
        ("TERM=footprint", None),
        ("TERM=xterm-256color", None),
        ("TERM=xterm-256color TERM_PROGRAM=vscode", None),
        ("TERM=xterm-256color TERM_PROGRAM=Apple_Terminal KITTY_WINDOW_ID=1", None),
        ("TERM=xterm-256color VTE_VERSION=7600 KITTY_WINDOW_ID=1", None),
        ("TERM=xterm XTERM_VERSION=XTerm(390) TERM_PROGRAM=WezTerm", None),
        ("TERM=xterm-kitty TMUX=/tmp/x,1,0", None),
        ("TERM=tmux-256color KITTY_WINDOW_ID=1", None),
        ("TERM=screen TERM_PROGRAM=iTerm.app", None),
        ("TERM=xterm-kitty STY=1.x", None),
        ("TERM=xterm-kitty ZELLIJ=0", None),
        ("TERM=dumb KITTY_WINDOW_ID=1", None),
        ("TERM=linux", None),
        ("KITTY_WINDOW_ID=1", None),
    ],
)
def test_terminals_are_told_by_their_environment_and_in_doubt_not(environment: str, expected: Protocol | None) -> None:
    assert find_protocol(dict(pair.split("=", 1) for pair in environment.split())) is expected


def asset(name: str, kind: str, **changes: object) -> Asset:
    """An asset's row."""
    return Asset.model_validate(documents.asset(id=name, contentType=kind, **changes))


def test_an_svg_is_shown_by_a_png_beside_it_and_nothing_else_is() -> None:
    svg, picture, pdf = asset("svg", "image/svg+xml"), asset("png", "image/png"), asset("pdf", "application/pdf")
    assert preview.find_picture([svg, picture], "png") is picture
    assert preview.find_picture([svg, pdf, picture], "svg") is picture
    assert preview.find_picture([svg, pdf], "svg") is None
    assert preview.find_picture([pdf, picture], "pdf") is None
    assert preview.find_picture([picture], None) is None
    assert preview.find_picture([asset("png", "image/png", byteSize=preview.PREVIEW_MAX_BYTES + 1)], "png") is None


@pytest.mark.parametrize("protocol", list(Protocol))
def test_no_byte_of_a_content_that_is_no_png_reaches_the_terminal(protocol: Protocol) -> None:
    assert preview.encode(b"\x1b]0;owned\x07" * 10, protocol, ROOM) is None
    evil = png() + b"\x1b]0;owned\x07\x1b\\"
    text = preview.encode(evil, protocol, ROOM)
    assert text is not None
    assert "owned" not in text
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", re.sub(r"\x1b[_P\]\\]|\x07$", "", text))


def test_no_picture_where_it_is_not_wanted(tmp_path: Path) -> None:
    session = Session(tmp_path / "socket", "c", preview="kitty")
    assert preview.choose_protocol(session, Screen()) is None  # standard output is no terminal
