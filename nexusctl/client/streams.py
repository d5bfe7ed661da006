"""Streams that are followed for ever: connections that are lost, ended or silent are made again and resumed by id.

Owns when to connect again; the place in the stream is the `reader`'s, the connection is `transport`'s.

Invariants: no row is returned twice and none is left out, unless a `reset` has said so; a connection without a byte for three
keep-alives is given up; pauses grow while nothing comes and begin anew with the first frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import httpx

from nexusctl.client import calls
from nexusctl.client.backoff import Backoff
from nexusctl.client.following import Following
from nexusctl.client.frames import JOB
from nexusctl.client.transport import read_passing_trouble
from nexusctl.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from nexusctl.client.frames import StreamEvent
    from nexusctl.client.reader import Reader
    from nexusctl.client.transport import Transport

EventT = TypeVar("EventT")

SILENCE_SECONDS: Final = 45.0
"""Three of the daemon's keep-alives."""

_LONGEST_PAUSE_SECONDS: Final = 5.0
_NO_CONTENT: Final = 204


def follow_job(
    transport: Transport, company: str, job_id: str, last_event_id: int | None, silence_seconds: float
) -> Iterator[StreamEvent]:
    """Return a job's events up to its terminal status."""
    following = Following(last_event_id, JOB)

    def conclude() -> Iterator[StreamEvent]:
        return following.conclude(transport.call(calls.get_job(company, job_id)))

    return Stream(transport, calls.job_events_path(company, job_id), {}, silence_seconds).follow(following, conclude)


def follow_events(
    transport: Transport, path: str, types: Iterable[str] | None, following: Following, silence_seconds: float
) -> Iterator[StreamEvent]:
    """Return the events of a company, or of all, for ever."""
    params = {} if types is None else {"types": [str(kind) for kind in types]}
    return Stream(transport, path, params, silence_seconds).follow(following)


class Stream:
    """One stream, and the pauses between its connections."""

    def __init__(self, transport: Transport, path: str, params: Mapping[str, list[str]], silence_seconds: float) -> None:
        self._transport = transport
        self._path = path
        self._params = params
        self._silence_seconds = silence_seconds
        self._backoff = Backoff(longest_seconds=_LONGEST_PAUSE_SECONDS)

    def follow(self, reader: Reader[EventT], conclude: Callable[[], Iterator[EventT]] = lambda: iter(())) -> Iterator[EventT]:
        """Connect, and again, until the reader is finished. `conclude` gives the end when the daemon answers 204."""
        while True:
            reason, asked_seconds = "nexusd ended the stream", 0.0
            try:
                yield from self._follow_once(reader, conclude)
            except (httpx.TransportError, Refused) as error:
                reason, asked_seconds = read_passing_trouble(error)
            if reader.finished:
                return
            if not reader.hurry:
                pause_seconds = max(asked_seconds, reader.pause_seconds)
                self._transport.patience.failed(reason, pause_seconds=pause_seconds, backoff=self._backoff)

    def _follow_once(self, reader: Reader[EventT], conclude: Callable[[], Iterator[EventT]]) -> Iterator[EventT]:
        headers, params = reader.connected(), {**self._params, **reader.params}
        with self._transport.open_stream(self._path, headers, params=params, silence_seconds=self._silence_seconds) as response:
            if response.status_code != _NO_CONTENT:
                for chunk in response.iter_raw():
                    yield from reader.receive(chunk)
                    self._note(reader)
                return
        yield from conclude()

    def _note(self, reader: Reader[EventT]) -> None:
        if reader.retry_seconds is not None:
            self._backoff.first_seconds = reader.retry_seconds
        if reader.heard:
            self._backoff.reset()
            self._transport.patience.answered()
