"""Routes about the daemon itself."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from nexusd.api.answers import answer, document, services
from nexusd.api.routes import StrictRoute
from nexusd.contract.status import Health, Status

router = APIRouter(prefix="/v1", tags=["daemon"], route_class=StrictRoute)


@router.get("/status", responses=document(200, Status, "Counts, limits, versions."))
async def get_status(request: Request) -> Response:
    """Show how the daemon is."""
    return answer(await services(request).status.get())


@router.get("/health", responses=document(200, Health, "Ready.") | document(503, Health, "Not ready, and why."))
async def get_health(request: Request) -> Response:
    """Tell whether new work is welcome."""
    health = services(request).status.health()
    return answer(health, 200 if health.ready else 503)
