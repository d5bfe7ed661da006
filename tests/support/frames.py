"""Reads Server-Sent Events, by the letter of the HTML Standard as far as the daemon uses it; not the client's own parser."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import h11
import trio

from tests.support.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
    from pathlib import Path

    import httpx

RETRY: Final = "retry: 1000"


@dataclass(frozen=True)
class Frame:
    """One frame as it came. A keep-alive has an id alone."""

    id: int | None = None
    event: str | None = None
    data: Any = None


def parse_frame(lines: Iterable[str]) -> Frame:
    """Return the frame that the lines before an empty one make."""
    fields = dict(line.split(": ", 1) for line in lines)
    assert set(fields) <= {"id", "event", "data"}, fields
    return Frame(
        id=int(fields["id"]) if "id" in fields else None,
        event=fields.get("event"),
        data=json.loads(fields["data"]) if "data" in fields else None,
    )


class Stream:
    """An open event stream, read straight from its connection. Made by `open_stream`."""

    def __init__(self, connection: trio.SocketStream, path: str, headers: Mapping[str, str]) -> None:
        self._connection = connection
        self._http = h11.Connection(h11.CLIENT)
        self._text = b""
        fields = [("Host", "nexusd"), *headers.items()]
        self._request = self._http.send(h11.Request(method="GET", target=path, headers=fields))
        self._request = (self._request or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    async def begin(self) -> None:
        """Ask, and check that a stream is what comes, beginning with the retry time."""
        await self._connection.send_all(self._request or b"")
        response = await self._next_event()
        assert isinstance(response, h11.Response)
        headers = dict(response.headers)
        assert (response.status_code, headers[b"content-type"]) == (200, b"text/event-stream; charset=utf-8"), response
        assert headers[b"cache-control"] == b"no-store"
        assert await self._next_block() == RETRY

    async def next(self) -> Frame | None:
        """Return the next frame, None at the stream's orderly end."""
        block = await self._next_block()
        return None if block is None else parse_frame(block.split("\n"))

    async def take(self, count: int) -> list[Frame]:
        """Return the next `count` frames, and read on no further."""
        found = [await self.next() for _ in range(count)]
        assert None not in found, found
        return [frame for frame in found if frame is not None]

    async def rest(self) -> list[Frame]:
        """Return every frame up to the end."""
        found: list[Frame] = []
        while (frame := await self.next()) is not None:
            found.append(frame)
        return found

    async def _next_block(self) -> str | None:
        while b"\n\n" not in self._text:
            event = await self._next_event()
            if isinstance(event, h11.EndOfMessage):
                assert not self._text
                return None
            assert isinstance(event, h11.Data), event
            self._text += event.data
        block, self._text = self._text.split(b"\n\n", 1)
        return block.decode()

    async def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._connection.receive_some(65536))
        return event


@asynccontextmanager
async def open_stream(
    socket: Path, path: str, last_event_id: int | None = None, **query: object
) -> AsyncGenerator[Stream, None]:
    """Open a stream on a connection of its own; lists in the query are repeated. Fails when nothing comes for too long."""
    headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
    target = f"{path}?{urlencode(query, doseq=True)}" if query else path
    with trio.fail_after(HANG_SECONDS):
        async with await trio.open_unix_socket(str(socket)) as connection:
            stream = Stream(connection, target, headers)
            await stream.begin()
            yield stream


def iter_frames(response: httpx.Response) -> Iterator[Frame]:
    """Yield the frames of a stream until it ends, for synchronous tests."""
    assert response.status_code == 200, response.status_code
    yield from split_frames(response.iter_lines())


def split_frames(stream: Iterable[str]) -> Iterator[Frame]:
    """Yield the frames that the lines of a stream make."""
    lines: list[str] = []
    for line in stream:
        if line:
            lines.append(line)
        elif lines == [RETRY]:
            lines = []
        else:
            yield parse_frame(lines)
            lines = []
