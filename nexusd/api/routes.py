"""How all our routes are: one that takes no query refuses one, as those with a query refuse what they do not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.routing import APIRoute

from nexusd.errors import InvalidParam, InvalidRequest

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class StrictRoute(APIRoute):
    """A route that loses no misspelt option in silence. Its path parameters are text."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request. A handler that takes no query is called as it is: FastAPI has nothing to find out for it.

        Raises InvalidRequest.
        """
        if self.dependant.query_params or scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        if scope["query_string"]:
            names = dict.fromkeys(part.partition("=")[0] for part in scope["query_string"].decode("latin-1").split("&"))
            wrong = tuple(InvalidParam(f"?{name}", "this route takes no query") for name in names)
            raise InvalidRequest(f"not valid: {', '.join(names)}", wrong)
        response = await self.endpoint(Request(scope, receive), **scope["path_params"])
        await response(scope, receive, send)
