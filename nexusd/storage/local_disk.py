"""Files on a local disk, below one private directory.

    {root}/.incoming/{id}        uploads that are not complete; swept at open
    {root}/.blobs/…              the same files by their bytes (`blobs`)
    {root}/{object key}          stored files, mode 0400; nothing else

Owns the threads (all blocking work is in them) and cancellation. Leaves out the order of publishing (`incoming`), confinement
(`directories`) and names (`keys`). One process uses a root at a time: the daemon's lock on the state directory sees to it.

Invariants:
1. A name below a key's directory is a complete, hashed, fsynced, read-only file.
2. After a put that failed or was cancelled there is neither a temporary file nor a stored one. After kill -9 there may be a
   temporary one, which the next open sweeps, or a stored one without a row, which is for the garbage collection.
3. Memory is bounded: two chunks of 1 MiB for each put (or one chunk of the source's, when that is larger).
"""

from __future__ import annotations

import errno
import io
import os
import stat
from contextlib import aclosing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple

import trio

from nexusd import failpoints
from nexusd.domain.ids import new_id
from nexusd.errors import NotFound
from nexusd.storage.blobs import Blobs
from nexusd.storage.collection import Collection
from nexusd.storage.deletions import Deletions
from nexusd.storage.directories import Directories, split_relative
from nexusd.storage.export import Export
from nexusd.storage.hashing import Hashing
from nexusd.storage.incoming import CHUNK_BYTES, INCOMING, CannotLink, Incoming, open_result, open_upload
from nexusd.storage.keys import object_key, split_key
from nexusd.storage.outgoing import open_copy
from nexusd.storage.provider import Collected, FoundFile, StoredFile, WorkFile
from nexusd.storage.reader import FileReader
from nexusd.storage.receiving import receive
from nexusd.storage.syscalls import Syscalls
from nexusd.storage.trouble import reporting_full_disk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

Ts = TypeVarTuple("Ts")
T = TypeVar("T")

