"""A backup becomes a state directory again: offline, into an empty one, all or nothing.

Owns the order of the steps. Nothing here is asked over HTTP: no daemon runs in the directory, and the lock says so.

    {state}/.restoring/…         what is not complete; there from the first step to the last
    {state}/assets, nexusd.db    renamed into place when all of it is checked and durable, the database last

Invariants:
1. What is in a state directory is never overwritten: it is empty, or holds what a restore that was killed left behind.
2. No row lies: the file of each asset was read and has the bytes that its row says. Where that is not so nothing is restored,
   unless the caller wants what is whole: then the other assets are deleted ones.
3. The restored database gives no id of an event that the lost one may have given, and knows no process.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from nexusd.contract.backups import BACKUP_FORMAT
from nexusd.contract.base import format_time, utc_now
from nexusd.errors import NexusdError, RestoreRefused
from nexusd.privacy import hold_lock, make_private_directory
from nexusd.service.backups import ASSETS_NAME, DATABASE_NAME, DOCUMENT_NAME, read_document
from nexusd.storage.directories import open_below
from nexusd.storage.export import Export, Taken, fsync_folder
from nexusd.storage.local_disk import PROVIDER_NAME
from nexusd.store import copies

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.contract.backups import Backup

LOCK_NAME: Final = "nexusd.lock"
RESTORING_NAME: Final = ".restoring"
NAMED_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restored state directory holds. `lost` are assets that had no whole file in the backup."""

    backup: Backup
    lost: int


def restore(source: Path, state: Path, *, incomplete: bool = False) -> Restored:
    """Make the state directory `state` of the backup in `source`. `incomplete`: do without the assets that are damaged.

    Raises RestoreRefused, AlreadyRunning, UnsafePath, UnsafeDatabase; then nothing is restored.
    """
    try:
        backup = _read_backup(source)
        make_private_directory(state)
        with hold_lock(state / LOCK_NAME):
            _make_room(state)
            lost = _build(source, state / RESTORING_NAME, incomplete)
            _put_in_place(state)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise RestoreRefused(f"The backup {source} cannot be restored: {error.strerror}{where}.") from error
    return Restored(backup, lost)


def _read_backup(source: Path) -> Backup:
    try:
        backup = read_document(source)
    except OSError as error:
        raise RestoreRefused(
            f"{source} is no backup, or not a finished one: {DOCUMENT_NAME} cannot be read ({error.strerror})."
        ) from error
    except ValueError as error:
        raise RestoreRefused(f"{source / DOCUMENT_NAME} is not what nexusd wrote: the backup is damaged.") from error
    if backup.format != BACKUP_FORMAT:
        raise RestoreRefused(f"{source} is a backup of another format ({backup.format}): upgrade nexusd.")
    return backup


def _make_room(state: Path) -> None:
    names = set(os.listdir(state)) - {LOCK_NAME}
    if RESTORING_NAME in names and DATABASE_NAME not in names:  # whoever was killed had found nothing here
        for name in (ASSETS_NAME, RESTORING_NAME):
            shutil.rmtree(state / name, ignore_errors=True)
        names -= {ASSETS_NAME, RESTORING_NAME}
    if names:
        raise RestoreRefused(f"The state directory {state} is not empty: move it away, or name another with --state-directory.")


def _build(source: Path, target: Path, incomplete: bool) -> int:
    """Make all of it in `target`; return how many assets were lost on the way."""
    target.mkdir(mode=0o700)
    is_built = False
    try:
        try:
            lost = _copy_all(source, target)
        except NexusdError as error:
            raise RestoreRefused(f"The backup {source} cannot be restored: {error}.") from error
        if lost and not incomplete:
            named = ", ".join(lost[:NAMED_MAX]) + (" …" if len(lost) > NAMED_MAX else "")
            raise RestoreRefused(
                f"{len(lost)} assets have no whole file in {source} ({named}): nothing was restored; "
                "with --incomplete they are left out."
            )
        copies.make_own(target / DATABASE_NAME, lost, format_time(utc_now()))
        is_built = True
    finally:
        if not is_built:
            shutil.rmtree(target, ignore_errors=True)
    return len(lost)


def _copy_all(source: Path, target: Path) -> list[str]:
    database = target / DATABASE_NAME
    copies.copy_database(source / DATABASE_NAME, database, lambda: None)
    copies.read_contents(database)  # refuses one that is sound, but not nexusd's
    (target / ASSETS_NAME).mkdir(mode=0o700)
    export = Export(partial(open_below, source / ASSETS_NAME), target / ASSETS_NAME)
    lost = []
    for file in copies.read_files(database):
        if file.provider != PROVIDER_NAME:
            continue
        taken = export.take(file.object_key, file.byte_size, file.sha256)
        if taken is not Taken.DAMAGED and _hash(target / ASSETS_NAME / file.object_key) != file.sha256:
            (target / ASSETS_NAME / file.object_key).unlink()
            taken = Taken.DAMAGED
        if taken is Taken.DAMAGED:
            lost.append(file.asset_id)
    export.finish()
    return lost


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put_in_place(state: Path) -> None:
    restoring = state / RESTORING_NAME
    fsync_folder(restoring)
    (restoring / ASSETS_NAME).rename(state / ASSETS_NAME)
    fsync_folder(state)
    (restoring / DATABASE_NAME).rename(state / DATABASE_NAME)
    fsync_folder(state)
    with suppress(OSError):  # a shell that stands in it, say: an empty folder does no harm
        restoring.rmdir()
