"""Routes of renderers."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from nexusd.api.answers import answer, document, services
from nexusd.api.routes import StrictRoute
from nexusd.contract.status import Renderer, RendererList

router = APIRouter(prefix="/v1/renderers", tags=["renderers"], route_class=StrictRoute)


@router.get("", responses=document(200, RendererList, "Every renderer."))
async def list_renderers(request: Request) -> Response:
    """List what this daemon can render."""
    return answer(await services(request).renderers.list())


@router.get("/{job_type}", responses=document(200, Renderer, "The renderer, with the JSON Schema of its input."))
async def get_renderer(request: Request, job_type: str) -> Response:
    """Show one renderer."""
    return answer(await services(request).renderers.get(job_type))
