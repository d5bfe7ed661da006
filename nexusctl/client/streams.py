"""Streams that are followed for ever: connections that are lost, ended or silent are made again and resumed by id.

Owns when to connect again; the place in the stream is the `reader`'s.

Invariants: no row is told twice and none is left out, unless a `reset` has said so; a connection without a byte for three
keep-alives is given up; pauses grow while nothing comes and begin anew with the first frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from nexusctl.client import asking, calls
from nexusctl.client.asking import read_passing_trouble
from nexusctl.client.backoff import Backoff
from nexusctl.client.following import Following
from nexusctl.client.frames import EVENTS, JOB
from nexusctl.client.log_following import LogFollowing
from nexusctl.client.steps import Ask, Lost, Read, Tell
from nexusctl.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from nexusctl.client.frames import StreamEvent
    from nexusctl.client.log_following import LogFrame
    from nexusctl.client.patience import Patience
    from nexusctl.client.reader import Reader
    from nexusctl.client.steps import Step, Telling
    from nexusd.contract.jobs import Job

EventT = TypeVar("EventT")

SILENCE_SECONDS: Final = 45.0
"""Three of the daemon's keep-alives."""

_LONGEST_PAUSE_SECONDS: Final = 5.0
_NO_CONTENT: Final = 204


@dataclass(frozen=True, slots=True)
class Source:
    """Where a stream is, and what is asked for on every connection. `job` is whose end a 204 tells: a company and an id."""

    path: str
    silence_seconds: float
    params: Mapping[str, Sequence[str]] = field(default_factory=dict)
    job: tuple[str, str] | None = None


def follow_job(
    patience: Patience, company: str, job_id: str, last_event_id: int | None, silence_seconds: float
) -> Telling[StreamEvent]:
    """Tell a job's events up to its terminal status."""
    following = Following(last_event_id, JOB)
    source = Source(calls.job_events_path(company, job_id), silence_seconds, job=(company, job_id))
    return follow(patience, source, following, following.conclude)


def follow_events(
    patience: Patience, path: str, types: Iterable[str] | None, after: int | None, silence_seconds: float, *, snapshot: bool
) -> Telling[StreamEvent]:
    """Tell the events of a company, or of all, for ever."""
    params = {} if types is None else {"types": [str(kind) for kind in types]}
    return follow(patience, Source(path, silence_seconds, params), Following(after, EVENTS, snapshot=snapshot))


def follow_log(patience: Patience, company: str, job_id: str, attempt: int | None, silence_seconds: float) -> Telling[LogFrame]:
    """Tell what there is of a log and what comes, to its end."""
    reader = LogFollowing(attempt)
    source = Source(calls.log_path(company, job_id), silence_seconds, job=(company, job_id))
    return follow(patience, source, reader, reader.conclude)


def follow(
    patience: Patience,
    source: Source,
    reader: Reader[EventT],
    conclude: Callable[[Job], Iterator[EventT]] | None = None,
) -> Telling[EventT]:
    """Connect, and again, until the reader is finished. `conclude` makes the end of the job when the daemon answers 204."""
    backoff = Backoff(longest_seconds=_LONGEST_PAUSE_SECONDS)
    while True:
        reason, asked_seconds = "nexusd ended the stream", 0.0
        try:
            if not (yield from _follow_once(patience, source, reader, backoff)) and source.job and conclude:
                for event in conclude((yield from asking.call(patience, calls.get_job(*source.job)))):
                    yield Tell(event)
        except (Lost, Refused) as error:
            reason, asked_seconds = read_passing_trouble(error)
        if reader.finished:
            return
        if not reader.hurry:
            pause_seconds = max(asked_seconds, reader.pause_seconds)
            yield from patience.failed(reason, pause_seconds=pause_seconds, backoff=backoff)


def _follow_once(
    patience: Patience, source: Source, reader: Reader[EventT], backoff: Backoff
) -> Generator[Step | Tell[EventT], Any, bool]:
    """Tell what one connection does; return False when there is nothing left to tell."""
    headers, params = reader.connected(), {**source.params, **reader.params}
    head = yield from asking.open_answer(Ask("GET", source.path, params, headers, silence_seconds=source.silence_seconds))
    if head.status == _NO_CONTENT:
        return False
    while not reader.finished and (chunk := (yield Read())):
        for event in reader.receive(chunk):
            yield Tell(event)
        _note(patience, reader, backoff)
    return True


def _note(patience: Patience, reader: Reader[EventT], backoff: Backoff) -> None:
    if reader.retry_seconds is not None:
        backoff.first_seconds = reader.retry_seconds
    if reader.heard:
        backoff.reset()
        patience.answered()
