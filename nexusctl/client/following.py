"""Where a reader of an event stream stands, across any number of connections: the cursor, and what each frame means. No I/O.

Owns the rule of resuming: what to ask for, which frames are old, when it is over. Owns neither connections nor waiting.

Invariants:
1. A row is returned at most once: those whose id is not above the cursor were seen before.
2. The cursor moves only past rows that were returned, past keep-alives, and to the end of a whole snapshot.
3. From a `reset`, or the first frame of a snapshot, until the snapshot is whole there is no cursor: a connection that breaks in
   between is followed by one that asks for the snapshot anew, never by one that takes half of it for all.
4. Nothing is returned after the terminal status of a job's stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nexusctl.client.frames import JOB, SNAPSHOT, SNAPSHOT_BEGIN, SnapshotBegin, StreamEvent, read_document, read_frame
from nexusctl.client.reader import Reader
from nexusd.contract.events import JobEvent, LaggingEvent, ResetEvent, SnapshotEndEvent, StoppingEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nexusctl.client.frames import Kind
    from nexusctl.sse import Frame
    from nexusd.contract.jobs import Job

_ID_MAX_DIGITS: Final = 19


class Following(Reader[StreamEvent]):
    """One reader of the events of a job, of a company or of all."""

    def __init__(self, last_event_id: int | None = None, kind: Kind = JOB, *, snapshot: bool = False) -> None:
        super().__init__()
        self.cursor = last_event_id
        self._kind = kind
        self._is_owed = last_event_id is None and (snapshot or kind.ends)  # a snapshot, and no id counts before it is whole
        self._in_snapshot = False
        self._has_moved = False

    @property
    def params(self) -> Mapping[str, list[str]]:
        """The snapshot, where there is no place to go on from. A job's stream begins with one by itself."""
        return {"snapshot": ["active"]} if self._is_owed and not self._kind.ends else {}

    def connected(self) -> dict[str, str]:
        """Begin a connection; return the headers to send."""
        self._in_snapshot = self._has_moved = False
        return self._connect(self.cursor)

    def receive(self, chunk: bytes) -> Iterator[StreamEvent]:
        """Take bytes of the stream; return the new events in them. Raises BadAnswer."""
        for frame in self._feed(chunk):
            if not self.finished:
                yield from self._take(frame)
        if not self.finished and not self._is_owed:
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

    def _take(self, frame: Frame) -> Iterator[StreamEvent]:
        if frame.event in self._kind.rows:
            yield from self._take_row(frame)
        elif (data := read_frame(self._kind, frame)) is not None:  # else a later daemon tells more
            if frame.event == SNAPSHOT or isinstance(data, SnapshotEndEvent):
                yield from self._begin_snapshot()
            self._note(data)
            stated = self.cursor if isinstance(data, SnapshotEndEvent | LaggingEvent) else None
            yield StreamEvent(stated, frame.event, data, read_document(frame))

    def _take_row(self, frame: Frame) -> Iterator[StreamEvent]:
        number = _number(frame.id)
        if number is not None and self.cursor is not None and number <= self.cursor:
            return
        data = read_frame(self._kind, frame)
        self._is_owed = False  # the first row of a job's stream is the job as it stands
        self._advance(number)
        self.finished = self._kind.ends and isinstance(data, JobEvent) and data.job.status.is_terminal
        yield StreamEvent(number, frame.event, data, read_document(frame))

    def _begin_snapshot(self) -> Iterator[StreamEvent]:
        if not self._in_snapshot:
            self._in_snapshot = True
            self._forget_place()
            yield StreamEvent(None, SNAPSHOT_BEGIN, SnapshotBegin(), {})

    def _note(self, data: object) -> None:
        """Do to the cursor what a frame about the stream says."""
        if isinstance(data, ResetEvent):
            self._in_snapshot = False
            self._forget_place()
        elif isinstance(data, SnapshotEndEvent):
            self._in_snapshot = self._is_owed = False
            self._advance(data.resumed_from)
        elif isinstance(data, LaggingEvent):
            self.hurry = self._has_moved  # else there is no end of it
            self._advance(data.cursor)
        elif isinstance(data, StoppingEvent):
            self.pause_seconds = float(data.retry_after_seconds)

    def _forget_place(self) -> None:
        self.cursor = None
        self._is_owed = True

    def _advance(self, number: int | None) -> None:
        if number is not None and (self.cursor is None or number > self.cursor):
            self.cursor = number
            self._has_moved = True


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _ID_MAX_DIGITS else None
