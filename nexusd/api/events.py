"""Routes of the event streams that are not about one job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from nexusd.api.answers import document_stream, services
from nexusd.api.routes import StrictRoute
from nexusd.api.sse import RESUMABLE, EventStream, last_event_id
from nexusd.contract.events import EventStreamQuery

router = APIRouter(tags=["events"], route_class=StrictRoute)


@router.get(
    "/v1/companies/{company}/events",
    responses=document_stream("Every event of the company, as it happens."),
    response_class=Response,
    openapi_extra=RESUMABLE,
)
async def follow_company(request: Request, company: str, query: Annotated[EventStreamQuery, Query()]) -> Response:
    """Follow a company by Server-Sent Events; resume with `Last-Event-ID`, narrow with `types`."""
    return await _follow(request, company, query)


@router.get(
    "/v1/events",
    responses=document_stream("Every event of every company, as it happens."),
    response_class=Response,
    openapi_extra=RESUMABLE,
)
async def follow_all(request: Request, query: Annotated[EventStreamQuery, Query()]) -> Response:
    """Follow all companies by Server-Sent Events, as one."""
    return await _follow(request, None, query)


async def _follow(request: Request, company: str | None, query: EventStreamQuery) -> Response:
    types = None if query.types is None else frozenset(query.types)
    after = last_event_id(request, query.after)
    with_snapshot = query.snapshot is not None
    return EventStream(await services(request).streams.open_company(company, types, after, with_snapshot=with_snapshot))
