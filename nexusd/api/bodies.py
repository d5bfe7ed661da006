"""JSON bodies: bounded while they arrive, then parsed and checked in one go. And what the headers of any body say."""

from __future__ import annotations

import json
import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from nexusd.contract.jobs import IDEMPOTENCY_KEY_MAX_LENGTH
from nexusd.contract.validation import invalid_params
from nexusd.errors import InvalidParam, InvalidRequest, MalformedRequest, PayloadTooLarge, UnsupportedMediaType

if TYPE_CHECKING:
    from starlette.requests import Request

    from nexusd.contract import base

M = TypeVar("M", bound="base.Request")
BINARY: Final = "application/octet-stream"
MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")


async def read_json(request: Request, model: type[M], max_bytes: int) -> M:
    """Return the body as a `model`.

    Raises UnsupportedMediaType, PayloadTooLarge, MalformedRequest when it is no JSON, InvalidRequest naming each wrong place.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType("the body must be JSON, with Content-Type: application/json")
    body = await _read(request, max_bytes)
    _refuse_nan(body)
    try:
        return model.model_validate_json(body, by_alias=True, by_name=False)
    except ValidationError as error:
        raise _explain(error, body) from None


async def _read(request: Request, max_bytes: int) -> bytes:
    announced = announced_bytes(request)
    if announced is not None and announced > max_bytes:
        raise PayloadTooLarge(f"the body has {announced} bytes; {max_bytes} are allowed here")
    body = bytearray()
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > max_bytes:
                raise PayloadTooLarge(f"the body has more than the {max_bytes} bytes that are allowed here")
    return bytes(body)


def _refuse_nan(body: bytes) -> None:
    """NaN and the infinities are Python's idea of JSON: whoever reads them later would not agree on what they are."""
    if b"NaN" in body or b"Infinity" in body:
        try:
            from_json(body, allow_inf_nan=False)
        except ValueError as error:
            raise MalformedRequest(f"the body is not JSON: {error}") from None


def announced_bytes(request: Request) -> int | None:
    """Return the Content-Length, which the server has checked to be a number."""
    length = request.headers.get("content-length")
    return None if length is None else int(length)


def media_type(text: str) -> str:
    """Return the media type in a Content-Type, without its parameters.

    Raises UnsupportedMediaType when it is none that a file can have.
    """
    found = text.partition(";")[0].strip().lower()
    if not MEDIA_TYPE.fullmatch(found) or found.startswith("multipart/"):
        raise UnsupportedMediaType(
            f"the body must be a file or a form, and Content-Type the media type of the file, not {found!r}"
        )
    return found


def _explain(error: ValidationError, body: bytes) -> Exception:
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        return MalformedRequest(f"the body is not JSON: {first['ctx']['error']}")
    params = invalid_params(error, json.loads(body))
    names = ", ".join(param.pointer for param in params[:5])
    return InvalidRequest(f"not valid: {names}" if names else "the body is not valid", params)


def idempotency_key(request: Request) -> str | None:
    """Return the Idempotency-Key, None without one.

    Raises InvalidRequest for an empty or overlong one: a client that sends such a key believes to be safe, and is not.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= IDEMPOTENCY_KEY_MAX_LENGTH:
        wrong = InvalidParam("Idempotency-Key", f"must have 1 to {IDEMPOTENCY_KEY_MAX_LENGTH} characters")
        raise InvalidRequest("the Idempotency-Key cannot be used", (wrong,))
    return key
