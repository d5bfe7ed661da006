"""Lists that are longer than a page, fetched as one document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from nexusctl.client.calls import Call
    from nexusctl.commands.asking import Sender
    from nexusd.contract.base import Answer

PAGE_MAX: Final = 100


def fetch_pages(nexus: Sender, make_call: Callable[[int, str | None], Call[Answer]], limit: int) -> dict[str, Any]:
    """Return up to `limit` items as one document, from as many pages as that takes; `nextCursor` is the last page's.

    `make_call` gets how many items to ask for, and the cursor.
    """
    items: list[Any] = []
    cursor: str | None = None
    while True:
        call = make_call(min(limit - len(items), PAGE_MAX), cursor)
        body = nexus.send(call)
        call.parse(body)  # BadAnswer when it is not what it should be
        document: dict[str, Any] = json.loads(body)
        items += document["items"]
        cursor = document.get("nextCursor")
        if cursor is None or not document["items"] or len(items) >= limit:
            return {**document, "items": items}
