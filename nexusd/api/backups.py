"""The route of backups."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from nexusd.api.answers import answer, document, document_body, document_key, services
from nexusd.api.bodies import idempotency_key, read_json
from nexusd.api.routes import StrictRoute
from nexusd.contract.backups import Backup, BackupRequest
from nexusd.contract.jobs import BODY_MAX_BYTES

router = APIRouter(prefix="/v1/backup", tags=["storage"], route_class=StrictRoute)


@router.post(
    "",
    status_code=201,
    responses=document(201, Backup, "The backup is complete and on disk."),
    openapi_extra=document_body(BackupRequest) | document_key(),
)
async def make_backup(request: Request) -> Response:
    """Copy the database and the stored files of one moment into a folder, while everything goes on. May take long."""
    wanted = await read_json(request, BackupRequest, BODY_MAX_BYTES)
    return answer(await services(request).backups.make(wanted, idempotency_key(request)), 201)
