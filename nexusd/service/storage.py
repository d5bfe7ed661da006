"""The store of files looked after: garbage collected, what is stored verified.

Garbage is a file of a deleted asset, and one that has no row and will get none. That is so when

- the put began before this life of the daemon: ids are in order, and rows are written by the life that stored the file; or
- the file got its name over an hour ago, and before the oldest attempt that still runs: an outcome that cannot be stored for
  a full disk waits however long, its results with it.

A file whose name no put makes is nobody's garbage: a verification tells of it.

Invariant: a file whose row is there or still to come is never taken away.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import trio

from nexusd.contract.storage import CollectedFile, CollectionReport, Finding, VerificationPage
from nexusd.domain.ids import new_id
from nexusd.errors import NotFound, StorageUnavailable
from nexusd.service.clock import SteadyClock
from nexusd.storage.keys import id_in_key
from nexusd.store import upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from nexusd.contract.assets import Asset
    from nexusd.storage import FoundFile, Provider
    from nexusd.store.database import Database

T = TypeVar("T")

ROWLESS_AGE: Final = timedelta(hours=1)
FILES_PER_STEP: Final = 500
COLLECTED_MAX: Final = 10_000
FOREIGN_MAX: Final = 1_000
PAGE_SECONDS: Final = 2.0
FIRST: Final = ""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """A file without a row is garbage when its put began before `born`, an id, or it was stored before `stored_before`."""

    born: str
    stored_before: datetime

    def is_row_to_come(self, found: FoundFile) -> bool:
        put_id = id_in_key(found.object_key)
        return put_id is not None and put_id >= self.born and found.stored_at >= self.stored_before


class StorageService:
    """The store of all companies' files. Made before anything is put in this life."""

    def __init__(self, database: Database, storage: Provider) -> None:
        self._database = database
        self._storage = storage
        self._born = new_id()
        self._clock = SteadyClock()
        self._turn = trio.Lock()

    async def collect(self, *, dry_run: bool = False) -> CollectionReport:
        """Delete what is garbage, at most COLLECTED_MAX files in one go; with `dry_run`, say what that would be.

        Raises Unavailable. Cancellation: what is deleted is deleted.
        """
        async with self._turn:
            garbage = await self._walk(_judge_garbage, COLLECTED_MAX + 1)
            wanted = {found.object_key: found for found in garbage[:COLLECTED_MAX]}
            try:
                collected = await self._storage.collect(list(wanted), dry_run=dry_run)
            except OSError as error:
                raise _unreadable(error) from error
        return CollectionReport(
            dry_run=dry_run,
            files=[wanted[key] for key in collected.object_keys],
            blobs=collected.blobs,
            bytes_freed=collected.bytes_freed,
            complete=len(garbage) <= COLLECTED_MAX,
        )

    async def verify(self, after: str | None, limit: int, *, quick: bool = False) -> VerificationPage:
        """Read up to `limit` assets anew, in the order of their ids, for about PAGE_SECONDS; in the end list foreign files.

        With `quick` nothing is read: the files must be there and have their sizes.
        Raises Unavailable. An asset that is deleted meanwhile is not found wrong.
        """
        rows = await self._database.read(upkeep.list_live, self._storage.name, after or FIRST, limit + 1)
        findings: list[Finding] = []
        bytes_read, until = 0, trio.current_time() + PAGE_SECONDS
        checked: list[Asset] = []
        for asset in rows[:limit]:
            if checked and trio.current_time() > until:
                break
            finding, size = await self._check(asset, quick)
            if finding is not None and await self._database.read(upkeep.is_live, asset.id):
                findings.append(finding)
            bytes_read += size
            checked.append(asset)
        is_last = len(checked) == len(rows)
        if is_last:
            findings += await self._walk(_judge_foreign, FOREIGN_MAX)
        return VerificationPage(
            checked=len(checked), bytes_read=bytes_read, findings=findings, next_after=None if is_last else checked[-1].id
        )

    async def _check(self, asset: Asset, quick: bool) -> tuple[Finding | None, int]:
        kind: Literal["missing", "torn"] = "missing"
        try:
            size, sha256 = await self._look(asset) if quick else await self._storage.hash_file(asset.object_key)
        except NotFound as error:
            size, message = 0, str(error)
        except OSError as error:
            raise _unreadable(error) from error
        else:
            if (size, sha256) == (asset.byte_size, asset.sha256):
                return None, 0 if quick else size
            kind, message = "torn", _tell_torn(asset, size, sha256)
        return (
            Finding(kind=kind, object_key=asset.object_key, asset_id=asset.id, company_id=asset.company_id, message=message),
            0 if quick else size,
        )

    async def _look(self, asset: Asset) -> tuple[int, str]:
        """Return the size of a stored file, and the hash that it should have."""
        reader = await self._storage.open_file(asset.object_key)
        try:
            return reader.byte_size, asset.sha256
        finally:
            reader.close()

    async def _walk(self, judge: Callable[[FoundFile, bool | None, _Bounds], T | None], max_count: int) -> list[T]:
        """Return what `judge` makes of the files, up to so many. It is told whether a file's row, if it has one, is deleted.

        The bounds are of before a file was found: what is stored meanwhile is not in them.
        """
        told: list[T] = []
        files = self._storage.iter_files()
        with _closing(files):
            while len(told) < max_count:
                bounds = await self._find_bounds()
                try:  # a stop does not wait for a store that is stalled
                    part = await trio.to_thread.run_sync(_take, files, abandon_on_cancel=True)
                except OSError as error:
                    raise _unreadable(error) from error
                if not part:
                    break
                keys = [found.object_key for found in part if id_in_key(found.object_key) is not None]
                rows = await self._database.read(upkeep.find_files, self._storage.name, keys)
                judged = (judge(found, rows.get(found.object_key), bounds) for found in part)
                told += [one for one in judged if one is not None]
        return told[:max_count]

    async def _find_bounds(self) -> _Bounds:
        stored_before = self._clock.now() - ROWLESS_AGE
        oldest_start = await self._database.read(upkeep.find_oldest_start)
        return _Bounds(self._born, stored_before if oldest_start is None else min(stored_before, oldest_start))


