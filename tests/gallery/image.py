"""The gallery of `image`: logos and icons drawn for it, and pictures that `make` draws by arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.gallery.case import Case
from tests.support import pictures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MADE: Final[dict[str, Callable[[], bytes]]] = {
    "photo.jpg": lambda: pictures.encoded(pictures.photo((1600, 1200)), "JPEG", quality=92),
    "held.jpg": lambda: pictures.held(pictures.photo((900, 600)), 6),
    "rolling.gif": lambda: pictures.animation("GIF", 16),
    "rolling.webp": lambda: pictures.animation("WEBP", 16, mode="RGBA", lossless=True),
    "palette.png": lambda: pictures.palette((256, 256)),
    "print.jpg": lambda: pictures.cmyk((900, 600)),
    "deep.png": lambda: pictures.encoded(pictures.deep((640, 160)), "PNG"),
    "deep.tiff": lambda: pictures.encoded(pictures.deep((640, 160)), "TIFF"),
    "deep-rgb.png": lambda: pictures.deep_rgb((320, 200)),
    "swapped.jpg": lambda: pictures.profiled((300, 200)),
    "pages.tiff": lambda: pictures.encoded(
        pictures.photo((600, 400)), "TIFF", save_all=True, append_images=[pictures.marked((400, 600))]
    ),
    "site.ico": lambda: pictures.icon((16, 32, 48, 64)),
    "photo.avif": lambda: pictures.encoded(pictures.photo((640, 480)), "AVIF", quality=80),
    "scan.bmp": lambda: pictures.encoded(pictures.photo((400, 300)).convert("1"), "BMP"),
}


def make(folder: Path) -> None:
    """Draw the files that are not stored, into the folder that the cases' files are read from."""
    for name, content in MADE.items():
        (folder / name).write_bytes(content())


def file(name: str) -> dict[str, str]:
    """Return the stand-in for an asset made of a file."""
    return {"$file": name}


CASES: list[Case] = [
    Case("logo-png", "image", {"source": {"$text": "logo.svg"}, "format": "png", "width": 1200}),
    Case("logo-pdf", "image", {"source": {"$text": "logo.svg"}, "format": "pdf"}, texts=("Tidewater",)),
    Case("logo-favicon", "image", {"source": file("mark.svg"), "format": "ico"}),
    Case("logo-card", "image", {
        "source": file("logo.svg"), "format": "jpeg", "width": 1200, "height": 630, "fit": "contain", "background": "#0b2545",
    }),
    Case("badge", "image", {"source": file("badge.svg"), "format": "webp", "scale": 2}),
    Case("poster-pdf", "image", {"source": file("poster.svg"), "format": "pdf"}, texts=("Open Harbour Day", "14 June")),
    Case("poster-avif", "image", {"source": file("poster.svg"), "format": "avif", "height": 1400}),
    Case("floor-plan-crop", "image", {
        "source": file("plan.svg"), "format": "png", "crop": {"x": 20, "y": 20, "width": 300, "height": 220}, "width": 1200,
    }),
    Case("plan-turned", "image", {"source": file("plan.svg"), "format": "png", "rotate": 12, "background": "white"}),
    Case("clock-gif", "image", {"source": file("clock.svg"), "format": "gif", "width": 320}),
    Case("photo-thumbnail", "image", {"source": file("photo.jpg"), "format": "webp", "thumbnail": 320}),
    Case("photo-square", "image", {
        "source": file("photo.jpg"), "format": "jpeg", "width": 500, "height": 500, "fit": "cover", "position": "right",
    }),
    Case("photo-avif", "image", {"source": file("photo.jpg"), "format": "avif", "quality": 55}),
    Case("photo-leaning", "image", {"source": file("photo.avif"), "format": "png", "rotate": -8, "width": 700}),
    Case("held-upright", "image", {"source": file("held.jpg"), "format": "png"}),
    Case("held-with-notes", "image", {"source": file("held.jpg"), "format": "jpeg", "metadata": "keep"}),
    Case("rolling-webp", "image", {"source": file("rolling.gif"), "format": "webp", "width": 240}),
    Case("rolling-gif", "image", {"source": file("rolling.webp"), "format": "gif"}),
    Case("rolling-still", "image", {"source": file("rolling.gif"), "format": "png", "frame": 8}),
    Case("palette-on-colour", "image", {"source": file("palette.png"), "format": "jpeg", "background": "#fff4d6"}),
    Case("palette-gif", "image", {"source": file("palette.png"), "format": "gif"}),
    Case("print-to-screen", "image", {"source": file("print.jpg"), "format": "png"}),
    Case("deep-png", "image", {"source": file("deep.png"), "format": "tiff"}),
    Case("deep-tiff", "image", {"source": file("deep.tiff"), "format": "jpeg"}),
    Case("deep-rgb", "image", {"source": file("deep-rgb.png"), "format": "png", "scale": 2}),
    Case("profile-applied", "image", {"source": file("swapped.jpg"), "format": "png"}),
    Case("pages-pdf", "image", {"source": file("pages.tiff"), "format": "pdf"}),
    Case("icon-png", "image", {"source": file("site.ico"), "format": "png", "flip": "horizontal"}),
    Case("scan-pdf", "image", {"source": file("scan.bmp"), "format": "pdf"}),
]  # fmt: skip