PROVIDER_NAME: Final = "local_disk"
THREADS_MAX: Final = 8
CHUNKS_PER_STEP: Final = 64  # hashed in one go: a cancellation waits for 64 MiB at most
KEYS_PER_STEP: Final = 500
_NOT_A_FILE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class LocalDisk:
    """The default provider."""

    name: str = PROVIDER_NAME

    def __init__(self, root: Path, *, syscalls: Syscalls | None = None) -> None:
        """Make `root`, or take over what an earlier life left there. Blocks, briefly; do it before serving.

        Raises UnsafePath when `root` is not a directory of this user's.
        """
        self._syscalls = syscalls or Syscalls()
        self._root = root
        self._directories = Directories(root, self._syscalls)
        self._blobs = Blobs(self._directories, self._syscalls)
        self._limiter = trio.CapacityLimiter(THREADS_MAX)
        self._deletions = Deletions(self._delete_now)
        self._sweep()

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
        """Store the bytes of `source`; see `Provider.put_file`. A disk has no place for the content type: the row has."""
        key = object_key(company, namespace, filename, now, new_id())
        if isinstance(source, Path):
            source = WorkFile(source.parent, source.name)
        with reporting_full_disk():
            if isinstance(source, WorkFile):
                return await self._put_result(key, source, max_bytes)
            return await self._put_upload(key, source, max_bytes)

    async def open_file(self, object_key: str) -> FileReader:
        """Open a stored file for reading; see `Provider.open_file`. It can be read to its end after it was deleted."""
        return FileReader(await self._in_thread(self._open, object_key), self._limiter)

    async def link_into(self, object_key: str, directory: Path, name: str) -> None:
        """Put a copy of a stored file into a work directory; see `Provider.link_into`. Not durable, as the directory is not.

        Cancellation: there is no copy, or all of it.
        """
        segments = split_relative(name)
        with reporting_full_disk(), await self._in_thread(self._open, object_key) as source:
            copy = await self._in_thread(open_copy, source, directory, segments)
            try:
                while await self._in_thread(copy.go_on):
                    pass
            except BaseException:
                with trio.CancelScope(shield=True):
                    await self._in_thread(copy.discard)
                raise
            copy.close()

    async def local_path(self, object_key: str) -> Path:
        """Return where a stored file lies; see `Provider.local_path`."""
        file = await self.open_file(object_key)  # so it is a plain file, and no symlink leads there
        file.close()
        return self._root / object_key

    async def delete_file(self, object_key: str, sha256: str) -> bool:
        """Delete a stored file; see `Provider.delete_file`. Its directories stay. While deletions are held, it goes later."""
        return self._deletions.put_off(object_key, sha256) or await self._delete_now(object_key, sha256)

    def hold_deletions(self) -> AbstractAsyncContextManager[None]:
        """Keep every file for the length of a block; deletions are made up for afterwards."""
        return self._deletions.hold()

    def export_to(self, target: Path, check_cancelled: Callable[[], None]) -> Export:
        """Return what puts stored files at their keys below `target`; for one thread."""
        return Export(self._directories.open_directory, target, check_cancelled)

    async def hash_file(self, object_key: str) -> tuple[int, str]:
        """Read a stored file anew; see `Provider.hash_file`."""
        with await self._in_thread(self._open, object_key) as file:
            hashing = Hashing(file)
            while await self._in_thread(hashing.go_on, CHUNKS_PER_STEP):
                pass
            return hashing.byte_size, hashing.sha256

    async def collect(self, object_keys: Sequence[str], *, dry_run: bool) -> Collected:
        """Take garbage away, once nobody holds deletions; see `Provider.collect`.

        Cancellation: what is taken is taken, the rest stays.
        """
        if not dry_run:
            await self._deletions.wait_free()
        collection = Collection(self._directories, self._syscalls, is_planned=dry_run)
        for step in (collection.look_at, collection.take):
            for start in range(0, len(object_keys), KEYS_PER_STEP):
                await self._in_thread(step, object_keys[start : start + KEYS_PER_STEP])
        collection.count_loose()
        for shard in await self._in_thread(collection.shards):
            await self._in_thread(collection.take_blobs, shard)
        return Collected(collection.taken, collection.blobs, collection.bytes_freed)

    async def sweep_temps(self) -> int:
        """Delete the temporary files of an earlier life; the constructor has done it once."""
        return await self._in_thread(self._sweep)

    def iter_keys(self) -> Iterator[str]:
        """Yield the key of every stored file, in no order; see `Provider.iter_keys`."""
        return (found.object_key for found in self.iter_files())

    def iter_files(self) -> Generator[FoundFile, None, None]:
        """Yield every stored file, in no order; see `Provider.iter_files`. Anything but a plain file is left out."""
        with self._directories.open_directory([]) as root:
            for folder, folders, names, descriptor in os.fwalk(".", follow_symlinks=False, dir_fd=root):
                folders[:] = [name for name in folders if not name.startswith(".")]
                for name in names:
                    with suppress(FileNotFoundError):  # deleted meanwhile
                        found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                        if stat.S_ISREG(found.st_mode):
                            # a further name of old bytes changes nothing but this time
                            changed_at = datetime.fromtimestamp(found.st_ctime, UTC)
                            yield FoundFile(os.path.normpath(os.path.join(folder, name)), found.st_size, changed_at)

    async def _delete_now(self, object_key: str, sha256: str) -> bool:
        return await self._in_thread(self._delete, object_key, sha256)

    async def _in_thread(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        # never abandoned: a cancelled caller waits for the step in hand, so nobody writes behind its back
        return await trio.to_thread.run_sync(function, *arguments, limiter=self._limiter)

    async def _put_result(self, key: str, work: WorkFile, max_bytes: int | None) -> StoredFile:
        taken = await self._in_thread(self._take, key, work, max_bytes)
        if isinstance(taken, StoredFile):
            return taken
        result, is_sealed = taken
        try:
            if is_sealed:
                try:
                    return await self._move(key, result)
                except CannotLink:
                    pass
            return await self._copy(key, result)
        finally:
            result.close()

    def _take(self, key: str, work: WorkFile, max_bytes: int | None) -> StoredFile | tuple[Incoming, bool]:
        """Open a result; return it, and whether it is sealed. A small one is stored at once: most are, and each hop costs."""
        result = open_result(work, max_bytes, self._syscalls)
        is_kept = False
        try:
            is_sealed = result.is_sealed()
            if is_sealed and result.checked_size <= CHUNK_BYTES:
                result.hash_on(1)
                with suppress(CannotLink):
                    return self._publish(key, result)
            is_kept = True
            return result, is_sealed
        finally:
            if not is_kept:
                result.close()

    async def _move(self, key: str, result: Incoming) -> StoredFile:
        while result.byte_size < result.checked_size and await self._in_thread(result.hash_on, CHUNKS_PER_STEP):
            pass
        return await self._in_thread(self._publish, key, result)

    async def _copy(self, key: str, result: Incoming) -> StoredFile:
        async with aclosing(self._read(result)) as chunks:
            stored = await self._put_upload(key, chunks, None)
        await self._in_thread(result.remove_name)
        return stored

    async def _read(self, result: Incoming) -> AsyncGenerator[bytes, None]:
        offset = 0
        while chunk := await self._in_thread(result.read, offset):
            yield chunk
            offset += len(chunk)

    async def _put_upload(self, key: str, source: AsyncIterable[bytes], max_bytes: int | None) -> StoredFile:
        upload = await self._in_thread(open_upload, self._directories, self._syscalls)

        async def write(data: bytearray) -> None:
            await self._in_thread(upload.write, data)

        try:
            await receive(source, max_bytes, write)
            stored = await self._in_thread(self._publish, key, upload)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self._in_thread(upload.discard)
            raise
        upload.close()
        return stored

    def _publish(self, key: str, incoming: Incoming) -> StoredFile:
        incoming.publish(self._directories, split_key(key), self._blobs)
        return StoredFile(self.name, key, incoming.sha256, incoming.byte_size)

    def _open(self, object_key: str) -> io.FileIO:
        *folders, name = split_key(object_key)
        with _reporting_absence(object_key), self._directories.open_directory(folders) as parent:
            if not _is_plain(name, parent):
                raise NotFound(f"the stored file {object_key} is missing")
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        return io.FileIO(descriptor)

    def _delete(self, object_key: str, sha256: str) -> bool:
        *folders, name = split_key(object_key)
        try:
            with self._directories.open_directory(folders) as parent:
                failpoints.hit("storage.unlink.before")
                self._syscalls.unlink(name, parent)
                failpoints.hit("storage.unlink.after")
        except OSError as error:
            if error.errno in _NOT_A_FILE:
                return False
            raise
        self._blobs.drop_last(sha256)
        return True

    def _sweep(self) -> int:
        with self._directories.open_directory([INCOMING], create=True) as parent:
            names = os.listdir(parent)
            for name in names:
                self._syscalls.unlink(name, parent)
        return len(names)


def _is_plain(name: str, directory: int) -> bool:
    return stat.S_ISREG(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)


@contextmanager
def _reporting_absence(object_key: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NOT_A_FILE:
            raise NotFound(f"the stored file {object_key} is missing") from error
        raise
