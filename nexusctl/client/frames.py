"""The frames of event streams as the client knows them: name → model of the contract. No I/O.

A stream of a job and a stream of events name their rows differently; frames about the stream itself are common. What a frame
does to the reader's cursor is `following`'s.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nexusctl.client.calls import parse_model
from nexusd.contract.base import Answer
from nexusd.contract.events import (
    AssetEvent,
    EventType,
    JobEvent,
    LaggingEvent,
    ProgressEvent,
    ResetEvent,
    SnapshotEndEvent,
    StoppingEvent,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nexusctl.sse import Frame

SNAPSHOT: Final = "snapshot"
SNAPSHOT_BEGIN: Final = "snapshot.begin"


class SnapshotBegin(Answer):
    """Data of `snapshot.begin`, which the daemon never sends: the client says it before the first job of each snapshot.

    Whoever keeps a picture of the jobs that are not over forgets it here: a snapshot whose connection broke begins anew.
    """


EventData = JobEvent | ProgressEvent | AssetEvent | ResetEvent | SnapshotBegin | SnapshotEndEvent | LaggingEvent | StoppingEvent


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event: `name` is the frame's, `data` its typed content, `document` the JSON as it came.

    `id` is a cursor that a later stream can be resumed from; None for what is no place in the stream.
    """

    id: int | None
    name: str
    data: EventData
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of stream: what its rows are called, and whether it ends by itself."""

    rows: Mapping[str, type[Answer]]
    ends: bool


JOB: Final = Kind({"status": JobEvent, "progress": ProgressEvent}, ends=True)
"""The stream of one job: ends with its terminal status."""

EVENTS: Final = Kind(
    {
        EventType.JOB_QUEUED.value: JobEvent,
        EventType.JOB_RUNNING.value: JobEvent,
        EventType.JOB_PROGRESS.value: ProgressEvent,
        EventType.JOB_CANCELLING.value: JobEvent,
        EventType.JOB_DONE.value: JobEvent,
        EventType.JOB_FAILED.value: JobEvent,
        EventType.JOB_CANCELLED.value: JobEvent,
        EventType.ASSET_CREATED.value: AssetEvent,
        EventType.ASSET_DELETED.value: AssetEvent,
    },
    ends=False,
)
"""The stream of a company, or of all: goes on for ever."""

ABOUT_THE_STREAM: Final[Mapping[str, type[Answer]]] = {
    SNAPSHOT: JobEvent,
    "snapshot.end": SnapshotEndEvent,
    "reset": ResetEvent,
    "lagging": LaggingEvent,
    "server.stopping": StoppingEvent,
}


def read_frame(kind: Kind, frame: Frame) -> Any:
    """Return a frame's data as the contract has it, None for a frame of a later daemon. Raises BadAnswer."""
    model = kind.rows.get(frame.event) or ABOUT_THE_STREAM.get(frame.event)
    return None if model is None else parse_model(model, frame.data, what=f"the event stream ({frame.event})")


def read_document(frame: Frame) -> dict[str, Any]:
    """Return a frame's data as the JSON that came, once `read_frame` has found it right."""
    document: dict[str, Any] = json.loads(frame.data)
    return document
