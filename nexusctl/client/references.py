"""The local files that a document refers to, and which of them may be sent along.

Owns finding the references (images in Markdown, every file that Typst reads, the data of charts, the pictures and the sound of
storyboards) and the rule of what may leave the folder. Uploads nothing.

Keys are the paths as the source uses them, decoded and normalised (`a%20b/./c.png` is `a b/c.png`), relative to the
source's folder.

Invariant: only regular files are returned whose real place, links resolved, is below the real place of the source's
folder. A document that somebody else wrote must not be able to publish `~/.ssh/id_ed25519` by calling it a picture.
Everything else is named in `skipped`.
"""

from __future__ import annotations

import json
import posixpath
import re
import stat
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from markdown_it.token import Token

TYPST_SOURCE_MAX_BYTES: Final = 1024 * 1024
_TYPST_PATH: Final = re.compile(
    r"""(?:\b(?:image|read|csv|json|toml|yaml|xml|cbor|plugin|bibliography)\s*\(\s*|(?:^|[#\s{(\[])(?:include|import)\s*\(?\s*)"""
    r'''"((?:[^"\\\n]|\\.)+)"''',
    re.MULTILINE,
)
_TYPST_ESCAPE: Final = re.compile(r"\\(u\{([0-9a-fA-F]{1,6})\}|.)")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_UNSENDABLE: Final = re.compile(r"[\x00-\x1f\x7f\\]")
_ROWS: Final = frozenset({"values", "datasets", "usermeta"})
_LINE_COMMENT: Final = re.compile(r"(?<!:)//")


@dataclass(slots=True)
class References:
    """`files` maps the path that the source uses to the file; `skipped` says, one line each, what was left out and why."""

    files: dict[str, Path] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def find_references(language: str, source: str, folder: Path) -> References:
    """Return the local files that `source` refers to. `folder` is what its paths are relative to."""
    found = References()
    if language == "markdown":
        for target in dict.fromkeys(markdown_images(source)):
            _take(target, unquote(target), folder, found)
    elif language == "typst":
        _take_typst(source, "", folder, found)
    elif language in JSON_PATHS:
        for path in dict.fromkeys(JSON_PATHS[language](source)):
            _take(path, path, folder, found)
    return found


def markdown_images(source: str) -> Iterator[str]:
    """Yield the target of each image of a Markdown text: inline, by reference, and HTML `<img>`."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    for token in parser.parse(source):
        yield from _images_in(token)


def typst_paths(source: str) -> Iterator[str]:
    """Yield the paths that a Typst text reads: images, data, bibliographies, other sources. Packages (`@…`) are not paths."""
    for found in _TYPST_PATH.finditer(source):
        line_start = source.rfind("\n", 0, found.start(1)) + 1
        path = _TYPST_ESCAPE.sub(lambda escape: chr(int(escape[2], 16)) if escape[2] else escape[1], found[1])
        if not _LINE_COMMENT.search(source, line_start, found.start(1)) and not path.startswith("@"):
            yield path


def chart_paths(source: str) -> Iterator[str]:
    """Yield the addresses of data and pictures in a Vega-Lite or Vega spec. Rows that stand in it are not looked at."""
    yield from _urls_in(_read_json(source))


def storyboard_paths(source: str) -> Iterator[str]:
    """Yield the paths of the pictures and the sound of a storyboard."""
    storyboard = _read_json(source)
    slides = storyboard.get("slides") if isinstance(storyboard, dict) else None
    places = (
        [storyboard.get("audio"), *(slide.get("image") for slide in slides or () if isinstance(slide, dict))] if slides else []
    )
    yield from (place for place in places if isinstance(place, str))


JSON_PATHS: Final[Mapping[str, Callable[[str], Iterator[str]]]] = {
    "vega-lite": chart_paths,
    "vega": chart_paths,
    "storyboard": storyboard_paths,
}


def _read_json(source: str) -> Any:
    """Return the document; None for what is none: the renderer will say so."""
    try:
        return json.loads(source)
    except (ValueError, RecursionError):
        return None


def _urls_in(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _urls_in(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "url":
                url = item.get("value") if isinstance(item, dict) else item
                if isinstance(url, str):
                    yield url
            elif key not in _ROWS:
                yield from _urls_in(item)


def _images_in(token: Token) -> Iterator[str]:
    if token.type == "image":
        yield str(token.attrs.get("src", ""))
    elif token.type in ("html_block", "html_inline"):
        yield from _html_images(token.content)
    for child in token.children or ():
        yield from _images_in(child)


class _ImageParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.sources += [value for name, value in attrs if name == "src" and value]


def _html_images(html: str) -> list[str]:
    parser = _ImageParser()
    parser.feed(html)
    return parser.sources


def _take_typst(source: str, below: str, folder: Path, found: References) -> None:
    """Take what a Typst source in the subfolder `below` reads, and what the sources read that it includes."""
    for path in dict.fromkeys(typst_paths(source)):
        # In Typst a leading slash means the root, which is the folder of the main file.
        place = path.lstrip("/") if path.startswith("/") else posixpath.join(below, path)
        taken = _take(path, place, folder, found)
        if taken is not None and taken.endswith(".typ"):
            text = found.files[taken].read_bytes()[:TYPST_SOURCE_MAX_BYTES].decode("utf-8", "replace")
            _take_typst(text, posixpath.dirname(taken), folder, found)


def _take(shown: str, place: str, folder: Path, found: References) -> str | None:
    """Add one file, or say why not. Return its key when it is new."""
    if not place or place.lower().startswith("data:"):
        return None
    if _SCHEME.match(place) or place.startswith("//"):
        found.skipped.append(f"{shown}: not a local file")
        return None
    key = posixpath.normpath(place)
    if key in found.files:
        return None
    reason = _refusal(key, folder)
    if reason is not None:
        found.skipped.append(f"{shown}: {reason}")
        return None
    found.files[key] = (folder / key).resolve()
    return key


def _refusal(key: str, folder: Path) -> str | None:
    """Return why a path is not sent along, or None."""
    if key.startswith(("/", "../")) or key == "..":
        return "outside of the document's folder"
    if _UNSENDABLE.search(key):
        return "a name with control characters or a backslash cannot be sent"
    try:
        real = (folder / key).resolve(strict=True)
        mode = real.stat().st_mode
    except FileNotFoundError:
        return "no such file"
    except (OSError, ValueError, RuntimeError):  # a loop of links, a NUL, a name that is too long
        return "cannot be read"
    if not real.is_relative_to(folder.resolve()):
        return "outside of the document's folder"
    return None if stat.S_ISREG(mode) else "not a regular file"
