"""Plans that walk lists longer than a page, item by item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nexusctl.client import asking
from nexusctl.client.steps import Tell
from nexusctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nexusctl.client.calls import Call
    from nexusctl.client.patience import Patience
    from nexusctl.client.steps import Telling

PAGE_ITEMS: Final = 100


def walk(patience: Patience, make_call: Callable[..., Call[Any]], limit: int | None = None) -> Telling[Any]:
    """Tell the items of a list, all or so many. `make_call` asks for a page: by `cursor`, and by `limit` if there is one."""
    if limit is not None and limit < 0:
        raise UsageError("a limit is not negative")
    left, cursor = limit, None
    while left is None or left > 0:
        size = {} if left is None else {"limit": min(left, PAGE_ITEMS)}
        page = yield from asking.call(patience, make_call(cursor=cursor, **size))
        for item in page.items[:left]:
            yield Tell(item)
        left = None if left is None else left - len(page.items)
        if (cursor := page.next_cursor) is None:
            return
