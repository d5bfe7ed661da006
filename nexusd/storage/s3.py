"""Files as objects of an S3-compatible store: the same keys below one prefix of one bucket.

Owns the threads, cancellation and bounded memory. Leaves out the client and its errors (`bucket`) and names (`keys`). One
database uses a prefix: files without a row are garbage, and another's would look like it. An object that names the owner sees
to that.

There is one object for each asset, also where bytes are the same. An object store has no hard link: a shared object would need
a count of its users, kept in another place than the object, and every crash between the two would leave the count wrong, which
costs either room for ever or a file that is still needed.

Invariants:
1. Durable means that the store has acknowledged the object: there is no step after that which could lose it.
2. What was hashed is what was sent: a result is read once, through one descriptor, and is not touched before it is stored.
3. A cancellation never waits for the store. A request in hand is left to its thread then, and the upload is aborted once that
   has ended: within DISCARD_SECONDS as a rule, after the call has returned when the store is stalled. What was sent to a store
   that is stalled may be carried out when it comes back: a file without a row, which is for the garbage collection.
4. Memory is bounded: three parts (24 MiB) for each put, READ_AHEAD_BYTES for each file that is being read.
"""

from __future__ import annotations

import hashlib
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple

import trio

from nexusd.domain.ids import new_id
from nexusd.errors import NotFound, StorageRefused, StorageUnavailable
from nexusd.storage.bucket import OWNER_KEY, Bucket, Place
from nexusd.storage.directories import split_relative
from nexusd.storage.incoming import open_result
from nexusd.storage.keys import object_key, split_key
from nexusd.storage.outgoing import open_new
from nexusd.storage.provider import Collected, FoundFile, StoredFile, WorkFile
from nexusd.storage.receiving import receive
from nexusd.storage.syscalls import Syscalls
from nexusd.storage.trouble import reporting_full_disk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator, Iterator, Sequence
    from datetime import datetime

    from nexusd.storage.bucket import ObjectUpload, StoredObject
    from nexusd.storage.incoming import Incoming

Ts = TypeVarTuple("Ts")
T = TypeVar("T")

__all__ = ["S3", "Bucket", "Place", "open_s3"]

PROVIDER_NAME: Final = "s3"
THREADS_MAX: Final = 16
DISCARD_SECONDS: Final = 2
START_SECONDS: Final = 20
READ_AHEAD_BYTES: Final = 4 * 1024 * 1024
DOWNLOAD_BYTES: Final = 1024 * 1024
_OTHER_OWNER: Final = (
    "{place} holds the files of another database ({found}, this is {owner}), whose files would be taken for garbage here. Give"
    " this daemon an s3_prefix of its own; or, when the other is gone for good, delete the object {key} there."
)


