"""Assets: uploaded, listed, looked at, opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nexusd.contract.assets import Asset, AssetList
from nexusd.contract.base import utc_now
from nexusd.domain.ids import new_id
from nexusd.errors import InvalidParam, InvalidRequest, PayloadTooLarge, Unavailable
from nexusd.storage.keys import sanitise_namespace
from nexusd.store import assets

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from nexusd.contract.assets import AssetUpload
    from nexusd.service.companies import CompanyService
    from nexusd.storage import Provider, StoredReader
    from nexusd.store.assets import AssetFilter
    from nexusd.store.database import Database

GENERATED: Final = "generated"


class AssetService:
    """The assets of all companies."""

    def __init__(self, database: Database, storage: Provider, companies: CompanyService, attachment_max_bytes: int) -> None:
        self._database = database
        self._storage = storage
        self._companies = companies
        self._attachment_max_bytes = attachment_max_bytes

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

    async def open(self, asset: Asset) -> StoredReader:
        """Return the file of an asset, open for reading; the caller closes it."""
        return await self._storage.open_file(asset.object_key)
