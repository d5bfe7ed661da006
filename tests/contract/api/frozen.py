"""What clients were promised, as files: the problem catalogue and the description of the API.

A change of either file is a change of the contract: look at the diff, then write them anew with `python -m tests.contract.api`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import httpx

from nexusd.api.app import create_app
from nexusd.api.problems import STATUS
from nexusd.errors import NexusdError, Unavailable
from nexusd.server import problems as transport

if TYPE_CHECKING:
    from nexusd.service import Services

HERE: Final = Path(__file__).parent
CATALOGUE: Final = HERE / "problems.json"
OPENAPI: Final = HERE / "openapi.json"


def catalogue() -> dict[str, Any]:
    """Return every problem a client can meet: those of the application, and those of the transport under it."""
    told = {
        kind.slug: {"status": status, "title": kind.title}
        | ({"retryAfter": kind.retry_after_seconds} if issubclass(kind, Unavailable) else {})
        for kind, status in STATUS.items()
    }
    told[NexusdError.slug] = {"status": 500, "title": NexusdError.title}
    beneath = {slug: {"status": status, "title": title} for status, (slug, title) in transport._SLUGS.items()}
    return {"application": told, "transport": beneath}


async def description() -> dict[str, Any]:
    """Return `/openapi.json` as a client gets it, but for the version of the program."""
    transport = httpx.ASGITransport(create_app(cast("Services", None)))
    async with httpx.AsyncClient(transport=transport, base_url="http://nexusd") as client:
        answer = await client.get("/openapi.json")
        again = await client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.content == again.content
    found: dict[str, Any] = answer.json()
    found["info"]["version"] = "…"
    return found


def to_text(document: dict[str, Any]) -> str:
    """Return a document as it lies in its file."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
