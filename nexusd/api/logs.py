"""The route of a job's log: as text, as JSON for who accepts that, or as raw bytes."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from nexusd.api.answers import SCHEMAS, answer, document, services
from nexusd.api.routes import StrictRoute
from nexusd.contract.logs import LogPage, LogQuery

router = APIRouter(prefix="/v1/companies/{company}/content-jobs", tags=["content jobs"], route_class=StrictRoute)

TEXT: Final = "text/plain"
JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"
PAGE_HEADERS: Final[dict[str, Any]] = {
    "X-Log-Offset": {"description": "Where this part starts.", "schema": {"type": "integer"}},
    "X-Log-Next-Offset": {"description": "Where to go on.", "schema": {"type": "integer"}},
    "X-Log-Complete": {"description": "The attempt has ended, and this is the end of its log.", "schema": {"type": "boolean"}},
}
PAGE: Final = document(200, LogPage, "A part of the log; empty where there is nothing, yet or any more.")
PAGE[200]["headers"] = PAGE_HEADERS
PAGE[200]["content"] = {
    TEXT: {"schema": {"type": "string"}},
    JSON: {"schema": {"$ref": SCHEMAS + LogPage.__name__}},
    BINARY: {"schema": {"type": "string", "format": "binary"}},
}


@router.get("/{job_id}/log", response_class=Response, responses=PAGE)
async def get_log(request: Request, company: str, job_id: str, query: Annotated[LogQuery, Query()]) -> Response:
    """Show what the process of an attempt wrote to stdout and stderr, from `offset` on.

    As text, or as JSON where `Accept` names that and not text; invalid UTF-8 becomes U+FFFD. With `raw`, the bytes as they are.
    """
    logs = services(request).logs
    if query.raw:
        raw = await logs.read_raw(company, job_id, query)
        return Response(raw.body, headers=_headers(raw.offset, raw.next_offset, raw.complete), media_type=BINARY)
    page = await logs.read(company, job_id, query)
    headers = _headers(page.offset, page.next_offset, page.complete)
    if _wants_json(request):
        return answer(page, headers=headers)
    return Response(page.text, headers=headers, media_type=TEXT)


def _headers(offset: int, next_offset: int, complete: bool) -> dict[str, str]:
    return {
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept",
        "X-Log-Offset": str(offset),
        "X-Log-Next-Offset": str(next_offset),
        "X-Log-Complete": str(complete).lower(),
    }


def _wants_json(request: Request) -> bool:
    named = {part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")}
    return JSON in named and TEXT not in named
