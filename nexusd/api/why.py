"""The route that explains a job."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from nexusd.api.answers import answer, document, services
from nexusd.api.routes import StrictRoute
from nexusd.contract.why import Why

router = APIRouter(prefix="/v1/companies/{company}/content-jobs", tags=["content jobs"], route_class=StrictRoute)


@router.get("/{job_id}/why", responses=document(200, Why, "The reasons, the most decisive first."))
async def explain_job(request: Request, company: str, job_id: str) -> Response:
    """Say why a job does not run yet, or how it ended and what to do about it."""
    return answer(await services(request).why.explain(company, job_id), omit_none=True)
