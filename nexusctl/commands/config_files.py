"""The text of the configuration file: TOML, and in which line each key stands.

Imported only where there is a file, for it costs the reader of TOML.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

from nexusctl.commands.settings import KEYS, PROFILE, PROFILES, Wrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HEAD: Final = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$")
_KEY: Final = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def parse(text: str) -> tuple[Mapping[str, Any], list[Wrong]]:
    """Return the document, or what is wrong with the text."""
    try:
        return tomllib.loads(text), []
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        return {}, [Wrong(line, "", f"is not TOML: {_PLACE.sub('', str(error))}")]


def check_document(document: Mapping[str, Any], text: str) -> Iterator[Wrong]:
    """Yield what is wrong in a document, in the order of its lines."""
    lines = find_lines(text)
    found = [Wrong(lines.get(key, 0), key, reason) for key, reason in _check(document)]
    yield from sorted(found, key=lambda wrong: wrong.line)


def _check(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    profiles = document.get(PROFILES, {})
    yield from _check_values({key: value for key, value in document.items() if key not in (PROFILE, PROFILES)}, "")
    if not isinstance(profiles, dict):
        yield PROFILES, f"must hold profiles: [{PROFILES}.NAME]"
        return
    for name, values in profiles.items():
        if isinstance(values, dict):
            yield from _check_values(values, f"{PROFILES}.{name}.")
        else:
            yield f"{PROFILES}.{name}", f"must be a table: [{PROFILES}.{name}]"
    usual = document.get(PROFILE)
    if usual is not None and usual not in profiles:
        yield PROFILE, f"there is no profile {usual!r}; there are: {', '.join(profiles) or 'none'}"


def _check_values(values: Mapping[str, Any], below: str) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        read = KEYS.get(key)
        if read is None:
            known = ", ".join(KEYS if below else (*KEYS, PROFILE))
            yield below + key, f"there is no such setting; there are: {known}"
            continue
        try:
            read(value)
        except ValueError as error:
            yield below + key, str(error)


def find_lines(text: str) -> dict[str, int]:
    """Return in which line each key stands, as far as plain reading tells; the first where there are several."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if head := _HEAD.match(line):
            table = _plain(head[1]) + "."
            found.setdefault(table[:-1], number)
        elif key := _KEY.match(line):
            found.setdefault(table + _plain(key[1]), number)
    return found


def _plain(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split("."))