def _judge_garbage(found: FoundFile, is_deleted: bool | None, bounds: _Bounds) -> CollectedFile | None:
    if is_deleted is None and (id_in_key(found.object_key) is None or bounds.is_row_to_come(found)):
        return None
    if is_deleted is False:
        return None
    reason: Literal["rowless", "deleted"] = "deleted" if is_deleted else "rowless"
    return CollectedFile(object_key=found.object_key, byte_size=found.byte_size, reason=reason)


def _judge_foreign(found: FoundFile, is_deleted: bool | None, bounds: _Bounds) -> Finding | None:
    if is_deleted is not None or bounds.is_row_to_come(found):
        return None
    shown = os.fsencode(found.object_key).decode("utf-8", "replace")
    advice = "look at it, and move it away" if id_in_key(shown) is None else "POST /v1/storage/gc deletes it"
    return Finding(kind="foreign", object_key=shown, message=f"no asset has this file: {advice}")


@contextmanager
def _closing(files: Generator[FoundFile, None, None]) -> Iterator[None]:
    """Close the walk in the end; one that is left to a thread ends with that."""
    try:
        yield
    finally:
        with suppress(ValueError):
            files.close()


def _take(found: Iterator[FoundFile]) -> list[FoundFile]:
    return list(islice(found, FILES_PER_STEP))


def _tell_torn(asset: Asset, size: int, sha256: str) -> str:
    if size != asset.byte_size:
        return f"the file has {size} bytes, its row says {asset.byte_size}"
    return f"the file's sha256 is {sha256}, its row says {asset.sha256}"


def _unreadable(error: OSError) -> StorageUnavailable:
    return StorageUnavailable(f"the storage cannot be read: {error.strerror}; the daemon's state directory needs a look")
