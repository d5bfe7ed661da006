"""Reading the events of a company: from where, up to where, which of them.

What is over and done is read from the stream of all companies, because its last event is known beforehand: that of the company,
or of some types, would be silent at its end. What is to come is followed in the company's own.

Moments are found by looking at single events, half of what is left each time: ids are given in the order of time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from nexusctl.errors import Interrupted, UsageError
from nexusctl.output.events import event_text
from nexusd.contract.events import AssetEvent, EventType, JobEvent, ProgressEvent, ResetEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nexusctl.client.frames import StreamEvent
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session
    from nexusctl.output.forms import Form
    from nexusctl.output.screen import Screen

LATEST: Final = 100
_AGO: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)", re.IGNORECASE)
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_EVENT_ID_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: of these types, after an id or since a moment, and whether those to come as well."""

    types: frozenset[str] | None
    since: int | datetime | None
    follow: bool


def read_types(given: Sequence[str] | None) -> frozenset[str] | None:
    """Return the types that are named, apart or with commas; `job.` is short for `content_job.`. Raises UsageError."""
    if not given:
        return None
    found = set()
    for name in (part.strip() for text in given for part in text.split(",")):
        full = f"content_{name}" if name.startswith("job.") else name
        matching = {kind.value for kind in EventType if full in (kind.value, kind.value.partition(".")[0])}
        if name == "job":
            matching = {kind.value for kind in EventType if kind.value.startswith("content_job.")}
        if not matching:
            raise UsageError(f"there is no type of event {name!r}", hint=f"there are: {', '.join(EventType)}")
        found |= matching
    return frozenset(found)


def read_since(text: str | None, now: datetime | None = None) -> int | datetime | None:
    """Return the event's id or the moment that a text stands for. Raises UsageError."""
    if text is None:
        return None
    if text.isascii() and text.isdigit() and int(text) <= _EVENT_ID_MAX:
        return int(text)
    if ago := _AGO.fullmatch(text):
        return (now or datetime.now(UTC)) - timedelta(seconds=float(ago[1]) * _SECONDS[ago[2].lower()])
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        hint = "give an event's id, how long ago (90s, 10m, 2h, 3d), or a time (2026-01-31, 2026-01-31T12:00:00Z)"
        raise UsageError(f"--since {text!r} is neither an id nor a time", hint=hint) from None


def print_events(session: Session, nexus: Nexus, screen: Screen, form: Form, wanted: Wanted, job_id: str | None) -> None:
    """Print the events that are wanted, of one job or of the company. Raises Interrupted on Ctrl-C of what is followed."""
    last: int | None = None
    try:
        for event in _iter_events(nexus, wanted, job_id):
            last = last if event.id is None else event.id
            document = {"id": event.id, "event": event.name, **event.document}
            form.write_line(screen, document, partial(event_text, event.id, event.name, event.data, screen.style))
    except KeyboardInterrupt:
        since = () if last is None else ("--since", str(last))
        raise Interrupted("stopped following", hint=f"go on with: {session.suggest('events', '--follow', *since)}") from None


def _iter_events(nexus: Nexus, wanted: Wanted, job_id: str | None) -> Iterator[StreamEvent]:
    status = nexus.status()
    follow = wanted.follow
    after = None if not follow or wanted.since is not None else status.last_event_id
    if job_id is not None and nexus.get_job(job_id).status.is_terminal:  # looked at after the place was taken: no end is missed
        follow, status = False, nexus.status()
    highest, oldest = status.last_event_id, status.events.pruned_through
    if after is None:
        after = _find_place(nexus, wanted, oldest, highest)
    if follow:
        yield from _follow(nexus, wanted.types, after, job_id)
        return
    company_id = _company_id(nexus)
    for event in _iter_up_to(nexus, max(after, oldest), highest):
        if _is_wanted(event, wanted.types, company_id, job_id):
            yield event


def _follow(nexus: Nexus, wanted: frozenset[str] | None, after: int, job_id: str | None) -> Iterator[StreamEvent]:
    """Follow the company, or one job that is not over to its end, whose types are then asked for as well."""
    types = None if wanted is None else sorted(wanted | (_ENDS if job_id is not None else frozenset()))
    for event in nexus.follow_company(types=types, after=after):
        if _is_wanted(event, wanted, None, job_id):
            yield event
        if isinstance(event.data, JobEvent) and event.data.job_id == job_id and event.data.job.status.is_terminal:
            return


_ENDS: Final = frozenset({EventType.JOB_DONE.value, EventType.JOB_FAILED.value, EventType.JOB_CANCELLED.value})


def _find_place(nexus: Nexus, wanted: Wanted, oldest: int, highest: int) -> int:
    """Return the id after which to begin."""
    if isinstance(wanted.since, int):
        return wanted.since
    if wanted.since is None:
        return max(oldest, highest - LATEST)
    return find_moment(nexus, wanted.since, oldest, highest)


def find_moment(nexus: Nexus, moment: datetime, oldest: int, highest: int) -> int:
    """Return the id after which the events are not before `moment`; between `oldest` and `highest`, both included."""
    low, high = oldest, highest
    while low < high:
        middle = (low + high) // 2
        with nexus.follow_all(after=middle) as events:
            event = next(events)
        if isinstance(event.data, ResetEvent):  # pruned meanwhile
            low = min(high, max(middle + 1, event.data.oldest_available - 1))
        elif event.id is None or _created_at(event) >= moment:
            high = middle
        else:
            low = event.id
    return low


def _iter_up_to(nexus: Nexus, after: int, highest: int) -> Iterator[StreamEvent]:
    if after >= highest:
        return
    with nexus.follow_all(after=after) as events:
        for event in events:
            if isinstance(event.data, ResetEvent):  # pruned meanwhile, and what was asked for with it
                yield event
                return
            yield event
            if event.id is not None and event.id >= highest:
                return


def _created_at(event: StreamEvent) -> datetime:
    assert isinstance(event.data, JobEvent | ProgressEvent | AssetEvent)
    return event.data.created_at


def _is_wanted(event: StreamEvent, types: frozenset[str] | None, company_id: str | None, job_id: str | None) -> bool:
    """Whether to print an event. What is said about the stream itself always is, but for a snapshot of other jobs."""
    if not isinstance(event.data, JobEvent | ProgressEvent | AssetEvent):
        return True
    if types is not None and event.name not in types and event.id is not None:
        return False
    return (company_id is None or event.data.company_id == company_id) and (job_id is None or event.data.job_id == job_id)


def _company_id(nexus: Nexus) -> str:
    from nexusctl.client import calls

    return nexus.call(calls.get_company(nexus.company)).id
