"""The daemon examined: what can be looked at safely only from inside, while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from nexusd.contract.doctor import DiskRoom, Examination
from nexusd.store.soundness import examine

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.contract.doctor import DatabaseFindings
    from nexusd.storage.room import Room


class DoctorService:
    """One database and the disk it is on. One examination at a time."""

    def __init__(self, database_path: Path, room: Room) -> None:
        self._path = database_path
        self._room = room
        self._turn = trio.Lock()

    async def examine(self, seconds: float) -> Examination:
        """Return whether the database is sound, looking for `seconds` at most, and how full the disk is.

        Cancellation: ends the look as soon as SQLite notices, some milliseconds later.
        """
        async with self._turn:
            database = await trio.to_thread.run_sync(self._examine, seconds)
        disk = self._room.measure()
        found = None if disk is None else DiskRoom(free_bytes=disk.free_bytes, needed_bytes=disk.needed_bytes)
        return Examination(database=database, disk=found)

    def _examine(self, seconds: float) -> DatabaseFindings:
        return examine(self._path, seconds, _is_cancelled)


def _is_cancelled() -> bool:
    try:
        trio.from_thread.check_cancelled()
    except trio.Cancelled:  # told again when the thread ends, where it can be raised
        return True
    return False