class S3:
    """The provider. `open_s3` makes one that is known to work."""

    name: str = PROVIDER_NAME

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._syscalls = Syscalls()
        self._limiter = trio.CapacityLimiter(THREADS_MAX)

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
        """Store the bytes of `source` as an object; see `Provider.put_file`.

        Cancellation: at once, or after DISCARD_SECONDS; then the object, if there is one, is garbage without a row.
        """
        key = object_key(company, namespace, filename, now, new_id())
        if isinstance(source, Path):
            source = WorkFile(source.parent, source.name)
        if isinstance(source, WorkFile):
            return await self._put_result(key, content_type, source, max_bytes)
        return await self._put_upload(key, content_type, source, max_bytes)

    async def open_file(self, object_key: str) -> ObjectReader:
        """Open an object for reading; see `Provider.open_file`. One that is deleted meanwhile cannot be read on."""
        split_key(object_key)
        found = await self._ask(self._bucket.look, object_key)

        async def fetch(offset: int, length: int) -> bytes:
            return await self._ask(self._bucket.read, object_key, found.etag, offset, length)

        return ObjectReader(found, fetch)

    async def link_into(self, object_key: str, directory: Path, name: str) -> None:
        """Download an object into a work directory; see `Provider.link_into`.

        Cancellation: there is no file, or all of it.
        """
        segments = split_relative(name)
        reader = await self.open_file(object_key)
        with reporting_full_disk():
            copy = await self._in_thread(open_new, directory, segments)
            try:
                offset = 0
                while chunk := await reader.read(offset, DOWNLOAD_BYTES):
                    await self._in_thread(copy.write, chunk)
                    offset += len(chunk)
            except BaseException:
                with trio.CancelScope(shield=True):
                    await self._in_thread(copy.discard)
                raise
            copy.close()

    async def local_path(self, object_key: str) -> Path | None:
        """Return None: a bucket is not on this machine."""
        return None

    async def delete_file(self, object_key: str, sha256: str) -> bool:
        """Delete an object; see `Provider.delete_file`. Cancellation: it may be deleted all the same."""
        split_key(object_key)
        return await self._ask(self._bucket.delete, object_key)

    async def hash_file(self, object_key: str) -> tuple[int, str]:
        """Download an object, and keep nothing of it but its hash; see `Provider.hash_file`."""
        reader = await self.open_file(object_key)
        sha256, size = hashlib.sha256(), 0
        while chunk := await reader.read(size, DOWNLOAD_BYTES):
            sha256.update(chunk)
            size += len(chunk)
        return size, sha256.hexdigest()

    async def collect(self, object_keys: Sequence[str], *, dry_run: bool) -> Collected:
        """Take objects away; see `Provider.collect`. Cancellation: what is taken is taken, the rest stays."""
        taken: list[str] = []
        bytes_freed = 0
        for key in object_keys:
            split_key(key)
            with suppress(NotFound):
                found = await self._ask(self._bucket.look, key)
                if dry_run or await self._ask(self._bucket.delete, key):
                    taken.append(key)
                    bytes_freed += found.byte_size
        return Collected(taken, 0, bytes_freed)

    async def sweep_temps(self) -> int:
        """Do nothing: what a killed daemon left half sent is ended by the bucket's own rule (`bucket`, invariant 2)."""
        return 0

    def iter_keys(self) -> Iterator[str]:
        """Yield the key of every object below the prefix; see `Provider.iter_keys`. Raises StorageUnavailable."""
        return (found.object_key for found in self.iter_files())

    def iter_files(self) -> Generator[FoundFile, None, None]:
        """Yield every object below the prefix; see `Provider.iter_files`. Raises StorageUnavailable."""
        for key, byte_size, stored_at in self._bucket.iter_objects():
            yield FoundFile(key, byte_size, stored_at)

    async def _in_thread(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """For files of our own disk: a step in hand is always waited for."""
        return await trio.to_thread.run_sync(function, *arguments)

    async def _ask(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """For the object store, which may answer in two minutes or never: a cancelled caller goes at once."""
        return await trio.to_thread.run_sync(function, *arguments, limiter=self._limiter, abandon_on_cancel=True)

    async def _put_result(self, key: str, content_type: str, work: WorkFile, max_bytes: int | None) -> StoredFile:
        result = await self._in_thread(open_result, work, max_bytes, self._syscalls)
        try:
            upload = self._bucket.open_upload(key, content_type, result.checked_size)
            async with aclosing(self._read(result)) as chunks:
                stored = await self._send(key, upload, chunks, None)
            await self._in_thread(result.remove_name)
            return stored
        finally:
            result.close()

    async def _read(self, result: Incoming) -> AsyncGenerator[bytes, None]:
        offset = 0
        while chunk := await self._in_thread(result.read, offset):
            yield chunk
            offset += len(chunk)

    async def _put_upload(self, key: str, content_type: str, source: AsyncIterable[bytes], max_bytes: int | None) -> StoredFile:
        return await self._send(key, self._bucket.open_upload(key, content_type, max_bytes), source, max_bytes)

    async def _send(self, key: str, upload: ObjectUpload, source: AsyncIterable[bytes], max_bytes: int | None) -> StoredFile:
        async def write(data: bytearray) -> None:
            await self._ask(upload.write, data)

        try:
            await receive(source, max_bytes, write)
            await self._ask(upload.finish)
        except BaseException:
            await _discard(upload)
            raise
        return StoredFile(self.name, key, upload.sha256, upload.byte_size)


class ObjectReader:
    """A `StoredReader` of an object: each read is a request, but for one that goes on where the last ended and finds its bytes
    fetched already.
    """

    def __init__(self, found: StoredObject, fetch: Callable[[int, int], Awaitable[bytes]]) -> None:
        self.byte_size = found.byte_size
        self._fetch = fetch
        self._ahead: tuple[int, bytes] = (0, b"")
        self._ended_at: int | None = None

    async def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the object; see `StoredReader.read`. Cancellation: at once."""
        length = min(length, self.byte_size - offset)
        if length <= 0:
            return b""
        start, ahead = self._ahead
        if not start <= offset <= offset + length <= start + len(ahead):
            wanted = max(length, READ_AHEAD_BYTES) if offset == self._ended_at else length
            start, ahead = self._ahead = offset, await self._fetch(offset, min(wanted, self.byte_size - offset))
        self._ended_at = offset + length
        return ahead[offset - start : offset - start + length]

    def close(self) -> None:
        """Let go of what was fetched; see `StoredReader.close`."""
        self._ahead = (0, b"")


async def open_s3(place: Place, owner: str) -> S3:
    """Return the provider once the bucket has answered. `owner` is what stays the same as long as the database does.

    Raises StorageRefused when it does not answer, lets nobody in, or is another's.
    """
    bucket = Bucket(place)
    problem = f"{place} does not answer in {START_SECONDS} s"
    with trio.move_on_after(START_SECONDS):
        try:
            found = await trio.to_thread.run_sync(_claim, bucket, owner, abandon_on_cancel=True)
        except StorageUnavailable as error:
            problem = str(error)
        else:
            if found != owner:
                raise StorageRefused(_OTHER_OWNER.format(place=place, found=found, owner=owner, key=OWNER_KEY))
            return S3(bucket)
    raise StorageRefused(f"{problem}. Look at s3_bucket, s3_endpoint, s3_region, the AWS_* variables, and the network.")


def _claim(bucket: Bucket, owner: str) -> str:
    bucket.check()
    return bucket.claim(owner)


async def _discard(upload: ObjectUpload) -> None:
    """Take the upload back, and do not wait long: its thread goes on with that by itself."""
    with trio.move_on_after(DISCARD_SECONDS, shield=True):
        # a limiter of its own: it must begin, also when every thread of the store's waits for a stalled server
        await trio.to_thread.run_sync(upload.discard, limiter=trio.CapacityLimiter(1), abandon_on_cancel=True)
