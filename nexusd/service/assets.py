"""Assets: uploaded, listed, looked at, opened, pinned, deleted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

from nexusd import failpoints
from nexusd.contract.assets import Asset, AssetList
from nexusd.contract.base import utc_now
from nexusd.domain.ids import new_id
from nexusd.errors import InvalidParam, InvalidRequest, PayloadTooLarge, Unavailable
from nexusd.storage.keys import sanitise_namespace
from nexusd.store import assets, upkeep

if TYPE_CHECKING:
    import io
    from collections.abc import AsyncIterable

    from nexusd.contract.assets import AssetUpload
    from nexusd.service.companies import CompanyService
    from nexusd.storage import Provider
    from nexusd.storage.room import Room
    from nexusd.store.assets import AssetFilter
    from nexusd.store.database import Database

logger = logging.getLogger("nexusd.service")

GENERATED: Final = "generated"


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

    async def upload(
        self, company: str, upload: AssetUpload, content_type: str, body: AsyncIterable[bytes], byte_size: int | None
    ) -> Asset:
        """Store a file as it arrives. `byte_size` is what the client announced, if it did.

        Raises NotFound, InvalidRequest, PayloadTooLarge, Unavailable; then neither file nor row is left.
        Ordering: on return file and row are on disk.
        """
        owner = await self._companies.get(company)
        if sanitise_namespace(upload.namespace).split("/")[0] == GENERATED:
            wrong = InvalidParam("?namespace", f"{GENERATED}/… is for what jobs make")
            raise InvalidRequest("the namespace cannot be used for uploads", (wrong,))
        if byte_size is not None and byte_size > self._attachment_max_bytes:
            raise PayloadTooLarge(f"the file has {byte_size} bytes; an upload may have {self._attachment_max_bytes}")
        self._room.refuse_low(byte_size or 0)
        now = utc_now()
        stored = await self._storage.put_file(
            company=owner.slug,
            namespace=upload.namespace,
            filename=upload.filename,
            content_type=content_type,
            source=body,
            max_bytes=self._attachment_max_bytes,
            now=now,
        )
        asset = Asset(
            id=new_id(),
            company_id=owner.id,
            namespace=upload.namespace,
            provider=stored.provider,
            object_key=stored.object_key,
            content_type=content_type,
            byte_size=stored.byte_size,
            sha256=stored.sha256,
            original_filename=upload.filename,
            source_task_id=upload.source_task_id,
            created_by_agent_id=upload.created_by_agent_id,
            created_by_user_id=upload.created_by_user_id,
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

    async def open(self, asset: Asset) -> io.FileIO:
        """Return the file of an asset, open for reading; the caller closes it."""
        file, _ = await self._storage.open_file(asset.object_key)
        return file

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
            try:
                await self._storage.delete_file(deleted.object_key, deleted.sha256)
            except OSError as error:
                logger.warning("a deleted file stays until the next sweep", extra={"asset": asset_id, "reason": str(error)})
