"""What handlers share: the services behind them, and how a model becomes an answer and a line of the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from nexusd.contract.jobs import IDEMPOTENCY_KEY_MAX_LENGTH
from nexusd.contract.problems import PROBLEM_CONTENT_TYPE, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel
    from starlette.requests import Request

    from nexusd.service import Services

SCHEMAS: Final = "#/components/schemas/"
EVENT_STREAM: Final = "text/event-stream"
PROBLEM_CONTENT: Final = {PROBLEM_CONTENT_TYPE: {"schema": {"$ref": SCHEMAS + Problem.__name__}}}


def services(request: Request) -> Services:
    """Return the use cases."""
    found: Services = request.app.state.services
    return found


def answer(
    model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None, *, omit_none: bool = False
) -> Response:
    """Return `model` as JSON. Straight to bytes: FastAPI would validate and encode it once more."""
    content = model.model_dump_json(by_alias=True, exclude_none=omit_none)
    return Response(content, status, headers, media_type="application/json")


def document(status: int, model: type[BaseModel] | None, description: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route: one success, and problems for all else."""
    success: dict[str, Any] = {"description": description}
    if model is not None:
        success["model"] = model
    return {status: success, "default": {"description": "A problem, RFC 9457.", "content": PROBLEM_CONTENT}}


def document_stream(description: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of an event stream."""
    found = document(200, None, description)
    found[200]["content"] = {EVENT_STREAM: {"schema": {"type": "string"}}}
    return found


def document_header(name: str, schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that reads a header by itself."""
    return {"parameters": [{"name": name, "in": "header", "schema": schema, "description": description}]}


def document_headers(descriptions: Mapping[str, str]) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that reads headers by itself, each a text."""
    found = [document_header(name, {"type": "string"}, description) for name, description in descriptions.items()]
    return {"parameters": [parameter for one in found for parameter in one["parameters"]]}


def document_body(model: type[BaseModel]) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that reads a JSON body by itself."""
    schema = {"schema": {"$ref": SCHEMAS + model.__name__}}
    return {"requestBody": {"required": True, "content": {"application/json": schema}}}


def document_key() -> dict[str, Any]:
    """Return the `openapi_extra` of a route that takes an Idempotency-Key."""
    schema = {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_MAX_LENGTH}
    safe = "Makes the request safe to repeat: the same key and body give the same jobs."
    return document_header("Idempotency-Key", schema, safe)
