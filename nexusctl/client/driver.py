"""Carrying plans out, synchronously: httpx, and the thread that calls. Decides nothing; `async_driver` is its like.

Invariant: whatever ends a plan (its end, an error, Ctrl-C, a reader that has enough) closes its connection.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import httpx

from nexusctl.client import wire
from nexusctl.client.bodies import CHUNK_BYTES, Body
from nexusctl.client.steps import Ask, Course, Do, Done, Head, Pause, Read, Tell

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path
    from types import TracebackType

    from nexusctl.client.steps import Plan, Step, Telling

ResultT = TypeVar("ResultT")
ToldT = TypeVar("ToldT")


class Driver:
    """The connections to one daemon. Not for use by several threads at once."""

    def __init__(self, socket: Path, sleep: Callable[[float], None]) -> None:
        transport = httpx.HTTPTransport(uds=str(socket), verify=False, limits=wire.LIMITS)
        self._http = httpx.Client(transport=transport, **wire.OPTIONS)
        self._sleep = sleep

    def run(self, plan: Plan[ResultT]) -> ResultT:
        """Carry a plan out and return its result."""
        conversation: _Conversation[Any, ResultT] = _Conversation(self._http, plan, self._sleep)
        done = conversation.advance()
        assert isinstance(done, Done)  # what tells values is iterated over
        return done.result

    def iterate(self, plan: Telling[ToldT]) -> Stream[ToldT]:
        """Return what a plan tells, carried out as far as it is wanted."""
        return Stream(_Conversation(self._http, plan, self._sleep))

    def close(self) -> None:
        """Close the connections, those of streams too."""
        self._http.close()


class Stream(Generic[ToldT]):
    """Values as they come. Its connection is closed by its end, by `close`, as a context manager, and when it is collected."""

    def __init__(self, conversation: _Conversation[ToldT, None]) -> None:
        self._conversation = conversation

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ToldT:
        told = self._conversation.advance()
        if isinstance(told, Done):
            raise StopIteration
        return told.value

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it. What was not told yet is lost to this stream; another can go on from the last id."""
        self._conversation.close()


class _Conversation(Generic[ToldT, ResultT]):
    """One plan, and the answer that it has open."""

    def __init__(
        self, http: httpx.Client, plan: Generator[Step | Tell[ToldT], Any, ResultT], sleep: Callable[[float], None]
    ) -> None:
        self._http = http
        self._course = Course(plan)
        self._sleep = sleep
        self._response: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    def advance(self) -> Tell[ToldT] | Done[ResultT]:
        """Go on to the next value that is told, or to the end."""
        try:
            step = self._course.go_on()
            while not isinstance(step, Tell | Done):
                try:
                    outcome = self._perform(step)
                except wire.ERRORS as error:
                    self._leave()
                    step = self._course.fail(wire.read_error(error))
                else:
                    step = self._course.go_on(outcome)
        except BaseException:
            self.close()
            raise
        if isinstance(step, Done):
            self._leave()
        return step

    def close(self) -> None:
        """End the plan and close its connection."""
        self._course.end()
        self._leave()

    def _perform(self, step: Step) -> object:
        match step:
            case Ask():
                return self._ask(step)
            case Read():
                wire.require_open(self._http)
                if not (chunk := next(self._chunks, b"")):
                    self._leave()
                return chunk
            case Pause():
                self._sleep(step.seconds)
                return None
            case Do():
                return step.function()

    def _ask(self, step: Ask) -> Head:
        wire.require_open(self._http)
        self._leave()
        request = wire.build_request(self._http, step)
        if isinstance(step.body, Body):
            request.stream = _Upload(step.body)
        self._response = self._http.send(request, stream=True)
        self._chunks = self._response.iter_raw()
        return Head(self._response.status_code, self._response.headers)

    def _leave(self) -> None:
        response, self._response, self._chunks = self._response, None, iter(())
        if response is not None:
            with suppress(*wire.ERRORS):
                response.close()


class _Upload(httpx.SyncByteStream):
    """A body that is sent in pieces."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        with self._body.open() as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
