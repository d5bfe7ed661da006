"""Routes of the queue as a whole: paused and resumed."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from nexusd.api.answers import answer, document, document_body, services
from nexusd.api.bodies import read_json
from nexusd.api.routes import StrictRoute
from nexusd.contract.jobs import BODY_MAX_BYTES
from nexusd.contract.pauses import PauseRequest, QueueState, ResumeRequest

router = APIRouter(prefix="/v1/queue", tags=["queue"], route_class=StrictRoute)


@router.get("", responses=document(200, QueueState, "What is paused, and how many jobs run and wait."))
async def get_queue(request: Request) -> Response:
    """Show what is paused."""
    return answer(await services(request).pauses.get())


@router.post(
    "/pause",
    responses=document(200, QueueState, "Paused, also after a restart. What runs goes on."),
    openapi_extra=document_body(PauseRequest),
)
async def pause_queue(request: Request) -> Response:
    """Let nothing start any more, of one job type or at all. Doing it twice changes nothing."""
    return answer(await services(request).pauses.pause(await read_json(request, PauseRequest, BODY_MAX_BYTES)))


@router.post(
    "/resume",
    responses=document(200, QueueState, "The pause is lifted; others may be left."),
    openapi_extra=document_body(ResumeRequest),
)
async def resume_queue(request: Request) -> Response:
    """Lift the pause of one job type, of the whole queue, or every one. Doing it twice changes nothing."""
    return answer(await services(request).pauses.resume(await read_json(request, ResumeRequest, BODY_MAX_BYTES)))
