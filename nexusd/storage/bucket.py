"""One prefix of one bucket of an S3-compatible object store, through obstore.

Owns the client, how long it tries, an object on its way in, and what the client's errors mean here. Leaves out keys and
threads: everything here blocks, a step for at most some `Place.request_seconds`. Imported only when the settings ask for S3:
obstore is an extra.

Invariants:
1. There is no object under a key before all of its bytes are there, and every part was taken: a single PUT, or a multipart
   upload that is completed last.
2. An upload that is given up is aborted. One whose daemon was killed stays as parts that nobody sees but the bill: a lifecycle
   rule of the bucket (AbortIncompleteMultipartUpload) is what ends those; no client can tell them from another's in progress.
3. Each request carries a hash of its body in its signature (SigV4), so bytes that were damaged on the way are not taken.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from nexusd.errors import NotFound, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from obstore.store import ClientConfig, RetryConfig, S3Config

PART_BYTES: Final = 8 * 1024 * 1024
PARTS_MAX: Final = 10_000
PARTS_AT_ONCE: Final = 2
"""One is sent while the next is filled: with the buffer three parts in memory, for each upload."""
CONNECT_SECONDS: Final = 5
RETRIES: Final = 3
OWNER_KEY: Final = ".nexusd-owner"
"""Holds the id of the daemon's database. No key of a file begins with a dot."""
FALLBACK_REGION: Final = "us-east-1"
CREDENTIALS: Final = "the daemon's credentials are those of its environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, …"
_FORBIDDEN: Final = re.compile("status code: 40[13]")
_TOLD: Final = re.compile(r"<Code>(?P<code>[^<]+)</Code>\s*<Message>(?P<message>[^<]+)</Message>")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the objects are. Without an endpoint that is Amazon's of the region; `prefix` has no slash at its ends.

    `request_seconds` bounds one request, and so how slow a connection may be: a part of 8 MiB must get through in that time.
    """

    bucket: str
    endpoint: str | None = None
    region: str | None = None
    prefix: str = ""
    request_seconds: float = 120

    def __str__(self) -> str:
        name = "/".join(part for part in (self.bucket, self.prefix) if part)
        return f"s3://{name}" + (f" at {self.endpoint}" if self.endpoint else "")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it was found. `etag` names this very version of it."""

    byte_size: int
    etag: str | None


