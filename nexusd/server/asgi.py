"""The types of an ASGI application, as far as this server speaks them.

Source: ASGI 3.0, HTTP specification version 2.4.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class PeerGone(OSError):
    """Nobody is left to read the answer. Raised by `send`, as ASGI 2.4 asks."""
