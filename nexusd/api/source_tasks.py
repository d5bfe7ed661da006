"""The route of conversation tasks. Their ids are outsiders': any text, percent-encoded in the path, slashes too."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import TypeAdapter, ValidationError

from nexusd.api.answers import answer, document, services
from nexusd.api.routes import StrictRoute
from nexusd.contract.base import ForeignId, PageQuery
from nexusd.contract.source_tasks import SourceTask
from nexusd.errors import NotFound

router = APIRouter(prefix="/v1/companies/{company}/source-tasks", tags=["source tasks"], route_class=StrictRoute)

ID: Final = TypeAdapter(ForeignId)


@router.get("/{source_task:path}", responses=document(200, SourceTask, "A page of its jobs and assets, newest first."))
async def get_source_task(request: Request, company: str, source_task: str, query: Annotated[PageQuery, Query()]) -> Response:
    """Show what a conversation task asked for and got: its jobs and its assets, in one list."""
    try:
        ID.validate_python(source_task)
    except ValidationError:
        raise NotFound("no conversation task can have this id: it is 1 to 255 characters, none of them a control") from None
    return answer(await services(request).source_tasks.get(company, source_task, query.limit, query.cursor))
