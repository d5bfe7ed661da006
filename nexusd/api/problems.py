"""Errors as RFC 9457 problem documents. The only place that knows which error has which status.

Every class of `errors.RequestError` and `errors.Unavailable` is in `STATUS`; a test walks the tree. Anything else is
`internal`, logged with its traceback and told to nobody.
"""

from __future__ import annotations

import http
import logging
from typing import TYPE_CHECKING, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from nexusd import errors
from nexusd.contract.problems import PROBLEM_CONTENT_TYPE, PROBLEM_TYPE_PREFIX, InvalidParam, Problem
from nexusd.errors import NexusdError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import Request

logger = logging.getLogger("nexusd.api")

STATUS: Final[dict[type[NexusdError], int]] = {
    errors.InvalidRequest: 422,
    errors.RendererUnavailable: 422,
    errors.MalformedRequest: 400,
    errors.DigestMismatch: 422,
    errors.PayloadTooLarge: 413,
    errors.RangeNotSatisfiable: 416,
    errors.UnsupportedMediaType: 415,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.AlreadyExists: 409,
    errors.IdempotencyConflict: 409,
    errors.AlreadyFinished: 409,
    errors.NotFinished: 409,
    errors.AssetInUse: 409,
    errors.AssetPinned: 409,
    errors.WriteQueueFull: 503,
    errors.DatabaseBusy: 503,
    errors.StorageFull: 507,
    errors.StorageUnavailable: 503,
    errors.Stopping: 503,
}


def to_problem(error: NexusdError) -> Problem:
    """Return the document that tells of `error`."""
    params = error.params if isinstance(error, errors.InvalidRequest) else ()
    return Problem(
        type=PROBLEM_TYPE_PREFIX + error.slug,
        title=error.title,
        status=STATUS.get(type(error), 500),
        detail=str(error),
        invalid_params=[InvalidParam(name=param.pointer, reason=param.reason) for param in params] or None,
        job_status=error.status if isinstance(error, errors.AlreadyFinished | errors.NotFinished) else None,
        job_id=error.job_id if isinstance(error, errors.AssetInUse) else None,
    )


def to_response(error: NexusdError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer that tells of `error`."""
    problem = to_problem(error)
    more = dict(headers or {})
    if isinstance(error, errors.Unavailable):
        more["Retry-After"] = str(error.retry_after_seconds)
    content = problem.model_dump_json(by_alias=True, exclude_none=True)
    return Response(content, problem.status, more, media_type=PROBLEM_CONTENT_TYPE)


def install(app: FastAPI) -> None:
    """Let every error of `app` become a problem document."""
    app.add_exception_handler(NexusdError, _tell)
    app.add_exception_handler(RequestValidationError, _tell_invalid)
    app.add_exception_handler(HTTPException, _tell_http)
    app.add_exception_handler(Exception, _tell_internal)


async def _tell(request: Request, error: Exception) -> Response:
    assert isinstance(error, NexusdError)
    if type(error) in STATUS:
        return to_response(error)
    logger.error("unexpected error", exc_info=error, extra={"path": request.url.path})
    return await _tell_internal(request, error)


async def _tell_invalid(_request: Request, error: Exception) -> Response:
    """The query is wrong: bodies are checked by `bodies`. The second part of a location is the parameter's name."""
    assert isinstance(error, RequestValidationError)
    params = tuple(errors.InvalidParam(f"?{found['loc'][1]}", found["msg"]) for found in error.errors())
    names = ", ".join(dict.fromkeys(param.pointer.removeprefix("?") for param in params))
    return to_response(errors.InvalidRequest(f"not valid: {names}", params))


async def _tell_http(request: Request, error: Exception) -> Response:
    """The router's own refusals."""
    assert isinstance(error, HTTPException)
    told: NexusdError
    match error.status_code:
        case http.HTTPStatus.NOT_FOUND:
            told = errors.NotFound(f"there is nothing at {request.url.path}; GET /openapi.json lists what there is")
        case http.HTTPStatus.METHOD_NOT_ALLOWED:
            told = errors.MethodNotAllowed(f"{request.method} is not possible here")
        case _:
            told = errors.MalformedRequest(str(error.detail))
    return to_response(told, error.headers)


async def _tell_internal(_request: Request, _error: Exception) -> Response:
    """The server logs the traceback; the client learns where to look."""
    return to_response(NexusdError("something went wrong inside the daemon; its log says what"))
