"""HTTP over the daemon's Unix socket, synchronously: deadlines, bounds, and trying again.

Owns the connections. While the daemon is away a call is repeated, within the patience (every call of `calls` may be). What to
send and how to read it is `calls`'; how a stream goes on after its connection broke is `streams`'.

Invariants:
1. An error on the wire leaves `send` as a NexusctlError; no exception of httpx does. Who uses `send_once` and `open_stream`
   decides about a TransportError himself.
2. Answers other than streams and contents are read whole and are bounded by ANSWER_MAX_BYTES.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import httpx

from nexusctl.client import calls
from nexusctl.errors import BadAnswer, NexusctlError, Refused, Unreachable
from nexusd.contract.base import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from nexusctl.client.calls import Call
    from nexusctl.client.patience import Patience

AnswerT = TypeVar("AnswerT", bound=Answer)

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 30.0
ANSWER_MAX_BYTES: Final = 64 * 1024 * 1024
UNAVAILABLE: Final = 503
_HANGS: Final = (httpx.ReadTimeout, httpx.WriteTimeout)


class Transport:
    """The connections to one daemon. Use as a context manager; not for use by several threads at once."""

    def __init__(self, socket: Path, patience: Patience) -> None:
        self.patience = patience
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket), verify=False),
            base_url="http://nexusd",
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, call: Call[AnswerT]) -> AnswerT:
        """Send a call and read its answer."""
        return call.parse(self.send(call))

    def send(self, call: Call[AnswerT]) -> bytes:
        """Send a call and return the body of its answer as it came. Raises Refused, BadAnswer or Unreachable."""
        while True:
            try:
                body = self.send_once(call)
            except httpx.TransportError as error:
                if isinstance(error, _HANGS):
                    raise Unreachable(reason_of(error), hint="see the daemon's log") from None
                self.patience.failed(reason_of(error))
            except Refused as refused:
                if refused.status != UNAVAILABLE:
                    raise
                self._wait_available(refused)
            else:
                self.patience.answered()
                return body

    def send_once(self, call: Call[AnswerT]) -> bytes:
        """Send a call and return the body of its answer. Raises Refused, BadAnswer or httpx's TransportError."""
        headers = {"Accept-Encoding": "identity", "Accept": "application/json", **call.headers}
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, read=None if call.is_long else ANSWER_SECONDS)
        try:
            with self._http.stream(
                call.method,
                call.path,
                params=dict(call.params) or None,
                headers=headers,
                content=call.content(),
                timeout=timeout,
            ) as response:
                if calls.is_error(response.status_code):
                    raise _read_problem(response)
                return _read_bounded(response)
        except httpx.TransportError:
            raise
        except httpx.HTTPError as error:
            raise BadAnswer(f"cannot read the daemon's answer: {error}") from None

    @contextmanager
    def open_stream(
        self,
        path: str,
        headers: Mapping[str, str],
        *,
        params: Mapping[str, Any] | None = None,
        silence_seconds: float = ANSWER_SECONDS,
    ) -> Iterator[httpx.Response]:
        """Open an answer that is read piece by piece. Raises Refused, BadAnswer or httpx's TransportError."""
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, read=silence_seconds)
        headers = {"Accept-Encoding": "identity", **headers}
        with self._http.stream("GET", path, params=params or None, headers=headers, timeout=timeout) as response:
            if calls.is_error(response.status_code):
                raise _read_problem(response)
            yield response

    def _wait_available(self, refused: Refused) -> None:
        """Pause as the daemon asks. Raises `refused` when the patience is used up."""
        try:
            self.patience.failed(str(refused), pause_seconds=refused.retry_after_seconds or 0.0)
        except Unreachable:
            raise refused from None


def read_passing_trouble(error: httpx.TransportError | Refused) -> tuple[str, float]:
    """Return what happened, for people, and how many seconds the daemon asks to wait. Raises what waiting does not mend."""
    if isinstance(error, Refused):
        if error.status != UNAVAILABLE:
            raise error
        return str(error), error.retry_after_seconds or 0.0
    return reason_of(error), 0.0


def reason_of(error: httpx.TransportError) -> str:
    """Return what happened, for people."""
    if isinstance(error, httpx.TimeoutException):
        return "nexusd did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return "nexusd is not running"
    return "the connection to nexusd broke"


def _read_problem(response: httpx.Response) -> NexusctlError:
    return calls.read_problem(response.status_code, _read_bounded(response), response.headers.get("Retry-After"))


def _read_bounded(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > ANSWER_MAX_BYTES:
            raise BadAnswer(f"the daemon's answer is longer than {ANSWER_MAX_BYTES} bytes")
        parts.append(chunk)
    return b"".join(parts)
