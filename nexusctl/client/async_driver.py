"""Carrying plans out with an event loop, trio's or asyncio's: httpx, anyio, and threads for what blocks. `driver` is its like.

Invariant: whatever ends a plan (its end, an error, a cancellation) closes its connection before the caller goes on. Only a
stream that is dropped without an end, which nobody can wait for, is closed by the next use of the client.

Async generators are not closed by who iterates over one that iterates over them: httpx has five of them around each answer,
and the loops complain of what is left to the garbage collector. So an answer that is left early is closed and then read to its
end, which is at hand; and an upload is no generator.

httpx's pool forgets to close a connection whose request is cancelled before it is sent. So a request cannot be cancelled until
then, which takes no longer than to connect (`wire.CONNECT_SECONDS` at most, of a daemon that hangs).

Cancellation: a request that is cancelled may or may not have been carried out; nothing is left open. A daemon that is being
started goes on starting.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, Self, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx

from nexusctl.client import wire
from nexusctl.client.bodies import CHUNK_BYTES, Body
from nexusctl.client.cancelling import scoped
from nexusctl.client.steps import Ask, Course, Do, Done, Head, Pause, Read, Tell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Mapping
    from pathlib import Path
    from types import TracebackType

    from nexusctl.client.steps import Plan, Step, Telling

ResultT = TypeVar("ResultT")
ToldT = TypeVar("ToldT")


class AsyncDriver:
    """The connections to one daemon, for any number of tasks of one event loop."""

    def __init__(self, socket: Path) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(socket), verify=False, limits=wire.LIMITS)
        self._http = httpx.AsyncClient(transport=transport, **wire.OPTIONS)
        self._open = _Open()

    async def run(self, plan: Plan[ResultT]) -> ResultT:
        """Carry a plan out and return its result."""
        await self._open.close_dropped()
        conversation: _Conversation[Any, ResultT] = _Conversation(self._http, plan, self._open)
        done = await conversation.advance()
        assert isinstance(done, Done)  # what tells values is iterated over
        return done.result

    def iterate(self, plan: Telling[ToldT]) -> AsyncStream[ToldT]:
        """Return what a plan tells, carried out as far as it is wanted."""
        return AsyncStream(_Conversation(self._http, plan, self._open))

    async def aclose(self) -> None:
        """Close the connections, those of streams too."""
        await scoped(self._close)

    async def _close(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._open.close_all()
            await self._http.aclose()


class AsyncStream(Generic[ToldT]):
    """Values as they come. Its connection is closed by its end, by a cancellation of who waits for the next, by `aclose`, and
    as a context manager; after a `break` out of a loop over it only by the client's next call or end."""

    def __init__(self, conversation: _Conversation[ToldT, None]) -> None:
        self._conversation = conversation

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ToldT:
        told = await self._conversation.advance()
        if isinstance(told, Done):
            raise StopAsyncIteration
        return told.value

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._conversation.drop()

    async def aclose(self) -> None:
        """End it. What was not told yet is lost to this stream; another can go on from the last id."""
        await self._conversation.aclose()


class _Open:
    """The conversations that hold a connection; of those, the ones that nobody has any more."""

    def __init__(self) -> None:
        self.all: set[_Conversation[Any, Any]] = set()
        self.dropped: list[_Conversation[Any, Any]] = []

    async def close_dropped(self) -> None:
        """Close what was dropped."""
        while self.dropped:
            await self.dropped.pop().aclose()

    async def close_all(self) -> None:
        """Close every connection. A stream that somebody reads on in says that its client is closed."""
        for conversation in list(self.all):
            await conversation.leave()


class _Conversation(Generic[ToldT, ResultT]):
    """One plan, and the answer that it has open."""

    def __init__(self, http: httpx.AsyncClient, plan: Generator[Step | Tell[ToldT], Any, ResultT], register: _Open) -> None:
        self._http = http
        self._course = Course(plan)
        self._register = register
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._upload: _Upload | None = None

    async def advance(self) -> Tell[ToldT] | Done[ResultT]:
        """Go on to the next value that is told, or to the end."""
        try:
            return await scoped(self._advance)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End the plan and close its connection."""
        self._course.end()
        await scoped(self.leave)

    def drop(self) -> None:
        """Let the next use of the client close the connection, if there is one."""
        if self._response is not None:
            self._register.dropped.append(self)

    async def _advance(self) -> Tell[ToldT] | Done[ResultT]:
        step = self._course.go_on()
        while not isinstance(step, Tell | Done):
            try:
                outcome = await self._perform(step)
            except wire.ERRORS as error:
                await self.leave()
                step = self._course.fail(wire.read_error(error))
            else:
                step = self._course.go_on(outcome)
        if isinstance(step, Done):
            await self.leave()
        return step

    async def _perform(self, step: Step) -> object:
        match step:
            case Ask():
                return await self._ask(step)
            case Read():
                wire.require_open(self._http)
                chunk = b"" if self._chunks is None else await anext(self._chunks, b"")
                if not chunk:
                    await self.leave()
                return chunk
            case Pause():
                await anyio.sleep(step.seconds)
                return None
            case Do():
                return await anyio.to_thread.run_sync(step.function, abandon_on_cancel=step.may_be_left)

    async def _ask(self, step: Ask) -> Head:
        wire.require_open(self._http)
        await self.leave()
        request = wire.build_request(self._http, step)
        if isinstance(step.body, Body):
            request.stream = self._upload = _Upload(step.body)
        await anyio.lowlevel.checkpoint()  # who is cancelled already asks nothing
        with anyio.CancelScope(shield=True) as not_sent_yet:

            async def look(event: str, _: Mapping[str, Any]) -> None:
                if event == wire.SENDING:
                    not_sent_yet.shield = False

            request.extensions["trace"] = look
            response = await self._http.send(request, stream=True)
        self._response, self._chunks = response, response.aiter_raw()
        self._register.all.add(self)
        return Head(response.status_code, response.headers)

    async def leave(self) -> None:
        """Close the open answer, if there is one, and let every generator around it come to its end."""
        response, self._response = self._response, None
        chunks, self._chunks = self._chunks, None
        if self._upload is not None:
            self._upload.close()
            self._upload = None
        if response is None:
            return
        self._register.all.discard(self)
        with anyio.CancelScope(shield=True), suppress(*wire.ERRORS):
            await response.aclose()
            if chunks is not None:
                async for _ in chunks:
                    pass  # what has come already; then the connection, which is closed, says so


class _Upload(httpx.AsyncByteStream):
    """A body that is sent in pieces, read in threads. Iterated over once."""

    def __init__(self, body: Body) -> None:
        self._exits = ExitStack()
        self._body = body
        self._file: BinaryIO | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._file is None:
            self._file = self._exits.enter_context(self._body.open())
        chunk = await anyio.to_thread.run_sync(self._file.read, CHUNK_BYTES)
        if not chunk:
            self.close()
            raise StopAsyncIteration
        return chunk

    def close(self) -> None:
        """Close the file, if it was opened here."""
        self._exits.close()
