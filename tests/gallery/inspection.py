"""What comes out of a renderer, looked at by readers that are not the ones that wrote it.

PDF by poppler (`pdfinfo`, `pdftotext`, `pdftoppm`), pictures by Pillow, films by decoding every frame with PyAV, SVG and HTML
as XML and text. Each check says what is wrong; a result that is blank, torn or without its texts is not accepted.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree

import av
from PIL import Image, ImageSequence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SPACES: Final = re.compile(r"\s+")
FETCHED: Final = re.compile(r"""(?:src|href|xlink:href)\s*=\s*["'](?:https?:)?//|url\(["']?(?:https?:)?//""", re.IGNORECASE)
SHAPES: Final = {"path", "rect", "circle", "ellipse", "line", "polygon", "polyline", "text", "image", "use"}
SMALLEST_FILM_SECONDS: Final = 0.1


def inspect(files: Sequence[Path], texts: Sequence[str] = ()) -> None:
    """Check the results of a job. Raises AssertionError that says what is wrong with them.

    The texts are looked for where there is any: pictures and films have none.
    """
    found = [INSPECTORS[path.suffix](path) for path in files]
    if any(found):
        plain = SPACES.sub("", "".join(found))
        for text in texts:
            assert SPACES.sub("", text) in plain, f"{files[0].name} does not say {text!r}"


def _inspect_pdf(path: Path) -> str:
    told = _run("pdfinfo", str(path))
    pages = int(re.search(r"^Pages:\s+(\d+)$", told, re.MULTILINE)[1])  # type: ignore[index]
    assert pages >= 1, told
    _run("pdftoppm", "-r", "40", "-l", "1", "-singlefile", "-png", str(path), str(path.with_suffix("")) + "-page")
    _inspect_picture(path.with_name(f"{path.stem}-page.png"))
    return _run("pdftotext", str(path), "-")


def _inspect_svg(path: Path) -> str:
    text = path.read_text("utf-8")
    root = ElementTree.fromstring(text)
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert root.tag == "{http://www.w3.org/2000/svg}svg", root.tag
    assert names & SHAPES, f"{path.name} draws nothing: {names}"
    assert not names & {"script", "foreignObject"}, names
    if found := FETCHED.search(re.sub(r"<a\s[^>]*>", "", text)):
        raise AssertionError(f"{path.name} would fetch something: {text[found.start() : found.end() + 60]}")
    return " ".join(root.itertext())


def _inspect_picture(path: Path) -> str:
    with Image.open(path) as picture:
        assert min(picture.size) >= 1, picture.size
        for frame in ImageSequence.Iterator(picture):
            colours = frame.convert("RGBA").getextrema()
            assert any(low != high for low, high in colours), f"{path.name} is blank"  # type: ignore[misc]
    return ""


def _inspect_film(path: Path) -> str:
    with av.open(str(path)) as film:
        [stream] = film.streams.video
        count, is_blank = 0, True
        for frame in film.decode(stream):
            count += 1
            is_blank = is_blank and len(set(bytes(frame.reformat(format="gray").planes[0])[:: frame.width // 16])) == 1
        assert count >= 2, f"{path.name} has {count} frames"
        assert not is_blank, f"{path.name} is blank"
        assert float(stream.duration or 0) * float(stream.time_base or 0) > SMALLEST_FILM_SECONDS or film.duration
        assert path.suffix != ".mp4" or stream.codec_context.pix_fmt == "yuv420p"
    if path.suffix == ".mp4":
        content = path.read_bytes()
        assert content.index(b"moov") < content.index(b"mdat"), f"{path.name} cannot be played before all of it is there"
    return ""


def _inspect_html(path: Path) -> str:
    text = path.read_text("utf-8")
    assert "<script" in text
    assert not re.search(r"""<(?:script|link|img)[^>]+(?:src|href)=["'](?:https?:)?//""", text), "it fetches something"
    return text


def _inspect_json(path: Path) -> str:
    assert json.loads(path.read_text("utf-8"))
    return path.read_text("utf-8")


def _inspect_text(path: Path) -> str:
    assert path.read_text("utf-8").strip()
    return path.read_text("utf-8")


INSPECTORS: Final[dict[str, Callable[[Path], str]]] = {
    ".pdf": _inspect_pdf,
    ".svg": _inspect_svg,
    ".html": _inspect_html,
    ".json": _inspect_json,
    **dict.fromkeys((".css", ".js"), _inspect_text),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".tiff", ".ico"), _inspect_picture),
    **dict.fromkeys((".mp4", ".webm"), _inspect_film),
}


def _run(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, check=True, timeout=60).stdout.decode("utf-8", "replace")
