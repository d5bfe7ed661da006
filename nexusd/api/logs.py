"""The route of a job's log: as text, as JSON for who accepts that, or as raw bytes; and followed, also as an event stream."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from nexusd.api.answers import EVENT_STREAM, SCHEMAS, answer, document, document_header, services
from nexusd.api.routes import StrictRoute
from nexusd.api.sse import last_event_id
from nexusd.contract.base import Answer
from nexusd.contract.events import StoppingEvent
from nexusd.contract.logs import LogEndEvent, LogEvent, LogPage, LogQuery, to_position
from nexusd.contract.sse import PREAMBLE, encode_frame
from nexusd.service.log_following import End, News, Piece, Silence, Stop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.types import Receive, Scope, Send

router = APIRouter(prefix="/v1/companies/{company}/content-jobs", tags=["content jobs"], route_class=StrictRoute)

TEXT: Final = "text/plain"
JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"
SAFE: Final = {"X-Content-Type-Options": "nosniff", "Vary": "Accept"}
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
    EVENT_STREAM: {"schema": {"type": "string"}},
}
PAGE[204] = {"description": "An event stream that was resumed has nothing left to tell."}
RESUMABLE: Final = document_header(
    "Last-Event-ID",
    {"type": "integer", "minimum": 0},
    "With `follow`, as an event stream: go on after the frame with this id. Wins over `offset`.",
)


@router.get("/{job_id}/log", response_class=Response, responses=PAGE, openapi_extra=RESUMABLE)
async def get_log(request: Request, company: str, job_id: str, query: Annotated[LogQuery, Query()]) -> Response:
    """Show what the process of an attempt wrote to stdout and stderr, from `offset` on.

    As text, or as JSON where `Accept` names that and not text; invalid UTF-8 becomes U+FFFD. With `raw`, the bytes as they are.
    With `follow` the answer goes on as the log grows: as text or bytes, without the headers; or, where `Accept` names
    `text/event-stream`, as frames `log` and, at last, `end`.
    """
    logs = services(request).logs
    if query.follow:
        return await _follow(request, company, job_id, query)
    if query.raw:
        raw = await logs.read_raw(company, job_id, query)
        return Response(raw.body, headers=_headers(raw.offset, raw.next_offset, raw.complete), media_type=BINARY)
    page = await logs.read(company, job_id, query)
    headers = _headers(page.offset, page.next_offset, page.complete)
    if JSON in _accepted(request) and TEXT not in _accepted(request):
        return answer(page, headers=headers)
    return Response(page.text, headers=headers, media_type=TEXT)


class LogStream(Response):
    """An answer that goes on until its news end, each of them one write. The server cancels it when the client has gone."""

    def __init__(self, news: AsyncGenerator[News, None], media_type: str, write: Callable[[News], bytes]) -> None:
        headers = {
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept",
        }
        super().__init__(headers=headers, media_type=media_type)
        del self.headers["content-length"]
        self._news = news
        self._write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what there is to tell."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        first = PREAMBLE if self.media_type == EVENT_STREAM else b""
        await send({"type": "http.response.body", "body": first, "more_body": True})
        async with aclosing(self._news) as news:
            async for each in news:
                if body := self._write(each):
                    await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _follow(request: Request, company: str, job_id: str, query: LogQuery) -> Response:
    as_events = EVENT_STREAM in _accepted(request) and not query.raw
    position = last_event_id(request, None) if as_events else None
    news = await services(request).logs.open_follow(company, job_id, query, position)
    if news is None:
        return Response(status_code=204)
    if as_events:
        return LogStream(news, EVENT_STREAM, _to_frame)
    return LogStream(news, BINARY, _to_bytes) if query.raw else LogStream(news, TEXT, _to_text)


def _to_frame(news: News) -> bytes:
    match news:
        case Piece(attempt, offset, body):
            piece = LogEvent(attempt=attempt, offset=offset, next_offset=news.next_offset, text=_decode(body))
            return _frame(to_position(attempt, news.next_offset), "log", piece)
        case Silence(position):
            return b"id: %d\n\n" % position
        case End(position, last, status):
            return _frame(position, "end", LogEndEvent(attempt=last, status=status))
        case Stop():
            return _frame(None, "server.stopping", StoppingEvent())


def _frame(frame_id: int | None, name: str, event: Answer) -> bytes:
    return encode_frame(frame_id, name, event.model_dump_json(by_alias=True))


def _to_bytes(news: News) -> bytes:
    return news.body if isinstance(news, Piece) else b""


def _to_text(news: News) -> bytes:
    return _decode(news.body).encode() if isinstance(news, Piece) else b""


def _decode(body: bytes) -> str:
    """Return a piece as text: it begins and ends with whole characters."""
    return body.decode("utf-8", "replace")


def _headers(offset: int, next_offset: int, complete: bool) -> dict[str, str]:
    return {
        **SAFE,
        "X-Log-Offset": str(offset),
        "X-Log-Next-Offset": str(next_offset),
        "X-Log-Complete": str(complete).lower(),
    }


def _accepted(request: Request) -> set[str]:
    return {part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")}
