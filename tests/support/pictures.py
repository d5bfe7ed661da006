"""Pictures for tests, drawn by arithmetic: the same on every machine, and none stored."""

from __future__ import annotations

import io
import math
import struct
import zlib
from typing import Any

from PIL import Image, ImageCms, ImageDraw

Size = tuple[int, int]


def encoded(picture: Image.Image, form: str, **settings: Any) -> bytes:
    """Return the picture as a file."""
    content = io.BytesIO()
    picture.save(content, form, **settings)
    return content.getvalue()


def photo(size: Size = (320, 240)) -> Image.Image:
    """Return a landscape: sky, sun, hills, and some grain, as a camera would see it."""
    width, height = size
    picture = Image.new("RGB", size)
    draw = ImageDraw.Draw(picture)
    for y in range(height):
        share = y / height
        draw.line([(0, y), (width, y)], fill=(int(90 + 140 * share), int(150 + 70 * share), int(230 - 40 * share)))
    sun = (width * 0.72, height * 0.26, height * 0.09)
    draw.ellipse((sun[0] - sun[2], sun[1] - sun[2], sun[0] + sun[2], sun[1] + sun[2]), fill=(255, 236, 170))
    for level, colour in ((0.55, (96, 128, 140)), (0.68, (64, 104, 88)), (0.82, (44, 72, 48))):
        points = [(x, height * (level + 0.07 * math.sin(x / width * 9 * level + level * 20))) for x in range(0, width + 1, 4)]
        draw.polygon([(0, height), *points, (width, points[-1][1]), (width, height)], fill=colour)
    grain = Image.frombytes("L", (64, 64), bytes((x * 7919 ^ x * x * 31) >> 3 & 0x1F for x in range(4096)))
    return Image.blend(picture, Image.merge("RGB", [grain.resize(size)] * 3), 0.06)


def marked(size: Size = (60, 40)) -> Image.Image:
    """Return a picture whose corners tell where is up: red, green, blue, and white at the bottom right."""
    picture = Image.new("RGB", size, "gray")
    across, down = size[0] // 4, size[1] // 4
    for place, colour in (((0, 0), "red"), ((3, 0), "lime"), ((0, 3), "blue"), ((3, 3), "white")):
        left, top = place[0] * across, place[1] * down
        picture.paste(colour, (left, top, left + across, top + down))
    return picture


def held(picture: Image.Image, orientation: int, form: str = "JPEG") -> bytes:
    """Return a file as a camera writes it that was held so: its pixels turned, and EXIF that says how."""
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transpositions that undo each
    turned = picture.transpose(Image.Transpose(back[orientation])) if orientation > 1 else picture
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Nobody's camera"
    exif.get_ifd(0x8825)[1] = "N"
    return encoded(turned, form, exif=exif, quality=95)


def frames(count: int = 8, size: Size = (80, 60), mode: str = "RGB") -> list[Image.Image]:
    """Return a ball that rolls from left to right."""
    made = []
    for number in range(count):
        picture = Image.new(mode, size, (0, 0, 0, 0) if mode == "RGBA" else (235, 240, 250))
        x = size[0] * (number + 0.5) / count
        draw = ImageDraw.Draw(picture)
        draw.line([(0, size[1] - 10), (size[0], size[1] - 10)], fill=(60, 60, 70, 255)[: len(mode)], width=2)
        draw.ellipse((x - 9, size[1] - 30, x + 9, size[1] - 12), fill=(214, 60, 40, 255)[: len(mode)])
        made.append(picture)
    return made


def animation(form: str = "GIF", count: int = 8, mode: str = "RGB", **settings: Any) -> bytes:
    """Return an animation; each frame lasts 10 ms longer than the one before."""
    pictures = frames(count, mode=mode)
    durations = [50 + 10 * number for number in range(count)]
    return encoded(pictures[0], form, save_all=True, append_images=pictures[1:], duration=durations, loop=0, **settings)


def palette(size: Size = (96, 96)) -> bytes:
    """Return a PNG with a palette whose entries are more and less transparent."""
    picture = Image.new("P", size)
    picture.putpalette([value for index in range(8) for value in (index * 32, 120, 255 - index * 32)])
    draw = ImageDraw.Draw(picture)
    for index in range(8):
        draw.ellipse((index * 5, index * 5, size[0] - index * 5 - 1, size[1] - index * 5 - 1), fill=index)
    return encoded(picture, "PNG", transparency=bytes(index * 36 for index in range(8)))


def deep(size: Size = (128, 64)) -> Image.Image:
    """Return a ramp in 16 bits of grey, black at the left and white at the right."""
    row = struct.pack(f"<{size[0]}H", *(round(65_535 * x / (size[0] - 1)) for x in range(size[0])))
    return Image.frombytes("I;16", size, row * size[1])


def deep_rgb(size: Size = (64, 32)) -> bytes:
    """Return a PNG with 16 bits for each of red, green and blue."""
    rows = b"".join(
        b"\0"
        + b"".join(struct.pack(">3H", x * 65_535 // (size[0] - 1), y * 65_535 // (size[1] - 1), 0x8000) for x in range(size[0]))
        for y in range(size[1])
    )
    return png(size, rows, depth=16, kind=2)


def cmyk(size: Size = (120, 90)) -> bytes:
    """Return a JPEG as printers want it: cyan, magenta, yellow and black."""
    return encoded(photo(size).convert("CMYK"), "JPEG", quality=90)


def profiled(size: Size = (60, 40)) -> bytes:
    """Return a JPEG in a colour space that swaps red and blue, so that nobody can miss whether it is applied."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", profile, 128)[0]
    for position in range(132, 132 + 12 * count, 12):
        swapped = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(bytes(profile[position : position + 4]))
        if swapped:
            profile[position : position + 4] = swapped
    picture = Image.new("RGB", size, (250, 10, 10))
    picture.paste((250, 250, 250), (size[0] * 3 // 4, 0, *size))
    return encoded(picture, "JPEG", icc_profile=bytes(profile), quality=95)


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(size: Size, rows: bytes, *, depth: int = 8, kind: int = 0, extra: bytes = b"") -> bytes:
    """Return a PNG of these raw rows, with more chunks before them."""
    head = struct.pack(">2I5B", *size, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def patched(content: bytes, places: dict[int, bytes]) -> bytes:
    """Return a file with some bytes replaced."""
    changed = bytearray(content)
    for at, value in places.items():
        changed[at : at + len(value)] = value
    return bytes(changed)


def icon(sides: tuple[int, ...] = (16, 32, 48)) -> bytes:
    """Return an ICO."""
    return encoded(marked((64, 64)), "ICO", sizes=[(side, side) for side in sides])