class Bucket:
    """A client of one place. May be used from many threads."""

    def __init__(self, place: Place) -> None:
        """Make the client; nothing is sent yet."""
        self.place = place
        config: S3Config = {
            "region": place.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or FALLBACK_REGION,
            "disable_bulk_delete": True,  # not every S3-compatible store has it
        }
        if place.endpoint:  # said twice, as the second has a variable of its own, which would win
            config |= {"endpoint": place.endpoint, "aws_endpoint_url_s3": place.endpoint}
        client: ClientConfig = {
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=place.request_seconds),
            "allow_http": (place.endpoint or "").startswith("http://"),
        }
        retry: RetryConfig = {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=place.request_seconds)}
        self._store = S3Store(
            place.bucket, prefix=place.prefix or None, config=config, client_options=client, retry_config=retry
        )

    def check(self) -> None:
        """Ask for a page of the list: that proves the address, the bucket and the credentials. Raises StorageUnavailable."""
        with self._reporting("be listed"):
            next(iter(self._store.list(chunk_size=1)), None)

    def look(self, key: str) -> StoredObject:
        """Return what is stored under a key. Raises NotFound, StorageUnavailable."""
        with self._reporting("be asked for a file", key):
            found = self._store.head(key)
        return StoredObject(found["size"], found["e_tag"])

    def read(self, key: str, etag: str | None, offset: int, length: int) -> bytes:
        """Return so many bytes of that version of an object, all of which must exist. Raises NotFound, StorageUnavailable."""
        with self._reporting("give a file", key):
            found = self._store.get(key, options={"range": (offset, offset + length), "if_match": etag})
            return bytes(found.bytes())

    def delete(self, key: str) -> bool:
        """Delete an object; tell whether there was one. Raises StorageUnavailable."""
        try:
            self.look(key)
        except NotFound:
            return False
        with self._reporting("delete a file"):
            self._store.delete(key)
        return True

    def iter_objects(self) -> Iterator[tuple[str, int, datetime]]:
        """Yield key, size and time of every stored file, a page of the list at a time. Raises StorageUnavailable."""
        with self._reporting("be listed"):
            for page in self._store.list(chunk_size=1000):
                for found in page:
                    if found["path"] != OWNER_KEY:
                        yield found["path"], found["size"], found["last_modified"]

    def claim(self, owner: str) -> str:
        """Make the place this owner's unless it is somebody's; return whose it is. Raises StorageUnavailable."""
        try:
            return self._read_owner()
        except NotFound:
            with self._reporting("store a file"):
                self._store.put(OWNER_KEY, owner.encode())
            return self._read_owner()  # another one may have come in between

    def _read_owner(self) -> str:
        with self._reporting("give a file", OWNER_KEY):
            return bytes(self._store.get(OWNER_KEY).bytes()).decode("ascii", "replace")

    def open_upload(self, key: str, content_type: str, most_bytes: int | None) -> ObjectUpload:
        """Begin an object, of at most so many bytes if that is known; nothing is sent yet."""
        return ObjectUpload(self, self._store, key, content_type, most_bytes)

    @contextmanager
    def _reporting(self, doing: str, key: str | None = None) -> Iterator[None]:
        """Translate the client's errors. With a `key`, "not found" is about that; else it can only be the bucket."""
        try:
            yield
        except (BaseError, OSError) as error:
            if key is not None and isinstance(error, FileNotFoundError):
                raise NotFound(f"the stored file {key} is missing") from error
            advice = f"; {CREDENTIALS}" if _FORBIDDEN.search(str(error)) else ""
            raise StorageUnavailable(f"{self.place} cannot {doing}: {_reason(error)}{advice}") from error


class ObjectUpload:
    """An object on its way in: bytes are sent as parts as soon as there is a part of them, or all at once when there is less.

    One step at a time; `discard` waits for the step in hand, whichever thread that is in.
    """

    def __init__(self, bucket: Bucket, store: S3Store, key: str, content_type: str, most_bytes: int | None) -> None:
        self.byte_size = 0
        self._bucket = bucket
        self._key = key
        self._hash = hashlib.sha256()
        self._step = threading.Lock()
        self._is_finishing = False
        self._writer = obstore.open_writer(
            store,
            key,
            attributes={"Content-Type": content_type},
            buffer_size=max(PART_BYTES, -(-(most_bytes or 0) // PARTS_MAX)),
            max_concurrency=PARTS_AT_ONCE,
        )

    @property
    def sha256(self) -> str:
        """The hash of what was written so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes | bytearray) -> None:
        """Append. Raises StorageUnavailable; the upload can then only be discarded."""
        with self._step, self._bucket._reporting("store a file"):
            self._hash.update(data)
            self._writer.write(data)
            self.byte_size += len(data)

    def finish(self) -> None:
        """Send what is left and make it an object. Ordering: on return the store has acknowledged all of it.

        Raises StorageUnavailable; there may be an object then, when it was the answer that was lost: discard the upload.
        """
        with self._step, self._bucket._reporting("store a file"):
            self._is_finishing = True
            self._writer.close()  # aborts by itself when it fails

    def discard(self) -> None:
        """Leave nothing behind, as far as the store still answers."""
        with self._step, suppress(BaseError, OSError, StorageUnavailable):
            if self._is_finishing:
                self._bucket.delete(self._key)
            else:
                self._writer.__exit__(StorageUnavailable, None, None)  # with an error: that is how obstore spells abort


def _reason(error: Exception) -> str:
    """Return the one line in obstore's page of an error that a person needs."""
    text, _, _ = str(error).partition("\n\nDebug source:")
    if told := _TOLD.search(text):
        return f"{told['message']} ({told['code']})"
    return " ".join(text.rpartition(" - ")[2].split()).rstrip(": ")
