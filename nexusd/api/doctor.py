"""The route of `nexusctl doctor`: what only the daemon can look at safely."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from nexusd.api.answers import answer, document, services
from nexusd.api.routes import StrictRoute
from nexusd.contract.doctor import Examination, ExaminationQuery

router = APIRouter(prefix="/v1", tags=["daemon"], route_class=StrictRoute)


@router.get("/doctor", responses=document(200, Examination, "What was found."))
async def examine(request: Request, query: Annotated[ExaminationQuery, Query()]) -> Response:
    """Check the database, for so many seconds at most, and look at the disk."""
    return answer(await services(request).doctor.examine(query.timeout))
