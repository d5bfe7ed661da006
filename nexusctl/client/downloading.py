"""Plans that fetch an asset's bytes: told in pieces, or written to a file that is whole or not there.

Invariants:
1. A connection that is lost goes on where it broke off; nothing is held but the piece at hand.
2. A file is replaced only by bytes whose length and sha256 are those of the asset's row.
"""

from __future__ import annotations

import hashlib
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from nexusctl.client import asking, calls
from nexusctl.client.steps import Ask, Do, Lost, Read, Tell, consume
from nexusctl.errors import BadAnswer, Refused, UsageError
from nexusctl.replacing import flush_to_disk, open_replacing

if TYPE_CHECKING:
    import os

    from nexusctl.client.patience import Patience
    from nexusctl.client.steps import Plan, Telling
    from nexusd.contract.assets import Asset

_PARTIAL: Final = 206
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What has no place in a file's name: control characters, and those that turn the direction of writing."""


def fetch(patience: Patience, company: str, asset_id: str) -> Telling[bytes]:
    """Tell an asset's bytes in pieces."""
    path = calls.asset_content_path(company, asset_id)
    offset = 0
    while True:
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            head = yield from asking.open_answer(Ask("GET", path, headers=headers, silence_seconds=patience.answer_seconds))
            skip = 0 if head.status == _PARTIAL else offset
            while chunk := (yield Read()):
                patience.answered()
                fresh = chunk[skip:]
                skip = max(0, skip - len(chunk))
                offset += len(fresh)
                if fresh:
                    yield Tell(fresh)
            return
        except (Lost, Refused) as error:
            reason, asked_seconds = asking.read_passing_trouble(error)
            yield from patience.failed(reason, pause_seconds=asked_seconds)


def read(patience: Patience, asset: Asset) -> Plan[bytes]:
    """Return an asset's bytes as a whole. Raises BadAnswer when they are not what its row says."""
    kept = _Check(asset)
    parts: list[bytes] = []

    def take(chunk: bytes) -> Plan[None]:
        kept.update(chunk)
        parts.append(chunk)
        yield from ()

    yield from consume(fetch(patience, asset.company_id, asset.id), take)
    kept.finish()
    return b"".join(parts)


def save(patience: Patience, asset: Asset, to: str | os.PathLike[str]) -> Plan[Path]:
    """Write an asset to a file, or under its own name into a folder; return the path.

    Raises OSError when that cannot be written, BadAnswer when what came is not what the asset's row says.
    """
    path = Path(to)
    if path.is_dir():
        path = path / file_name(asset)
        if path.is_dir():
            raise UsageError(f"{path} is a directory", hint="name a file")
    check = _Check(asset)
    with path.open("wb") if path.exists() and not path.is_file() else open_replacing(path) as file:

        def take(chunk: bytes) -> Plan[None]:
            yield Do(partial(_write, file, chunk, check))

        yield from consume(fetch(patience, asset.company_id, asset.id), take)
        check.finish()
        if path.is_file():
            yield Do(partial(flush_to_disk, file))  # here, where it may take its time
    return path


def file_name(asset: Asset) -> str:
    """Return an asset's own name as one that stays in its folder, is not hidden, and is no option of a program."""
    name = _UNFIT.sub("", asset.original_filename or "").replace("\\", "/").rpartition("/")[2]
    return name.lstrip(".-").strip() or asset.id


class _Check:
    """What came so far, held against the row."""

    def __init__(self, asset: Asset) -> None:
        self._asset = asset
        self._digest = hashlib.sha256()
        self._size = 0

    def update(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._size += len(chunk)

    def finish(self) -> None:
        if (self._digest.hexdigest(), self._size) != (self._asset.sha256, self._asset.byte_size):
            raise BadAnswer(
                f"asset {self._asset.id} came damaged: {self._size} of {self._asset.byte_size} bytes, "
                "or other content than its row says",
                hint="check what is stored with: nexusctl asset verify",
            )


def _write(file: BinaryIO, chunk: bytes, check: _Check) -> None:
    check.update(chunk)
    file.write(chunk)
