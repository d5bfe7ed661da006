"""Carrying plans out with an event loop, trio's or asyncio's: httpx, anyio, and threads for what blocks. `driver` is its like.

Invariant: whatever ends a plan (its end, an error, a cancellation) closes its connection before the caller goes on. Only a
stream that is dropped without an end, which nobody can wait for, is closed by the next use of the client.

Cancellation: a request that is cancelled may or may not have been carried out; nothing is left open. A daemon that is being
started goes on starting.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import anyio
import anyio.to_thread
import httpx

from nexusctl.client import wire
from nexusctl.client.bodies import CHUNK_BYTES, Body
from nexusctl.client.steps import Ask, Course, Do, Done, Head, Pause, Read, Tell

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator
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
        self._dropped: list[_Conversation[Any, None]] = []

    async def run(self, plan: Plan[ResultT]) -> ResultT:
        """Carry a plan out and return its result."""
        await self._close_dropped()
        conversation: _Conversation[Any, ResultT] = _Conversation(self._http, plan)
        done = await conversation.advance()
        assert isinstance(done, Done)  # what tells values is iterated over
        return done.result

    def iterate(self, plan: Telling[ToldT]) -> AsyncStream[ToldT]:
        """Return what a plan tells, carried out as far as it is wanted."""
        return AsyncStream(_Conversation(self._http, plan), self._dropped)

    async def aclose(self) -> None:
        """Close the connections, those of streams too."""
        with anyio.CancelScope(shield=True):
            await self._close_dropped()
            await self._http.aclose()

    async def _close_dropped(self) -> None:
        while self._dropped:
            await self._dropped.pop().aclose()


class AsyncStream(Generic[ToldT]):
    """Values as they come. Its connection is closed by its end, by a cancellation of who waits for the next, by `aclose`, and
    as a context manager; after a `break` out of a loop over it only by the client's next call or end."""

    def __init__(self, conversation: _Conversation[ToldT, None], dropped: list[_Conversation[Any, None]]) -> None:
        self._conversation = conversation
        self._dropped = dropped

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
        if self._conversation.is_open:
            self._dropped.append(self._conversation)

    async def aclose(self) -> None:
        """End it. What was not told yet is lost to this stream; another can go on from the last id."""
        await self._conversation.aclose()


class _Conversation(Generic[ToldT, ResultT]):
    """One plan, and the answer that it has open."""

    def __init__(self, http: httpx.AsyncClient, plan: Generator[Step | Tell[ToldT], Any, ResultT]) -> None:
        self._http = http
        self._course = Course(plan)
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it holds a connection."""
        return self._response is not None

    async def advance(self) -> Tell[ToldT] | Done[ResultT]:
        """Go on to the next value that is told, or to the end."""
        try:
            step = self._course.go_on()
            while not isinstance(step, Tell | Done):
                try:
                    outcome = await self._perform(step)
                except wire.ERRORS as error:
                    await self._leave()
                    step = self._course.fail(wire.read_error(error))
                else:
                    step = self._course.go_on(outcome)
        except BaseException:
            await self.aclose()
            raise
        if isinstance(step, Done):
            await self._leave()
        return step

    async def aclose(self) -> None:
        """End the plan and close its connection."""
        self._course.end()
        await self._leave()

    async def _perform(self, step: Step) -> object:
        match step:
            case Ask():
                return await self._ask(step)
            case Read():
                chunk = b"" if self._chunks is None else await anext(self._chunks, b"")
                if not chunk:
                    await self._leave()
                return chunk
            case Pause():
                await anyio.sleep(step.seconds)
                return None
            case Do():
                return await anyio.to_thread.run_sync(step.function, abandon_on_cancel=step.may_be_left)

    async def _ask(self, step: Ask) -> Head:
        await self._leave()
        content = _read_chunks(step.body) if isinstance(step.body, Body) else step.body
        self._response = await self._http.send(wire.build_request(self._http, step, content), stream=True)
        self._chunks = self._response.aiter_raw()
        return Head(self._response.status_code, self._response.headers)

    async def _leave(self) -> None:
        """Close the open answer. The answer itself goes first: of its generators, none has anything to wait for then."""
        response, self._response = self._response, None
        if response is not None:
            with anyio.CancelScope(shield=True), suppress(*wire.ERRORS):
                await response.aclose()
        self._chunks = None


async def _read_chunks(body: Body) -> AsyncGenerator[bytes, None]:
    with body.open() as file:
        while chunk := await anyio.to_thread.run_sync(partial(file.read, CHUNK_BYTES)):
            yield chunk
