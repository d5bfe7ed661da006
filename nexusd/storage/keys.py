"""Object keys: how a stored file's name is made out of names nobody can trust.

    {company}/{namespace…}/{yyyy}/{mm}/{dd}/{uuid}-{stem}{ext}

Owns the layout and the sanitising, pure. Leaves out what lies under a key. The name a user gave lives on in the asset's row
(`originalFilename`); in the key it is only a hint for people who look into the store.

Invariants:
1. Each segment of a key made here, or let through by `split_key`, matches `SEGMENT`: safe ASCII, at most 120 bytes, no leading
   dot or dash. So `.`, `..`, an absolute path, a NUL, a hidden file, an option-like name and the store's own `.incoming` cannot
   occur.
2. No segment made here is a device name of Windows, so a backup may be unpacked there.
3. The same name in NFC and in NFD gives the same segment.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC
from typing import TYPE_CHECKING, Final

from nexusd.domain.ids import is_id
from nexusd.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

SEGMENT_MAX_BYTES: Final = 120
NAMESPACE_MAX_SEGMENTS: Final = 8
KEY_MAX_SEGMENTS: Final = 1 + NAMESPACE_MAX_SEGMENTS + 3 + 1
SEGMENT: Final = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9._-]{{0,{SEGMENT_MAX_BYTES - 1}}}")

_ID_LENGTH: Final = 36
_EMPTY: Final = "file"
_LOOKED_AT: Final = 1024  # characters of a name that are read at all: sanitising costs the same whatever is sent
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_EXTENSION: Final = re.compile(r"(?<=.)\.[A-Za-z0-9]{1,16}\Z")
_SEPARATOR: Final = re.compile(r"[/\\]")
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|conin|conout|com[0-9]|lpt[0-9])(?![A-Za-z0-9-])", re.IGNORECASE)


def sanitise_segment(text: str, max_bytes: int = SEGMENT_MAX_BYTES) -> str:
    """Return `text` as one safe segment of a key; `file` when nothing of it is left."""
    # NFKD and dropping the marks keeps the letter of an accented one; what it unfolds (a full-width slash) is filtered next
    unfolded = unicodedata.normalize("NFKD", text[:_LOOKED_AT])
    letters = "".join(character for character in unfolded if not unicodedata.combining(character))
    safe = _UNSAFE.sub("_", letters).lstrip(".-")
    if _DEVICE.match(safe):
        safe = "_" + safe
    return safe[:max_bytes].rstrip(".") or _EMPTY


def sanitise_filename(name: str, max_bytes: int = SEGMENT_MAX_BYTES) -> str:
    """Return the last part of `name` as one safe segment; a long one loses its end but keeps its extension."""
    last = _SEPARATOR.split(name)[-1]
    found = _EXTENSION.search(last)
    extension = found.group() if found else ""
    stem = last[: len(last) - len(extension)]
    return sanitise_segment(stem, max_bytes - len(extension)) + extension


def sanitise_namespace(namespace: str) -> str:
    """Return `namespace` with each segment sanitised, at most eight of them; empty ones, `.` and `..` are left out."""
    parts = [part for part in _SEPARATOR.split(namespace[: _LOOKED_AT * NAMESPACE_MAX_SEGMENTS]) if part.strip(". ")]
    return "/".join(sanitise_segment(part) for part in parts[:NAMESPACE_MAX_SEGMENTS]) or _EMPTY


def object_key(company_slug: str, namespace: str, filename: str, when: datetime, unique_id: str) -> str:
    """Return the key of a new file. `when` is aware; its UTC date is used. `unique_id` makes the key unique.

    Raises ValueError when `unique_id` is not an id of ours or `when` is naive: both are made here, never received.
    """
    if not is_id(unique_id) or when.tzinfo is None:
        raise ValueError("a key needs an id and an aware time")
    day = when.astimezone(UTC)
    name = sanitise_filename(filename, SEGMENT_MAX_BYTES - len(unique_id) - 1)
    date = f"{day.year:04}/{day.month:02}/{day.day:02}"
    return f"{sanitise_segment(company_slug)}/{sanitise_namespace(namespace)}/{date}/{unique_id}-{name}"


def id_in_key(key: str) -> str | None:
    """Return the id that makes a key unique: ids are in order, so it tells when the put began. None for no key of ours."""
    name = key.rpartition("/")[2]
    return name[:_ID_LENGTH] if is_id(name[:_ID_LENGTH]) and _is_key(key.split("/")) else None


def split_key(key: str) -> list[str]:
    """Return the segments of `key`.

    Raises NotFound when no stored file can have such a key.
    """
    segments = key.split("/")
    if not _is_key(segments):
        raise NotFound("no stored file can have this key")
    return segments


def _is_key(segments: list[str]) -> bool:
    return 2 <= len(segments) <= KEY_MAX_SEGMENTS and all(SEGMENT.fullmatch(segment) for segment in segments)
