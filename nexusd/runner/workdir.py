"""The work directory of one attempt: made private, filled with the input, removed with everything in it."""

from __future__ import annotations

import errno
import json
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import trio

from nexusd.domain.ids import new_id
from nexusd.errors import NotFound
from nexusd.renderers.assets import asset_path, find_references, place
from nexusd.renderers.job import INPUT_NAME, OUT_NAME, TEMPORARY_NAME
from nexusd.storage import check_provider
from nexusd.store import assets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from nexusd.contract.assets import Asset
    from nexusd.storage import Provider
    from nexusd.store.database import Database
    from nexusd.store.jobs import Claim

SHOWN_MAX: Final = 100
"""A mount each, and as many words on a command line."""
ENTRIES_MAX: Final = 100_000
LITTLE_ENTRIES: Final = 32
BLOCK_BYTES: Final = 512
"""The unit of st_blocks, whatever the file system's own is."""


class TooManyEntries(Exception):
    """There are more entries than were to be looked at."""


@asynccontextmanager
async def open_workdir(path: Path) -> AsyncIterator[Path]:
    """Make the directory with its `out/` and `tmp/`; on leaving, remove it. Cancellation: removed all the same."""
    try:
        _make(path)  # three entries in the page cache: a thread would take longer to hand it to
        yield path
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(remove, path)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a child works on: its input as it sees it, and the assets that this names, each with its name in the directory."""

    job_input: dict[str, Any]
    assets: Sequence[tuple[Asset, str]] = ()

    @property
    def asset_bytes(self) -> int:
        """How large the assets are together."""
        return sum(asset.byte_size for asset, _ in self.assets)


async def find_inputs(claim: Claim, database: Database) -> Inputs:
    """Return the input of a job. Raises NotFound when an asset that it names is gone."""
    job_input: dict[str, Any] = json.loads(claim.input)
    references = find_references(job_input)
    if not references:
        return Inputs(job_input)
    named = await database.read(assets.referenced_by, claim.job.id)
    paths = {asset.id: asset_path(asset.id, asset.original_filename) for asset in named}
    if missing := {asset_id for _, asset_id in references} - paths.keys():
        raise NotFound(f"the input names an asset that was deleted: {', '.join(sorted(missing))}")
    return Inputs(place(job_input, paths), [(asset, paths[asset.id]) for asset in named])


async def fill_workdir(path: Path, inputs: Inputs, storage: Provider, *, can_show: bool) -> Sequence[tuple[Path, str]]:
    """Write `input.json`, and see to it that every asset it names is beside it, read-only.

    Returns the stored files that are to be shown, each with its name in the directory. A sandbox that `can_show` a file where
    it lies needs no copy. Elsewhere a copy it is: the child runs under our uid, and could make a hard link writable and with
    it the stored file.
    Raises StorageUnavailable when an asset cannot be had just now.
    """
    shown: list[tuple[Path, str]] = []
    for asset, name in inputs.assets:
        check_provider(storage, asset.provider)
        stored = await storage.local_path(asset.object_key) if can_show and len(shown) < SHOWN_MAX else None
        if stored is None:
            await storage.link_into(asset.object_key, path, name)
        else:
            shown.append((stored, name))
    (path / INPUT_NAME).write_text(json.dumps(inputs.job_input, ensure_ascii=False), "utf-8")
    return shown


def remove(path: Path) -> None:
    """Remove what is at `path` and all below it, whatever modes the child has set and however deep it has nested. Blocks.

    Folders are moved up to the top before they are emptied: so no path gets too long, and nothing recurses.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        folder.chmod(0o700)
        for entry in list(os.scandir(folder)):
            if entry.is_dir(follow_symlinks=False):
                os.chmod(entry.path, 0o700)  # else it could not be moved
                waiting.append(path / new_id())
                os.rename(entry.path, waiting[-1])
            else:
                os.unlink(entry.path)
        if folder != path:
            folder.rmdir()
    path.rmdir()


async def is_overfull(path: Path, max_bytes: int) -> bool:
    """Do as `is_above`, in a thread when there is much to look at."""
    try:
        return is_above(path, max_bytes, LITTLE_ENTRIES)
    except TooManyEntries:
        return await trio.to_thread.run_sync(is_above, path, max_bytes)


def is_above(path: Path, max_bytes: int, patience: int = ENTRIES_MAX) -> bool:
    """Tell whether what lies below `path` takes more than so many bytes of the disk, is more than ENTRIES_MAX files, or is
    nested deeper than a path can say.

    Blocks, for a part of a second. What vanishes meanwhile does not count. Raises TooManyEntries after `patience` entries.
    """
    total = count = 0
    waiting = [str(path)]
    while waiting:
        try:
            with _scan(waiting.pop()) as entries:
                for entry in entries:
                    total += entry.stat(follow_symlinks=False).st_blocks * BLOCK_BYTES
                    count += 1
                    if total > max_bytes or count > ENTRIES_MAX:
                        return True
                    if count > patience:
                        raise TooManyEntries
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return True
    return False


def _scan(folder: str) -> Any:
    try:
        return os.scandir(folder)
    except PermissionError:  # the child has shut it
        os.chmod(folder, 0o700)
        return os.scandir(folder)


def _make(path: Path) -> None:
    os.makedirs(path, 0o700)
    for name in (OUT_NAME, TEMPORARY_NAME):
        os.mkdir(f"{path}/{name}", 0o700)
