"""Where a reader of a log that is followed stands, and what each frame means. No I/O.

Owns the rule of resuming: the id of the last frame, which names an attempt and an offset, is what to go on from. Owns neither
connections nor waiting.

Invariants:
1. The place moves only when a frame is whole, so a frame that was torn by a lost connection comes again, as a whole.
2. Nothing is returned after the end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nexusctl.client.calls import parse_model
from nexusctl.client.reader import Reader
from nexusd.contract.logs import LogEndEvent, LogEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nexusctl.sse import Frame
    from nexusd.contract.jobs import Job

_MODELS: Final[dict[str, type[LogEvent] | type[LogEndEvent]]] = {"log": LogEvent, "end": LogEndEvent}
_ID_MAX_DIGITS: Final = 19


@dataclass(frozen=True, slots=True)
class LogFrame:
    """One frame of a log: a piece of it, or its end. `document` is the JSON as it came."""

    id: int | None
    name: str
    data: LogEvent | LogEndEvent
    document: dict[str, Any]


class LogFollowing(Reader[LogFrame]):
    """One reader of one job's log: through all attempts, or of the one that is given."""

    def __init__(self, attempt: int | None = None) -> None:
        super().__init__()
        self.position: int | None = None
        self._attempt = attempt

    @property
    def params(self) -> Mapping[str, list[str]]:
        """To follow, and what."""
        return {"follow": ["true"]} | ({} if self._attempt is None else {"attempt": [str(self._attempt)]})

    def connected(self) -> dict[str, str]:
        """Begin a connection; return the headers to send."""
        return self._connect(self.position)

    def receive(self, chunk: bytes) -> Iterator[LogFrame]:
        """Take bytes of the stream; return the frames that they complete. Raises BadAnswer."""
        for frame in self._feed(chunk):
            if not self.finished and (told := self._take(frame)) is not None:
                yield told
        self._advance(self._parser.last_event_id)  # keep-alives are no frames, and carry it too

    def conclude(self, job: Job) -> Iterator[LogFrame]:
        """Take the job itself, when the daemon says that its log has nothing left; return the end."""
        self.finished = True
        data = LogEndEvent(attempt=job.attempt or None, status=job.status)
        yield LogFrame(self.position, "end", data, data.model_dump(mode="json", by_alias=True))

    def _take(self, frame: Frame) -> LogFrame | None:
        model = _MODELS.get(frame.event)
        if model is None:  # the daemon stops, which the end of the connection says as well; or a later one tells more
            return None
        data = parse_model(model, frame.data, what=f"the log ({frame.event})")
        self._advance(frame.id)
        self.finished = isinstance(data, LogEndEvent)
        return LogFrame(self.position, frame.event, data, json.loads(frame.data))

    def _advance(self, text: str) -> None:
        if text.isascii() and text.isdigit() and len(text) <= _ID_MAX_DIGITS:
            self.position = int(text)
