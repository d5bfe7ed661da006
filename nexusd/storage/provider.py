"""What every place for files promises, whoever provides it.

Owns the protocol and its values. Leaves out the asset's row: `put_file` ends before it, the store begins after it (promise 5:
first the file, then the row).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from nexusd.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Generator, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is stored durably. `sha256` is lower-case hex."""

    provider: str
    object_key: str
    sha256: str
    byte_size: int


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that lies in the store, whoever put it there: its key may be one that no put makes.

    `stored_at` is not before it got its name.
    """

    object_key: str
    byte_size: int
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection took away: the names, how many blobs that nobody had any more, and the bytes freed by both."""

    object_keys: Sequence[str]
    blobs: int
    bytes_freed: int


@dataclass(frozen=True, slots=True)
class WorkFile:
    """A child's result: `name` is a relative path below `directory`.

    `directory` is trusted: the daemon made it and the child cannot replace it. Everything below it is the child's doing, so
    `name` is walked without following a single symlink. Give the work directory itself and `out/x.pdf`, not `…/out` and
    `x.pdf`: a child may put a symlink in the place of `out`.
    """

    directory: Path
    name: str


class StoredReader(Protocol):
    """A stored file, open for reading at any place. Whoever opened it closes it."""

    @property
    def byte_size(self) -> int:
        """How many bytes the stored file has."""
        ...

    async def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on; fewer only where the file ends, b"" at or past its end.

        Memory is `length`, which the caller bounds. Several reads may be under way at once.

        Raises StorageUnavailable when the provider fails, NotFound when a file that is somewhere else is gone meanwhile.
        """
        ...

    def close(self) -> None:
        """Let go of the file. Not while a read is under way; a second time does nothing."""
        ...


class Provider(Protocol):
    """A place for files, addressed by object key."""

    @property
    def name(self) -> str:
        """What `provider` says in the rows of its files."""
        ...

    async def put_file(
        self,
        *,
        company: str,
        namespace: str,
        filename: str,
        content_type: str,
        source: WorkFile | Path | AsyncIterable[bytes],
        max_bytes: int | None,
        now: datetime,
    ) -> StoredFile:
        """Store the bytes of `source` under a new key and return what was stored.

        A WorkFile, or a Path as short for `WorkFile(path.parent, path.name)`, is taken over: it is gone afterwards. An
        iterable is an upload and is consumed as it comes; it stays the caller's, who closes a generator that an error left
        halfway (`aclosing`). `max_bytes` None means no bound.

        Raises PayloadTooLarge when an upload passes `max_bytes`; OutputRefused when a WorkFile does (`output_too_large`) or
        is not a plain file of the child's own (`no_output`); StorageFull when the disk, the quota or the file size limit is;
        StorageUnavailable when the disk is read-only, gone or failing.

        Cancellation: nothing is left behind, unless it comes while the file is being published: then the call ends
        normally, and the file without a row is garbage to collect.

        Ordering: on return the bytes, the name and every new directory have been fsynced. Write the row after it.
        """
        ...

    async def open_file(self, object_key: str) -> StoredReader:
        """Return the stored file, open for reading. The caller closes it.

        Raises NotFound when there is none, StorageUnavailable; nothing but a plain file is ever opened.
        """
        ...

    async def link_into(self, object_key: str, directory: Path, name: str) -> None:
        """Put the stored file, read-only, at `name` (a relative path, folders are made) below `directory`.

        Whatever its reader does to that file, the stored one stays as it is.

        Raises NotFound when there is no such stored file, ValueError when `name` would leave `directory`.
        """
        ...

    async def local_path(self, object_key: str) -> Path | None:
        """Return where on this machine the stored file lies, for a sandbox to show it read-only; None when it is elsewhere.

        Raises NotFound when there is no such stored file.
        """
        ...

    async def delete_file(self, object_key: str, sha256: str) -> bool:
        """Delete the stored file, which has these bytes; say whether there was one. Delete its row first.

        Other files with the same bytes stay.
        """
        ...

    async def hash_file(self, object_key: str) -> tuple[int, str]:
        """Return the size and the sha256 of what is stored, read anew, behind everybody else's reads.

        Raises NotFound when there is no such stored file.
        """
        ...

    async def collect(self, object_keys: Sequence[str], *, dry_run: bool) -> Collected:
        """Take these files away, and the bytes that no file uses any more, these or others. No row may need them.

        With `dry_run` nothing is taken away; the answer is what the real run would have been.
        """
        ...

    async def sweep_temps(self) -> int:
        """Delete what unfinished puts of an earlier life left; return how many files that were. Only before the first put."""
        ...

    def iter_keys(self) -> Iterator[str]:
        """Yield the key of every stored file. Blocks: use it in a thread."""
        ...

    def iter_files(self) -> Generator[FoundFile, None, None]:
        """Yield every stored file, in no order. Blocks: use it in a thread, or in several, one after the other."""
        ...


def check_provider(storage: Provider, named: str) -> None:
    """Do nothing when a file whose row names this provider can be had here.

    Raises StorageUnavailable when it lies elsewhere: the settings were changed since it was stored.
    """
    if named != storage.name:
        raise StorageUnavailable(
            f"the file is with the provider {named}, and this daemon uses {storage.name}; set storage_provider back to {named}"
        )
