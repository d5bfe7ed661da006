"""What both drivers know of httpx: how a client of the daemon is made, how a step becomes a request, what its errors mean.

Invariant: with `read_error` around what httpx does, none of its exceptions gets further.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx

from nexusctl.client.bodies import Body
from nexusctl.client.steps import Lost
from nexusctl.errors import BadAnswer, NexusctlError, UsageError

if TYPE_CHECKING:
    from nexusctl.client.steps import Ask

CONNECT_SECONDS: Final = 5.0
ERRORS: Final = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)
"""All that httpx raises about a request."""
OPTIONS: Final[dict[str, Any]] = {
    "base_url": "http://nexusd",
    "trust_env": False,
}
LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=4)
"""Streams hold a connection each, and the daemon bounds those."""
SENDING: Final = "http11.send_request_headers.started"
"""What httpx tells the `trace` of a request when its connection is there and is its own."""
_HANGS: Final = (httpx.ReadTimeout, httpx.WriteTimeout)


def build_request(http: httpx.Client | httpx.AsyncClient, ask: Ask) -> httpx.Request:
    """Return the request of a step; the driver gives it a `stream` when there is a Body."""
    is_streamed = isinstance(ask.body, Body)
    request = http.build_request(
        ask.method,
        ask.path,
        params=dict(ask.params) or None,
        headers={"Accept-Encoding": "identity", **ask.headers},
        content=None if isinstance(ask.body, Body) else ask.body,
        timeout=httpx.Timeout(ask.silence_seconds, connect=CONNECT_SECONDS),
    )
    if is_streamed:
        request.headers.pop("Content-Length", None)
        request.headers["Transfer-Encoding"] = "chunked"
    return request


def require_open(http: httpx.Client | httpx.AsyncClient) -> None:
    """Raise UsageError when the client is closed. A stream that ended then in silence would tell of an end that was none."""
    if http.is_closed:
        raise UsageError("this client is closed", hint="use it, and its streams, inside of its `with` block")


def read_error(error: Exception) -> Lost | NexusctlError:
    """Return what an error of httpx's means for a plan."""
    if isinstance(error, httpx.TransportError):
        return Lost(_reason_of(error), hangs=isinstance(error, _HANGS))
    return BadAnswer(f"cannot read the daemon's answer: {error}")


def _reason_of(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "nexusd did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return "nexusd is not running"
    return "the connection to nexusd broke"
