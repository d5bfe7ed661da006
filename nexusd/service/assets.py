"""Assets: uploaded, listed, looked at, opened, pinned, deleted."""

from __future__ import annotations

import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, Protocol

import trio

from nexusd import failpoints
from nexusd.contract.assets import Asset, AssetList
from nexusd.contract.base import utc_now
from nexusd.domain.ids import new_id
from nexusd.errors import InvalidParam, InvalidRequest, PayloadTooLarge, Unavailable
from nexusd.storage import check_provider
from nexusd.storage.keys import sanitise_namespace
from nexusd.store import assets, upkeep

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nexusd.contract.assets import AssetUpload
    from nexusd.service.companies import CompanyService
    from nexusd.storage import Provider, StoredReader
    from nexusd.storage.room import Room
    from nexusd.store.assets import AssetFilter
    from nexusd.store.database import Database

logger = logging.getLogger("nexusd.service")

GENERATED: Final = "generated"


class Upload(Protocol):
    """A file on its way in. What is said about it may change until its chunks have ended."""

    @property
    def least_bytes(self) -> int:
        """How many bytes it has at least, as far as was announced."""
        ...

    @property
    def details(self) -> AssetUpload:
        """What is said about it. Raises InvalidRequest."""
        ...

    @property
    def content_type(self) -> str:
        """What its sender says it is."""
        ...

    async def begin(self) -> None:
        """Read up to its first byte. Raises what `upload` does."""
        ...

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Return its bytes; the end comes only when all of it was found right, else an error does."""
        ...


class AssetService:
    """The assets of all companies."""

    def __init__(
        self, database: Database, storage: Provider, companies: CompanyService, attachment_max_bytes: int, room: Room
    ) -> None:
        self._database = database
        self._storage = storage
        self._companies = companies
        self._attachment_max_bytes = attachment_max_bytes
        self._room = room

    async def upload(self, company: str, upload: Upload) -> Asset:
        """Store a file as it arrives.

        Raises NotFound, InvalidRequest, MalformedRequest, UnsupportedMediaType, DigestMismatch, PayloadTooLarge, Unavailable;
        then neither file nor row is left.
        Ordering: on return file and row are on disk.
        """
        owner = await self._companies.get(company)
        limit = self._attachment_max_bytes
        if upload.least_bytes > limit:
            raise PayloadTooLarge(f"the file has {upload.least_bytes} bytes or more; an upload may have {limit}")
        self._room.refuse_low(upload.least_bytes)
        await upload.begin()
        details = _check_namespace(upload.details)
        now = utc_now()
        async with aclosing(_read_to_end(upload)) as chunks:
            stored = await self._storage.put_file(
                company=owner.slug,
                namespace=details.namespace,
                filename=details.filename,
                content_type=upload.content_type,
                source=chunks,
                max_bytes=limit,
                now=now,
            )
        details = upload.details
        asset = Asset(
            id=new_id(),
            company_id=owner.id,
            namespace=details.namespace,
            provider=stored.provider,
            object_key=stored.object_key,
            content_type=upload.content_type,
            byte_size=stored.byte_size,
            sha256=stored.sha256,
            original_filename=details.filename,
            source_task_id=details.source_task_id,
            created_by_agent_id=details.created_by_agent_id,
            created_by_user_id=details.created_by_user_id,
            created_at=now,
        )
        try:
            await self._database.write(assets.add, asset)
        except Unavailable:
            await self._storage.delete_file(stored.object_key, stored.sha256)
            raise
        return asset

    async def list(self, company: str, wanted: AssetFilter, limit: int, cursor: str | None) -> AssetList:
        """Return a page of assets, newest first."""
        return await self._database.read(assets.find, (await self._companies.get(company)).id, wanted, limit, cursor)

    async def get(self, company: str, asset_id: str) -> Asset:
        """Return one asset.

        Raises NotFound.
        """
        return await self._database.read(assets.get, (await self._companies.get(company)).id, asset_id)

    async def open(self, asset: Asset) -> StoredReader:
        """Return the file of an asset, open for reading; the caller closes it.

        Raises NotFound, StorageUnavailable.
        """
        check_provider(self._storage, asset.provider)
        return await self._storage.open_file(asset.object_key)

    async def pin(self, company: str, asset_id: str) -> Asset:
        """Keep an asset from deletion and retention.

        Raises NotFound, Unavailable.
        """
        owner = await self._companies.get(company)
        return await self._database.write(upkeep.pin, owner.id, asset_id, utc_now())

    async def unpin(self, company: str, asset_id: str) -> Asset:
        """Let an asset be deleted again.

        Raises NotFound, Unavailable.
        """
        return await self._database.write(upkeep.unpin, (await self._companies.get(company)).id, asset_id)

    async def delete(self, company: str, asset_id: str) -> None:
        """Delete an asset: its row first, then its file.

        Raises NotFound, AssetPinned, AssetInUse, Unavailable. Cancellation: waits for the disk.
        Ordering: on return the row's end is on disk, and the file is gone or garbage that the next sweep finds.
        """
        company_id = (await self._companies.get(company)).id
        await failpoints.reach("service.delete.before")
        with trio.CancelScope(shield=True):  # between the two steps is no good place to stop
            deleted = await self._database.write(upkeep.delete, company_id, asset_id, utc_now())
            await failpoints.reach("service.delete.after")
            await delete_file_of(deleted, self._storage)


async def delete_file_of(asset: Asset, storage: Provider) -> None:
    """Delete the file of an asset whose row is deleted. One that cannot go just now is garbage for the next sweep."""
    try:
        check_provider(storage, asset.provider)
        await storage.delete_file(asset.object_key, asset.sha256)
    except (OSError, Unavailable) as error:
        logger.warning("a deleted file stays until the next sweep", extra={"asset": asset.id, "reason": str(error)})


async def _read_to_end(upload: Upload) -> AsyncGenerator[bytes, None]:
    """Yield the bytes. What is wrong with the details that came after them is raised in place of the end: nothing is stored."""
    async with aclosing(upload.chunks()) as chunks:
        async for chunk in chunks:
            yield chunk
    _check_namespace(upload.details)


def _check_namespace(details: AssetUpload) -> AssetUpload:
    if sanitise_namespace(details.namespace).split("/")[0] == GENERATED:
        wrong = InvalidParam("?namespace", f"{GENERATED}/… is for what jobs make")
        raise InvalidRequest("the namespace cannot be used for uploads", (wrong,))
    return details
