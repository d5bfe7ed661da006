"""Streams that are followed for ever: connections that are lost, ended or silent are made again and resumed by id.

Owns when to connect again and what for; the place in the stream is `following`'s, the connection `transport`'s.

Invariants: no row is returned twice and none is left out, unless a `reset` has said so; a connection without a byte for three
keep-alives is given up; pauses grow while nothing comes and begin anew with the first frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx

from nexusctl.client import calls
from nexusctl.client.backoff import Backoff
from nexusctl.client.following import Following
from nexusctl.client.frames import EVENTS, JOB
from nexusctl.client.transport import UNAVAILABLE, reason_of
from nexusctl.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from nexusctl.client.frames import StreamEvent
    from nexusctl.client.transport import Transport

SILENCE_SECONDS: Final = 45.0
"""Three of the daemon's keep-alives."""

_LONGEST_PAUSE_SECONDS: Final = 5.0
_NO_CONTENT: Final = 204

Params = dict[str, list[str]]


def follow_job(
    transport: Transport, company: str, job_id: str, last_event_id: int | None, silence_seconds: float
) -> Iterator[StreamEvent]:
    """Return a job's events up to its terminal status."""
    following = Following(last_event_id, JOB)

    def conclude() -> Iterator[StreamEvent]:
        return following.conclude(transport.call(calls.get_job(company, job_id)))

    stream = _Stream(transport, calls.job_events_path(company, job_id), {}, silence_seconds)
    return stream.follow(following, conclude)


def follow_events(
    transport: Transport, path: str, types: Iterable[str] | None, following: Following, silence_seconds: float
) -> Iterator[StreamEvent]:
    """Return the events of a company, or of all, for ever."""
    params = {} if types is None else {"types": [str(kind) for kind in types]}
    return _Stream(transport, path, params, silence_seconds).follow(following, lambda: iter(()))


def follow_from(after: int | None, *, snapshot: bool) -> Following:
    """Return a reader of events that has not begun."""
    return Following(after, EVENTS, snapshot=snapshot)


class _Stream:
    """One stream, and the pauses between its connections."""

    def __init__(self, transport: Transport, path: str, params: Mapping[str, list[str]], silence_seconds: float) -> None:
        self._transport = transport
        self._path = path
        self._params = params
        self._silence_seconds = silence_seconds
        self._backoff = Backoff(longest_seconds=_LONGEST_PAUSE_SECONDS)

    def follow(self, following: Following, conclude: Callable[[], Iterator[StreamEvent]]) -> Iterator[StreamEvent]:
        """Connect, and again. `conclude` gives the last events when there are none left to stream."""
        while True:
            reason, asked_seconds = "nexusd ended the stream", 0.0
            try:
                yield from self._follow_once(following, conclude)
            except httpx.TransportError as error:
                reason = reason_of(error)
            except Refused as refused:
                if refused.status != UNAVAILABLE:
                    raise
                reason, asked_seconds = str(refused), refused.retry_after_seconds or 0.0
            if following.finished:
                return
            if not following.hurry:
                pause_seconds = max(asked_seconds, following.pause_seconds)
                self._transport.patience.failed(reason, pause_seconds=pause_seconds, backoff=self._backoff)

    def _follow_once(self, following: Following, conclude: Callable[[], Iterator[StreamEvent]]) -> Iterator[StreamEvent]:
        headers = following.connected()
        params = {**self._params, **({"snapshot": ["active"]} if following.asks_snapshot else {})}
        with self._transport.open_stream(self._path, headers, params=params, silence_seconds=self._silence_seconds) as response:
            if response.status_code != _NO_CONTENT:
                for chunk in response.iter_raw():
                    events = following.receive(chunk)
                    yield from events
                    self._note(following)
                return
        yield from conclude()

    def _note(self, following: Following) -> None:
        if following.retry_seconds is not None:
            self._backoff.first_seconds = following.retry_seconds
        if following.heard:
            self._backoff.reset()
            self._transport.patience.answered()
