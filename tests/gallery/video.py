"""Storyboards: films of a second or two, small enough for a test, of what people make films of."""

from __future__ import annotations

import array
import math
import wave
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFilter

from tests.gallery.case import Case

FOLDER: Final = Path(__file__).parent / "video"
LAKE, TOWN, MARK, CHIME = ({"$file": name} for name in ("lake.jpg", "town.jpg", "mark.svg", "chime.wav"))
SMALL: Final[dict[str, Any]] = {"width": 480, "height": 270, "fps": 12}
RATE: Final = 11_025

CASES: Final[list[Case]] = [
    Case(
        "ken burns over a picture",
        "video",
        {
            **SMALL,
            "slides": [
                {
                    "image": LAKE,
                    "durationSeconds": 1.2,
                    "motion": "zoom-in",
                    "title": "The lake",
                    "subtitle": "Early in the morning",
                },
                {
                    "image": TOWN,
                    "durationSeconds": 1.2,
                    "motion": {
                        "from": {"x": 0, "y": 0.3, "size": 0.6},
                        "to": {"x": 0.4, "y": 0.3, "size": 0.6},
                        "easing": "smooth",
                    },
                    "caption": "The town on the other shore",
                },
            ],
            "transition": "crossfade",
        },
    ),
    Case(
        "titles over colours",
        "video",
        {
            **SMALL,
            "slides": [
                {"color": "#14213d", "durationSeconds": 0.6, "title": "What we learned this year", "subtitle": "Five things"},
                {"color": "gold", "durationSeconds": 0.6, "title": "Grüße, Привет, Φίλε", "subtitle": "שלום עולם."},
                {
                    "color": "#2a9d8f",
                    "durationSeconds": 0.6,
                    "title": "Thank you",
                    "titlePlace": "bottom",
                    "caption": "nexus.example",
                },
            ],
            "transition": "fade-through-black",
            "transitionSeconds": 0.3,
        },
    ),
    Case(
        "every way from one slide to the next",
        "video",
        {
            **SMALL,
            "slides": [
                {"image": LAKE, "durationSeconds": 0.6, "transition": "crossfade"},
                {"image": TOWN, "durationSeconds": 0.6, "transition": "slide"},
                {"image": LAKE, "durationSeconds": 0.6, "transition": "fade-through-black"},
                {"image": TOWN, "durationSeconds": 0.4, "transition": "cut"},
            ],
            "format": "webm",
        },
    ),
    Case(
        "a picture with its mark and sound",
        "video",
        {
            **SMALL,
            "background": "#f1faee",
            "slides": [
                {"image": MARK, "fit": "contain", "durationSeconds": 0.8, "title": "Northern Lakes"},
                {"image": LAKE, "durationSeconds": 1.2, "motion": "pan-right", "transition": "crossfade"},
            ],
            "audio": CHIME,
            "audioFadeSeconds": 0.5,
        },
    ),
    Case(
        "a report of a chart, a diagram and a page",
        "video",
        {
            **SMALL,
            "slides": [
                {"markdown": {"$text": "report.md"}, "durationSeconds": 0.6},
                {"chart": {"source": {"$text": "sales.json"}}, "durationSeconds": 0.6, "title": "Sales went up"},
                {
                    "diagram": {"language": "d2", "source": {"$text": "flow.d2"}},
                    "durationSeconds": 0.6,
                    "caption": "From the order to the parcel",
                },
                {
                    "diagram": {"language": "dot", "source": "digraph { rankdir=LR; order -> pack -> ship }"},
                    "durationSeconds": 0.6,
                    "background": "#101820",
                },
                {
                    "diagram": {"language": "mermaid", "source": "flowchart LR\n  order --> pack --> ship\n"},
                    "durationSeconds": 0.6,
                },
            ],
            "transition": "slide",
            "transitionSeconds": 0.25,
        },
    ),
    Case(
        "upright for a telephone",
        "video",
        {
            "width": 270,
            "height": 480,
            "fps": 12,
            "slides": [
                {"image": LAKE, "durationSeconds": 1, "motion": "pan-left", "title": "Swim here, before everyone else does"},
                {
                    "color": "#e63946",
                    "durationSeconds": 0.6,
                    "title": "Follow us",
                    "transition": "slide",
                    "transitionSeconds": 0.4,
                },
            ],
            "audio": CHIME,
            "audioLoop": True,
            "audioVolume": 0.5,
        },
    ),
    Case(
        "a gif for a page",
        "video",
        {
            "width": 320,
            "height": 180,
            "fps": 10,
            "slides": [
                {"color": "#264653", "durationSeconds": 0.8, "title": "Before"},
                {"image": TOWN, "durationSeconds": 0.8, "title": "After", "transition": "slide", "transitionSeconds": 0.4},
            ],
            "format": "gif",
        },
    ),
    Case(
        "a film in av1 from a storyboard of its own",
        "video",
        {
            "source": {"$text": "trip.storyboard.json"},
            "files": {"pictures/lake.jpg": LAKE, "pictures/town.jpg": TOWN, "sounds/chime.wav": CHIME},
            "format": "webm",
            "codec": "av1",
        },
    ),
    Case(
        "a poster",
        "video",
        {
            "width": 640,
            "height": 360,
            "slides": [
                {
                    "image": TOWN,
                    "durationSeconds": 2,
                    "title": "The town",
                    "subtitle": "A film in three parts",
                    "caption": "2026",
                }
            ],
            "format": "png",
            "posterSeconds": 1,
        },
    ),
]


