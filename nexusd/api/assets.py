"""Routes of assets."""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from nexusd.api.answers import PROBLEM_CONTENT, answer, document, document_headers, services
from nexusd.api.bodies import BINARY
from nexusd.api.files import FileAnswer
from nexusd.api.problems import to_response
from nexusd.api.ranges import find_range
from nexusd.api.routes import StrictRoute
from nexusd.api.uploads import FORM, open_upload
from nexusd.contract.assets import UPLOAD_FIELDS, Asset, AssetList, AssetQuery, AssetUpload, ContentQuery
from nexusd.errors import RangeNotSatisfiable
from nexusd.store.assets import AssetFilter

router = APIRouter(prefix="/v1/companies/{company}/assets", tags=["assets"], route_class=StrictRoute)

SHOWN_INLINE: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"})
"""What a browser may show without running anything of it; SVG and HTML are not."""
FILE: Final = {"type": "string", "format": "binary"}
FORM_SCHEMA: Final = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": FILE} | {name: {"type": "string"} for name in sorted(UPLOAD_FIELDS)},
}
DIGEST: Final = "sha-256 or sha-512 of the body: another body is refused and not stored."
UPLOAD: Final = document_headers({"Content-Digest": f"{DIGEST} RFC 9530.", "Digest": f"{DIGEST} RFC 3230."}) | {
    "requestBody": {"required": True, "content": {BINARY: {"schema": FILE}, FORM: {"schema": FORM_SCHEMA}}}
}
CONTENT: Final = document(200, None, "The bytes.") | {
    206: {"description": "The bytes that Range asked for."},
    304: {"description": "Unchanged: the ETag matches."},
    416: {"description": "No such bytes; Content-Range says how many there are.", "content": PROBLEM_CONTENT},
}
CONTENT[200]["content"] = CONTENT[206]["content"] = {BINARY: {"schema": FILE}}
CONDITIONAL: Final = document_headers(
    {
        "If-None-Match": "An ETag: the bytes are sent only when they differ.",
        "Range": "One range of bytes, `bytes=0-99`, `bytes=100-` or `bytes=-100`; for GET.",
        "If-Range": "An ETag: Range counts only when it is still this one.",
    }
)
NEVER_RUN: Final = "sandbox; default-src 'none'"
"""What a browser shows of any asset runs nothing, loads nothing and is of no origin."""


@router.post("", status_code=201, responses=document(201, Asset, "Stored."), openapi_extra=UPLOAD)
async def upload_asset(request: Request, company: str, upload: Annotated[AssetUpload, Query()]) -> Response:
    """Store a file: the body with its Content-Type, or the one file of a form, whose fields may say what the query can."""
    incoming = open_upload(request, upload)
    async with aclosing(incoming.body):
        asset = await services(request).assets.upload(company, incoming)
    return answer(asset, 201, {"Location": f"/v1/companies/{company}/assets/{asset.id}"})


@router.get("", responses=document(200, AssetList, "A page of assets, newest first."))
async def list_assets(request: Request, company: str, query: Annotated[AssetQuery, Query()]) -> Response:
    """List the assets of a company."""
    wanted = AssetFilter(
        id_part=query.id_part,
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
async def get_content(request: Request, company: str, asset_id: str, query: Annotated[ContentQuery, Query()]) -> Response:
    """Send the bytes, or a range of them. The ETag is the sha256. SVG and HTML are for saving, unless `inline` is given."""
    assets = services(request).assets
    asset = await assets.get(company, asset_id)
    headers = {
        "ETag": f'"{asset.sha256}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": _disposition(asset, query),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": NEVER_RUN,
        "Cache-Control": "private, no-cache",
    }
    if _matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    try:
        wanted = None if request.method == "HEAD" else find_range(request.headers, asset.byte_size, headers["ETag"])
    except RangeNotSatisfiable as error:
        return to_response(error, {"Content-Range": f"bytes */{asset.byte_size}", "Accept-Ranges": "bytes"})
    file = await assets.open(asset)
    headers["Content-Type"] = asset.content_type  # as it is stored: no charset is made up
    if wanted is None:
        return FileAnswer(file, range(asset.byte_size), 200, headers)
    headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{asset.byte_size}"
    return FileAnswer(file, wanted, 206, headers)


def _matches(wanted: str | None, etag: str) -> bool:
    """Source: RFC 9110 §13.1.2; a weak tag compares like a strong one."""
    return wanted is not None and any(tag.strip().removeprefix("W/") in {"*", etag} for tag in wanted.split(","))


def _disposition(asset: Asset, query: ContentQuery) -> str:
    """Source: RFC 6266, with the name as RFC 8187 has it."""
    name = asset.original_filename or asset.id
    is_shown = not query.download and (query.inline or asset.content_type in SHOWN_INLINE)
    kind = "inline" if is_shown else "attachment"
    plain = re.sub(r"[^A-Za-z0-9 ._-]", "_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
