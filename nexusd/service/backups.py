"""Backups: the database and the stored files of one moment, in a folder of their own, made while the daemon works.

    {directory}/nexusd.db        the database, checked; one file
    {directory}/assets/{key}     the file of every asset that is not deleted
    {directory}/backup.json      what it is; written last: a folder without it is no backup

Owns the order of the steps, and the folder from the first byte to the last. Leaves out how the database is copied
(`store.copies`) and how files are (`storage.export`). Logs and work folders are not in it.

Invariants:
1. Each row of the copied database that is not of a deleted asset has its file, or is told of as damaged: deletions are put off
   from before the copy to after the last file, and a file lies in the store before its row does.
2. A backup that fails or is cancelled leaves what was there before. After kill -9 there is a folder without `backup.json`, and
   the request, made again under the same key, begins anew in it.
3. One at a time; the next waits.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from nexusd import __version__, failpoints
from nexusd.contract.backups import DAMAGED_MAX, Backup
from nexusd.contract.base import utc_now
from nexusd.domain.ids import new_id
from nexusd.errors import InvalidParam, InvalidRequest, StorageFull, UnsafePath
from nexusd.privacy import make_private_directory
from nexusd.storage.export import Taken, fsync_folder
from nexusd.storage.local_disk import PROVIDER_NAME
from nexusd.store import copies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nexusd.contract.backups import BackupRequest
    from nexusd.storage import LocalDisk

DATABASE_NAME: Final = "nexusd.db"
ASSETS_NAME: Final = "assets"
"""In a backup as in the state directory."""
DOCUMENT_NAME: Final = "backup.json"
UNFINISHED_NAME: Final = ".unfinished"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class BackupService:
    """Makes backups of one state directory. `storage` None: another provider keeps all files."""

    def __init__(self, state_directory: Path, storage: LocalDisk | None) -> None:
        self._state = state_directory
        self._storage = storage
        self._turn = trio.Lock()

    async def make(self, request: BackupRequest, key: str | None) -> Backup:
        """Make a backup. One that was made under the same key in the same folder is returned as it is.

        Raises InvalidRequest when the folder cannot be used, StorageFull when its disk is full.
        Cancellation: nothing is left of it. Ordering: on return all of it is on disk.
        """
        target = Path(request.directory)
        async with self._turn:
            with _blaming_directory():
                made, is_new = await trio.to_thread.run_sync(self._begin, target, key)
                return made or await self._fill(target, key, is_new)

    async def _fill(self, target: Path, key: str | None, is_new: bool) -> Backup:
        try:
            if self._storage is None:
                return await trio.to_thread.run_sync(self._copy, target, key)
            async with self._storage.hold_deletions():
                return await trio.to_thread.run_sync(self._copy, target, key)
        except BaseException:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(_clear, target, is_new)
            raise

    def _begin(self, target: Path, key: str | None) -> tuple[Backup | None, bool]:
        """Take the folder; return the backup that is there already, or None, and whether the folder is new."""
        if ".." in target.parts:
            raise _refuse("name the folder without `..`")
        if _resolve(target).is_relative_to(self._state.resolve()):
            raise _refuse("it lies in the daemon's own state directory")
        is_new = not os.path.lexists(target)
        try:
            make_private_directory(target)
        except UnsafePath as error:
            raise _refuse(str(error)) from error
        if names := os.listdir(target):
            if (made := _find_made(target, key)) is not None:
                return made, False
            if not _is_begun(target, key):
                finished = DOCUMENT_NAME in names or not {UNFINISHED_NAME, DATABASE_NAME} & set(names)
                raise _refuse("it is not empty" if finished else "it holds a backup that was not finished: remove it")
            _clear(target, False)
        _write_private(target / UNFINISHED_NAME, (key or "").encode())
        return None, is_new

    def _copy(self, target: Path, key: str | None) -> Backup:
        """Copy everything, in a thread of trio's."""
        created_at = utc_now()
        database = target / DATABASE_NAME
        copies.copy_database(self._state / DATABASE_NAME, database, trio.from_thread.check_cancelled)
        failpoints.hit("backup.database.after")
        found, damaged, elsewhere = self._copy_files(database, target / ASSETS_NAME)
        failpoints.hit("backup.files.after")
        contents = copies.read_contents(database)
        made = Backup(
            id=new_id(),
            directory=str(target),
            created_at=created_at,
            nexusd_version=__version__,
            schema_revision=contents.schema_revision,
            last_event_id=contents.last_event_id,
            jobs=contents.jobs,
            assets=contents.assets,
            asset_bytes=contents.asset_bytes,
            linked=found[Taken.LINKED],
            copied=found[Taken.COPIED],
            elsewhere=elsewhere,
            damaged=found[Taken.DAMAGED],
            damaged_ids=damaged,
            idempotency_key=key,
        )
        _conclude(target, made)
        return made

    def _copy_files(self, database: Path, target: Path) -> tuple[dict[Taken, int], list[str], int]:
        """Return how many files went which way, the ids of damaged assets, and how many files are elsewhere."""
        found = dict.fromkeys(Taken, 0)
        damaged: list[str] = []
        elsewhere = 0
        target.mkdir(mode=0o700)
        export = None if self._storage is None else self._storage.export_to(target, trio.from_thread.check_cancelled)
        for file in copies.read_files(database):
            if export is None or file.provider != PROVIDER_NAME:
                elsewhere += 1
                continue
            taken = export.take(file.object_key, file.byte_size, file.sha256)
            found[taken] += 1
            if taken is Taken.DAMAGED and len(damaged) < DAMAGED_MAX:
                damaged.append(file.asset_id)
        if export is not None:
            export.finish()
        return found, damaged, elsewhere