def make(folder: Path) -> None:
    """Make the pictures and the sound that lie in the folder; they need not be made again."""
    landscape((960, 540), 7).save(folder / "lake.jpg", quality=82)
    houses((960, 540)).save(folder / "town.jpg", quality=82)
    chime(folder / "chime.wav", 2.0)


def landscape(size: tuple[int, int], hills: int) -> Image.Image:
    """Return a lake between hills under an evening sky."""
    width, height = size
    sky = Image.linear_gradient("L").resize(size)
    picture = Image.composite(Image.new("RGB", size, "#f6bd60"), Image.new("RGB", size, "#355070"), sky)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width * 0.62, height * 0.24, width * 0.74, height * 0.24 + width * 0.12), fill="#fff3d6")
    for number in range(hills):
        base = height * (0.36 + 0.05 * number)
        ridge = [
            (x, base + 40 * math.sin(x / (70 + 13 * number) + number * 2) + 16 * math.sin(x / 23 + number))
            for x in range(0, width + 8, 8)
        ]
        shade = 120 - 13 * number
        draw.polygon([*ridge, (width, height), (0, height)], fill=(shade // 2, shade, shade + 30))
    water = picture.crop((0, 0, width, int(height * 0.72))).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    water = water.resize((width, int(height * 0.28))).filter(ImageFilter.GaussianBlur(3))
    picture.paste(water, (0, height - water.height))
    return picture


def houses(size: tuple[int, int]) -> Image.Image:
    """Return a row of houses with lit windows."""
    _, height = size
    picture = Image.composite(
        Image.new("RGB", size, "#e5989b"), Image.new("RGB", size, "#22223b"), Image.linear_gradient("L").resize(size)
    )
    draw = ImageDraw.Draw(picture)
    walls = ("#4a4e69", "#9a8c98", "#c9ada7", "#6d6875", "#b5838d")
    left = 0
    for number in range(14):
        wide, tall = 50 + 37 * number % 61, 150 + 83 * number % 190
        top = height - tall
        draw.rectangle((left, top, left + wide, height), fill=walls[number % len(walls)])
        draw.polygon([(left - 4, top), (left + wide / 2, top - 34), (left + wide + 4, top)], fill="#33263b")
        for row in range(top + 18, height - 20, 34):
            for column in range(left + 10, left + wide - 14, 22):
                draw.rectangle((column, row, column + 10, row + 16), fill="#ffe8a3" if (row + column) % 3 else "#2b2d42")
        left += wide + 6
    return picture


def chime(path: Path, seconds: float) -> None:
    """Write three notes that die away."""
    samples = array.array("h")
    for step in range(round(seconds * RATE)):
        at = step / RATE
        notes = ((0.0, 523.25), (0.4, 659.25), (0.8, 783.99))
        value = sum(math.sin(math.tau * hertz * at) * math.exp(-3 * (at - start)) for start, hertz in notes if at >= start)
        samples.append(round(7_000 * value))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
