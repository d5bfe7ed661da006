"""Who may talk to the daemon at all, asked before anything is routed.

The socket's mode and the peer's uid keep other users out (the server checks them). What is left are browsers: a page must not
reach a local daemon, whatever proxy is in between. So any `Origin` is refused, and the `Host` must be one of ours.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from nexusd.api.problems import to_response
from nexusd.errors import Forbidden

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from nexusd.server import Peer

HOSTS: Final = frozenset({b"", b"nexusd", b"localhost"})


def admit(peer: Peer) -> bool:
    """Tell whether a peer is this user. Root is a stranger too, unless the daemon is root's."""
    return peer.uid == os.geteuid()


class LocalOnly:
    """ASGI middleware: refuses requests that come from a web page or name a foreign host."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 403."""
        if scope["type"] == "http" and (reason := _refusal(scope["headers"])) is not None:
            await to_response(Forbidden(reason))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _refusal(headers: list[tuple[bytes, bytes]]) -> str | None:
    for name, value in headers:
        if name == b"origin":
            return "requests from web pages are refused: an Origin header came along"
        if name == b"host" and value.lower() not in HOSTS:
            return "the Host header must be nexusd or localhost"
    return None
