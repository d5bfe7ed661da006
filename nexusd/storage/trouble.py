"""What a disk says when it cannot, as errors of ours."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from nexusd.errors import StorageFull, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNAVAILABLE: Final = frozenset({errno.EROFS, errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO})


@contextmanager
def reporting_full_disk() -> Iterator[None]:
    """Raise StorageFull or StorageUnavailable where the block raises an OSError that means it; let any other pass."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(f"cannot store the file: {error.strerror}") from error
        if error.errno in _UNAVAILABLE:
            raise StorageUnavailable(
                f"cannot store the file: {error.strerror}; the daemon's state directory needs a look"
            ) from error
        raise
