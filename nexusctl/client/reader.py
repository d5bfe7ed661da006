"""What every reader of an event stream shares, whatever it reads: one parser a connection, and what the daemon says of pauses.

Leaves out what frames mean and where the reader stands: those are the subclasses', as `following`. No I/O.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from nexusctl.errors import BadAnswer
from nexusctl.sse import FrameTooLarge, Parser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nexusctl.sse import Frame

EventT = TypeVar("EventT")


class Reader(Generic[EventT]):
    """One reader, across any number of connections: `connected`, `receive` …, then `connected` again, until it is `finished`.

    `heard`: the connection has told something. `hurry`: it ended for reasons of the reader's and may be made again at once.
    `pause_seconds`: how long the daemon asks to stay away.
    """

    what: ClassVar[str] = "the event stream"
    """What is read, in words."""

    def __init__(self) -> None:
        self.finished = False
        self.heard = False
        self.hurry = False
        self.pause_seconds = 0.0
        self._parser = Parser()

    @property
    def params(self) -> Mapping[str, list[str]]:
        """What to ask for on the next connection, beside what is always asked for."""
        return {}

    @property
    def retry_seconds(self) -> float | None:
        """How long the connection's `retry:` asks to pause after any break."""
        milliseconds = self._parser.retry_milliseconds
        return None if milliseconds is None else milliseconds / 1000

    def connected(self) -> dict[str, str]:
        """Begin a connection; return the headers to send."""
        raise NotImplementedError

    def receive(self, chunk: bytes) -> Iterator[EventT]:
        """Take bytes of the stream; return the new events in them. Raises BadAnswer."""
        raise NotImplementedError

    def _connect(self, last_event_id: int | None) -> dict[str, str]:
        """Forget the connection before; return the headers to send."""
        self._parser = Parser()
        self.heard = self.hurry = False
        self.pause_seconds = 0.0
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        return headers

    def _feed(self, chunk: bytes) -> list[Frame]:
        """Return the frames that the bytes complete. Raises BadAnswer."""
        try:
            frames = self._parser.feed(chunk)
        except FrameTooLarge as error:
            raise BadAnswer(f"cannot follow {self.what}: {error}") from None
        self.heard = self.heard or bool(frames) or bool(self._parser.last_event_id)
        return frames