def read_document(directory: Path) -> Backup:
    """Return what makes a folder a backup. Raises OSError, ValueError."""
    return Backup.model_validate_json((directory / DOCUMENT_NAME).read_bytes())


def _find_made(target: Path, key: str | None) -> Backup | None:
    with suppress(OSError, ValueError):
        made = read_document(target)
        return made if key is not None and made.idempotency_key == key else None
    return None


def _is_begun(target: Path, key: str | None) -> bool:
    """Tell whether an earlier try under this key left the folder as it is: only then is it cleared. A key is never empty."""
    with suppress(OSError, ValueError):
        return (target / UNFINISHED_NAME).read_text("utf-8") == key
    return False


def _conclude(target: Path, made: Backup) -> None:
    """Make the folder a backup, durably."""
    fsync_folder(target)
    temporary = target / (DOCUMENT_NAME + ".new")
    _write_private(temporary, made.model_dump_json(by_alias=True, indent=2).encode() + b"\n")
    (target / UNFINISHED_NAME).unlink()
    temporary.rename(target / DOCUMENT_NAME)
    fsync_folder(target)
    fsync_folder(_resolve(target).parent)


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _clear(target: Path, is_new: bool) -> None:
    """Take away what a backup that was not finished has put into its folder, as far as that goes."""
    for name in (ASSETS_NAME, DATABASE_NAME, f"{DATABASE_NAME}-journal", f"{DATABASE_NAME}-wal", f"{DATABASE_NAME}-shm"):
        with suppress(OSError):
            shutil.rmtree(target / name) if name == ASSETS_NAME else (target / name).unlink()
    for name in (DOCUMENT_NAME + ".new", UNFINISHED_NAME):
        with suppress(OSError):
            (target / name).unlink()
    if is_new:
        with suppress(OSError):
            target.rmdir()


def _resolve(target: Path) -> Path:
    return target.parent.resolve() / target.name


def _refuse(reason: str) -> InvalidRequest:
    return InvalidRequest(f"the backup cannot be made there: {reason}", (InvalidParam("/directory", reason),))


@contextmanager
def _blaming_directory() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(f"the disk that the backup goes to is full ({error.strerror}); nothing of it was left") from error
        raise _refuse(f"it cannot be written ({error.strerror})") from error
