"""Routes of assets."""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from nexusd.api.answers import answer, document, document_header, services
from nexusd.api.bodies import announced_bytes
from nexusd.api.files import FileAnswer
from nexusd.api.routes import StrictRoute
from nexusd.contract.assets import Asset, AssetList, AssetQuery, AssetUpload
from nexusd.errors import UnsupportedMediaType
from nexusd.store.assets import AssetFilter

router = APIRouter(prefix="/v1/companies/{company}/assets", tags=["assets"], route_class=StrictRoute)

BINARY: Final = "application/octet-stream"
MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")
SHOWN_INLINE: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"})
"""What a browser may show without running anything of it; SVG and HTML are not."""
UPLOAD_BODY: Final = {
    "requestBody": {"required": True, "content": {BINARY: {"schema": {"type": "string", "format": "binary"}}}}
}
CONTENT: Final = document(200, None, "The bytes.") | {304: {"description": "Unchanged: the ETag matches."}}
CONDITIONAL: Final = document_header("If-None-Match", {"type": "string"}, "An ETag: the bytes are sent only when they differ.")
CONTENT[200]["content"] = {BINARY: {"schema": {"type": "string", "format": "binary"}}}


@router.post("", status_code=201, responses=document(201, Asset, "Stored."), openapi_extra=UPLOAD_BODY)
async def upload_asset(request: Request, company: str, upload: Annotated[AssetUpload, Query()]) -> Response:
    """Store the body as a file. Its Content-Type is kept as the asset's."""
    content_type = request.headers.get("content-type", BINARY).partition(";")[0].strip().lower()
    if not MEDIA_TYPE.fullmatch(content_type) or content_type.startswith("multipart/"):
        raise UnsupportedMediaType(f"the body must be the file itself, and Content-Type its media type, not {content_type!r}")
    assets = services(request).assets
    async with aclosing(request.stream()) as body:
        asset = await assets.upload(company, upload, content_type, body, announced_bytes(request))
    return answer(asset, 201, {"Location": f"/v1/companies/{company}/assets/{asset.id}"})


@router.get("", responses=document(200, AssetList, "A page of assets, newest first."))
async def list_assets(request: Request, company: str, query: Annotated[AssetQuery, Query()]) -> Response:
    """List the assets of a company."""
    wanted = AssetFilter(
        source_task_id=query.source_task_id,
        job_id=query.job_id,
        namespace=query.namespace,
        content_type=query.content_type,
        sha256=query.sha256,
    )
    return answer(await services(request).assets.list(company, wanted, query.limit, query.cursor))


@router.get("/{asset_id}", responses=document(200, Asset, "The asset's row."))
async def get_asset(request: Request, company: str, asset_id: str) -> Response:
    """Show one asset."""
    return answer(await services(request).assets.get(company, asset_id))


@router.delete("/{asset_id}", status_code=204, responses=document(204, None, "Deleted; its file goes with it."))
async def delete_asset(request: Request, company: str, asset_id: str) -> Response:
    """Delete one asset, unless it is pinned or a job that is not over needs it."""
    await services(request).assets.delete(company, asset_id)
    return Response(status_code=204)


@router.put("/{asset_id}/pin", responses=document(200, Asset, "Kept from deletion and retention."))
async def pin_asset(request: Request, company: str, asset_id: str) -> Response:
    """Pin one asset. Doing it twice changes nothing."""
    return answer(await services(request).assets.pin(company, asset_id))


@router.delete("/{asset_id}/pin", responses=document(200, Asset, "It may be deleted again."))
async def unpin_asset(request: Request, company: str, asset_id: str) -> Response:
    """Unpin one asset. Doing it twice changes nothing."""
    return answer(await services(request).assets.unpin(company, asset_id))


@router.get("/{asset_id}/content", response_class=Response, responses=CONTENT, openapi_extra=CONDITIONAL)
@router.head("/{asset_id}/content", response_class=Response, responses=CONTENT, openapi_extra=CONDITIONAL)
async def get_content(request: Request, company: str, asset_id: str) -> Response:
    """Send the bytes. The ETag is the sha256."""
    assets = services(request).assets
    asset = await assets.get(company, asset_id)
    headers = {
        "ETag": f'"{asset.sha256}"',
        "Content-Disposition": _disposition(asset),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-cache",
    }
    if _matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return FileAnswer(await assets.open(asset), asset.byte_size, asset.content_type, headers)


def _matches(wanted: str | None, etag: str) -> bool:
    """Source: RFC 9110 §13.1.2; a weak tag compares like a strong one."""
    return wanted is not None and any(tag.strip().removeprefix("W/") in {"*", etag} for tag in wanted.split(","))


def _disposition(asset: Asset) -> str:
    """Source: RFC 6266, with the name as RFC 8187 has it."""
    name = asset.original_filename or asset.id
    kind = "inline" if asset.content_type in SHOWN_INLINE else "attachment"
    plain = re.sub(r"[^A-Za-z0-9 ._-]", "_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
