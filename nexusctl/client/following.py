"""Where a reader of one job's event stream stands: the cursor, and what each frame means. No I/O.

Owns the rule of resuming: which id to send, which frames are old, when the job is over. Owns neither connections nor waiting.

Invariants:
1. An event is returned at most once: frames whose id is not above the cursor were seen before.
2. The cursor moves only past events that were returned, past keep-alives, and to where a `reset` says.
3. Nothing is returned after the terminal status.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nexusctl.client.calls import parse_model
from nexusctl.errors import BadAnswer
from nexusctl.sse import Frame, FrameTooLarge, Parser
from nexusd.contract.events import JobEvent, ProgressEvent, ResetEvent, StoppingEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nexusd.contract.jobs import Job

EventData = JobEvent | ProgressEvent | ResetEvent | StoppingEvent

_MODELS: Final[dict[str, type[JobEvent] | type[ProgressEvent] | type[ResetEvent] | type[StoppingEvent]]] = {
    "status": JobEvent,
    "progress": ProgressEvent,
    "reset": ResetEvent,
    "server.stopping": StoppingEvent,
}
_ID_MAX_DIGITS: Final = 19


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a job: `name` is the frame's, `data` its typed content, `document` the JSON as it came."""

    id: int | None
    name: str
    data: EventData
    document: dict[str, Any]


class Following:
    """One reader of one job, across any number of connections: `connected`, `receive` …, then `connected` again."""

    def __init__(self, last_event_id: int | None = None) -> None:
        self.cursor = last_event_id
        self.finished = False
        self._parser = Parser()

    def connected(self) -> dict[str, str]:
        """Begin a connection; return the headers to send."""
        self._parser = Parser()
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self.cursor is not None:
            headers["Last-Event-ID"] = str(self.cursor)
        return headers

    def receive(self, chunk: bytes) -> Iterator[StreamEvent]:
        """Take bytes of the stream; return the new events in them. Raises BadAnswer."""
        try:
            frames = self._parser.feed(chunk)
        except FrameTooLarge as error:
            raise BadAnswer(f"cannot follow the job: {error}") from None
        for frame in frames:
            if not self.finished and (event := self._take(frame)) is not None:
                yield event
        if not self.finished:
            self._advance(_number(self._parser.last_event_id))

    def conclude(self, job: Job) -> Iterator[StreamEvent]:
        """Take the job itself, when the daemon says that its stream has nothing left; return its last status."""
        if self.finished or not job.status.is_terminal:
            return
        self.finished = True
        moment = job.finished_at or job.updated_at
        data = JobEvent(company_id=job.company_id, job_id=job.id, created_at=moment, job=job)
        document = data.model_dump(mode="json", by_alias=True)
        yield StreamEvent(self.cursor, "status", data, document)

    def _take(self, frame: Frame) -> StreamEvent | None:
        model = _MODELS.get(frame.event)
        if model is None:  # a later daemon may tell more
            return None
        number = _number(frame.id)
        is_row = frame.event in ("status", "progress")
        if is_row and number is not None and self.cursor is not None and number <= self.cursor:
            return None
        data = parse_model(model, frame.data, what=f"the event stream ({frame.event})")
        if isinstance(data, ResetEvent):
            self.cursor = data.resumed_from
        elif is_row:
            self._advance(number)
        self.finished = isinstance(data, JobEvent) and data.job.status.is_terminal
        stated = None if isinstance(data, StoppingEvent) else number  # which is no row, and only inherits the last id
        return StreamEvent(stated, frame.event, data, json.loads(frame.data))

    def _advance(self, number: int | None) -> None:
        if number is not None and (self.cursor is None or number > self.cursor):
            self.cursor = number


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _ID_MAX_DIGITS else None
