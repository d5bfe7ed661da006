"""Whether there is room on the disk: below a bound nothing begins that would fill it further.

Owns the bound and the look at the file system, which is one system call. Leaves out what then does not begin: jobs, in
`runner.pool`, and uploads, in `service.assets`. What runs goes on, and whatever only reads.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from nexusd.domain.reasons import LowDisk
from nexusd.errors import StorageFull

logger = logging.getLogger("nexusd.storage")

DEFAULT_MIN_FREE_BYTES: Final = 1024**3
DEFAULT_MIN_FREE_SHARE: Final = 0.02


class Room:
    """The room on the disk that holds `path`. `min_free_bytes` None is 1 GiB or 2 % of the disk, whichever is less."""

    def __init__(self, path: Path, min_free_bytes: int | None) -> None:
        self._path = path
        self._min_free_bytes = min_free_bytes
        self._was_low = False

    def look(self, wanted_bytes: int = 0) -> LowDisk | None:
        """Return what is the matter when there is less free than there must be, once `wanted_bytes` are written."""
        found = self.measure()
        if found is None:
            return None
        self._tell(found, found.free_bytes < found.needed_bytes)
        return found if found.free_bytes - wanted_bytes < found.needed_bytes else None

    def measure(self) -> LowDisk | None:
        """Return what is free and what must be, low or not; None when nobody can tell."""
        try:
            disk = os.statvfs(self._path)
        except OSError:  # it is gone; whoever writes next says so
            return None
        needed = self._min_free_bytes
        if needed is None:
            needed = min(DEFAULT_MIN_FREE_BYTES, int(disk.f_blocks * disk.f_frsize * DEFAULT_MIN_FREE_SHARE))
        return LowDisk(disk.f_bavail * disk.f_frsize, needed)

    def is_low(self) -> bool:
        """Tell whether there is less free than there must be."""
        return self.look() is not None

    def refuse_low(self, wanted_bytes: int) -> None:
        """Raise StorageFull when there would not be room enough for so many bytes more."""
        if (low := self.look(wanted_bytes)) is not None:
            raise StorageFull(
                f"the disk has {low.free_bytes} bytes free, and {low.needed_bytes} are to stay free (min_free_bytes); "
                "delete something and try again"
            )

    def _tell(self, disk: LowDisk, is_low: bool) -> None:
        if is_low != self._was_low:
            self._was_low = is_low
            found = {"free_bytes": disk.free_bytes, "needed_bytes": disk.needed_bytes}
            if is_low:
                logger.warning("the disk is nearly full: no job starts, uploads are refused", extra=found)
            else:
                logger.warning("the disk has room again", extra=found)


UNBOUNDED: Final = Room(Path("/"), 0)
"""Room enough, whatever there is."""
