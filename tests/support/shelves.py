"""One life of what looks after files: a real store, a real disk and the services on them, without a daemon around.

Also the ways in which such a life may go wrong on purpose: a death at any system call, and orders of doing things that a test
of deaths must find out.
"""

from __future__ import annotations

import hashlib
import os
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from nexusd.contract.assets import Asset, AssetUpload
from nexusd.contract.base import utc_now
from nexusd.domain.ids import new_id
from nexusd.service.asset_retention import Retention, RetentionRules
from nexusd.service.assets import AssetService
from nexusd.service.companies import CompanyService
from nexusd.service.storage import StorageService
from nexusd.storage import LocalDisk
from nexusd.storage.keys import object_key
from nexusd.storage.room import UNBOUNDED
from nexusd.storage.syscalls import Syscalls
from nexusd.store import assets, upkeep
from tests.support.stores import Store, make_asset, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from pathlib import Path

    from nexusd.service.assets import Upload

COMPANY: Final = "default"


class Died(BaseException):
    """The process is dead, as far as this life is concerned: nothing catches it, nothing is cleaned up after it."""


class Mortal(Syscalls):
    """The real system calls, until `deadline` of them were made: then `die` is called, before the next and each one after.

    A life that goes on in this process after its death can change nothing any more.
    """

    def __init__(self, deadline: int | None = None, die: Callable[[], None] | None = None) -> None:
        self.deadline = deadline
        self.count = 0
        self._die = die or self._raise

    def write(self, descriptor: int, data: bytes | bytearray | memoryview) -> None:
        self._live()
        super().write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        self._live()
        super().fsync(descriptor)

    def link(self, descriptor: int, directory: int, name: str) -> None:
        self._live()
        super().link(descriptor, directory, name)

    def unlink(self, name: str, directory: int) -> None:
        self._live()
        super().unlink(name, directory)

    def mkdir(self, name: str, directory: int) -> None:
        self._live()
        super().mkdir(name, directory)

    def _live(self) -> None:
        if self.deadline is not None and self.count >= self.deadline:
            self._die()
        self.count += 1

    @staticmethod
    def _raise() -> None:
        raise Died


def kill_self() -> None:
    """Die as by kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


class Chunks:
    """A body in pieces; unlike a generator it needs no closing."""

    def __init__(self, content: bytes) -> None:
        half = len(content) // 2
        self._pieces = iter([content[:half], content[half:]])

    def __aiter__(self) -> Chunks:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


@dataclass(frozen=True)
class Sent:
    """An upload of these bytes."""

    content: bytes
    details: AssetUpload
    content_type: str = "text/plain"

    @property
    def least_bytes(self) -> int:
        """What was announced."""
        return len(self.content)

    async def begin(self) -> None:
        """Nothing is to be read before the bytes."""
        await trio.lowlevel.checkpoint()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes in two pieces."""
        async for piece in Chunks(self.content):
            yield piece


class RowFirst(AssetService):
    """Wrong on purpose: the row is written before its file."""

    async def upload(self, company: str, upload: Upload) -> Asset:
        """Do the same things in the wrong order."""
        content = b"".join([piece async for piece in upload.chunks()])
        owner = await self._companies.get(company)
        key = object_key(owner.slug, upload.details.namespace, upload.details.filename, utc_now(), new_id())
        found = {"object_key": key, "sha256": hashlib.sha256(content).hexdigest(), "byte_size": len(content)}
        asset = make_asset(owner.id, **found)
        await self._database.write(assets.add, asset)
        assert isinstance(self._storage, LocalDisk)
        await self._storage._put_upload(key, Chunks(content), None)
        return asset


class FileFirst(AssetService):
    """Wrong on purpose: a deletion takes the file before the row."""

    async def delete(self, company: str, asset_id: str) -> None:
        """Do the same things in the wrong order."""
        asset = await self.get(company, asset_id)
        await self._storage.delete_file(asset.object_key, asset.sha256)
        await self._database.write(upkeep.delete, asset.company_id, asset_id, utc_now())


class BytesAtOnce(LocalDisk):
    """Wrong on purpose: a deletion frees the bytes at once, whoever else has them."""

    def _delete(self, object_key: str, sha256: str) -> bool:
        path = self._root / object_key
        path.chmod(0o600)
        path.write_bytes(b"")
        return super()._delete(object_key, sha256)


SERVICES: Final[dict[str, type[AssetService]]] = {"row first": RowFirst, "file first": FileFirst}
DISKS: Final[dict[str, type[LocalDisk]]] = {"bytes at once": BytesAtOnce}
WRONG: Final = (*SERVICES, *DISKS)
"""The orders that must be found out."""


@dataclass(frozen=True)
class Life:
    """What one life has."""

    store: Store
    disk: LocalDisk
    assets: AssetService
    storage: StorageService

    async def upload(self, content: bytes, filename: str = "a.bin") -> Asset:
        """Upload a file."""
        return await self.assets.upload(COMPANY, Sent(content, AssetUpload(filename=filename)))

    async def retire(self, max_bytes: int) -> int:
        """Let retention pass."""
        return await Retention(self.store.database, self.disk, RetentionRules(max_bytes=max_bytes)).run_once()


@asynccontextmanager
async def open_life(directory: Path, syscalls: Syscalls | None = None, wrong: str | None = None) -> AsyncIterator[Life]:
    """Begin a life in a directory, where others may have been before; `wrong` is one of WRONG."""
    async with open_store(directory / "nexusd.db") as store:
        disk = DISKS.get(wrong or "", LocalDisk)(directory / "assets", syscalls=syscalls)
        known = CompanyService(store.database)
        service = SERVICES.get(wrong or "", AssetService)(store.database, disk, known, 1 << 20, UNBOUNDED)
        yield Life(store, disk, service, StorageService(store.database, disk))


def find_disagreements(directory: Path, store: Store, *, is_collected: bool) -> list[str]:
    """Return where rows and files do not agree. Without a collection there may be files without rows, never the reverse."""
    root, wrong = directory / "assets", []
    live = {
        key: (size, sha256)
        for key, size, sha256 in store.ask("SELECT object_key, byte_size, sha256 FROM assets WHERE deleted_at IS NULL")
    }
    for key, told in live.items():
        content = (root / key).read_bytes() if (root / key).is_file() else None
        if content is None:
            wrong.append(f"{key} has a row and no file")
        elif (len(content), hashlib.sha256(content).hexdigest()) != told:
            wrong.append(f"{key} is not what its row says")
    if not is_collected:
        return wrong
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_dir():
            continue
        if name.startswith(".blobs/"):
            if path.stat().st_nlink < 2:
                wrong.append(f"{name} is of no file")
        elif name not in live:
            wrong.append(f"{name} has no row")
    return wrong
