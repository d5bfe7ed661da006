"""A server on a real socket, a small ASGI application to put behind it, and a raw client."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h11
import trio

from nexusd.server import Activity, Limits, Peer, bind_unix, serve
from tests.support.patience import PROMPT_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from nexusd.server.asgi import Application, Receive, Scope, Send

HELLO = b"GET /hello HTTP/1.1\r\nHost: nexusd\r\n\r\n"


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """A short-named 0700 directory: pytest's own names can pass the 107 bytes of a socket path."""
    directory = Path(tempfile.mkdtemp(prefix="nx-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@dataclass
class SampleApplication:
    """Answers by path, and tells tests what it saw through events."""

    scopes: list[Scope] = field(default_factory=list)
    calls: int = 0
    running: int = 0
    streaming: trio.Event = field(default_factory=trio.Event)
    """A `/stream`, `/flood`, `/hold` or `/watch` has begun."""
    disconnected: trio.Event = field(default_factory=trio.Event)
    """`receive` has said http.disconnect."""
    ended: trio.Event = field(default_factory=trio.Event)
    """The last running call has returned, raised or been cancelled."""
    release: trio.Event = field(default_factory=trio.Event)
    """Lets a `/hold` go on."""
    send_error: OSError | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.calls += 1
        self.running += 1
        try:
            route = getattr(self, "on_" + scope["path"].strip("/*").replace("-", "_"), self.on_hello)
            await route(scope, receive, send)
        finally:
            self.running -= 1
            if not self.running:
                self.ended.set()

    async def on_hello(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"hello")

    async def on_length(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = 0
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnected.set()
                return
            length += len(message["body"])
            more = message["more_body"]
        await answer(send, b"%d" % length)

    async def on_early(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"too large", status=413)

    async def on_chunks(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"piece", "more_body": True})
        await send({"type": "http.response.body"})

    async def on_stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say one thing, then stay silent for ever and never call receive."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
        self.streaming.set()
        await trio.sleep_forever()

    async def on_flood(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        self.streaming.set()
        try:
            while True:
                await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
        except OSError as error:
            self.send_error = error
            raise

    async def on_watch(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.streaming.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        self.disconnected.set()

    async def on_hold(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.streaming.set()
        await self.release.wait()
        await answer(send, b"held")

    async def on_fail(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("on purpose")

    async def on_fail_late(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("on purpose")

    async def on_fail_after(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"whole")
        raise ValueError("on purpose")

    async def on_silent(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Return without an answer."""

    async def on_short(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"12345", "more_body": True})
        await send({"type": "http.response.body"})

    async def on_long(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"12345", "more_body": True})
        await send({"type": "http.response.body", "body": b"6"})

    async def on_empty(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b"not to be sent"})

    async def on_split(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-evil", b"a\r\nset-cookie: b")]})
        await send({"type": "http.response.body"})


async def answer(send: Send, body: bytes, *, status: int = 200) -> None:
    """Send one short answer."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class RunningServer:
    """What a test needs to know of the server it runs."""

    path: Path
    activity: Activity
    stopping: trio.Event
    returned: trio.Event

    async def connect(self) -> RawClient:
        """Open one connection."""
        return RawClient(await trio.open_unix_socket(os.fspath(self.path)))

    async def ask(self, request: bytes) -> Answer:
        """Send one request on a connection of its own and return the answer."""
        async with await self.connect() as client:
            with contextlib.suppress(trio.BrokenResourceError):  # a refusal may be there before all is sent
                await client.send(request)
            return await client.read_answer()

    async def check_fine(self) -> None:
        """Prove that a newcomer is served."""
        assert (await self.ask(HELLO)).body == b"hello"


@asynccontextmanager
async def open_server(
    application: Application,
    limits: Limits | None = None,
    *,
    admit: Callable[[Peer], bool] = lambda peer: True,
) -> AsyncIterator[RunningServer]:
    """Run the server on a socket of its own; at the end it is stopped, and must stop."""
    with private_directory() as directory, bind_unix(directory / "s") as listener:
        server = RunningServer(listener.path, Activity(), trio.Event(), trio.Event())

        async def run(task_status: trio.TaskStatus[None]) -> None:
            await serve(
                application,
                [listener],
                limits=limits or Limits(),
                admit=admit,
                activity=server.activity,
                stopping=server.stopping,
                task_status=task_status,
            )
            server.returned.set()

        async with trio.open_nursery() as nursery:
            await nursery.start(partial(run))
            try:
                yield server
            finally:
                server.stopping.set()


@dataclass(frozen=True)
class Answer:
    """One response as a client understands it. `is_whole` is False when the connection ended inside it."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    is_whole: bool = True


class RawClient:
    """Sends what it is told, byte by byte, and reads answers one after the other."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._unread = b""

    async def __aenter__(self) -> RawClient:
        return self

    async def __aexit__(self, *failure: object) -> None:
        self.vanish()

    async def send(self, data: bytes) -> None:
        with trio.fail_after(PROMPT_SECONDS):
            await self.stream.send_all(data)

    def vanish(self, *, reset: bool = False) -> None:
        """Close at once; what was not read makes it a reset, and `reset` asks for one in any case."""
        if reset:
            self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.stream.socket.close()

    async def read_answer(self, method: str = "GET") -> Answer:
        """Return the next response; informational ones are passed over. Raises EOFError when there is none."""
        machine = h11.Connection(h11.CLIENT)
        machine.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
        if self._unread:
            machine.receive_data(self._unread)
        response: h11.Response | None = None
        body = b""
        with trio.fail_after(PROMPT_SECONDS):
            while True:
                try:
                    event = machine.next_event()
                except h11.RemoteProtocolError:
                    if response is None:
                        raise EOFError from None
                    return Answer(response.status_code, dict(response.headers), body, is_whole=False)
                if event is h11.NEED_DATA:
                    machine.receive_data(await self._receive())
                elif isinstance(event, h11.Response):
                    response = event
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.ConnectionClosed):
                    raise EOFError
                elif isinstance(event, h11.EndOfMessage):
                    assert response is not None
                    self._unread = machine.trailing_data[0]
                    return Answer(response.status_code, dict(response.headers), body)

    async def read_some(self) -> bytes:
        """Return what comes next, b"" at the end."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        with trio.fail_after(PROMPT_SECONDS):
            return await self._receive()

    def has_input(self) -> bool:
        """Whether something, or the end, could be read now."""
        return bool(select.select([self.stream.socket], [], [], 0)[0])

    async def read_until(self, end: bytes) -> bytes:
        """Return everything up to the first read that ends with `end`."""
        data = b""
        while not data.endswith(end):
            piece = await self.read_some()
            if not piece:
                raise EOFError(data)
            data += piece
        return data

    async def read_end(self) -> bytes:
        """Return everything up to the end of the stream; a reset is an end too."""
        data = b""
        while piece := await self.read_some():
            data += piece
        return data

    async def _receive(self) -> bytes:
        try:
            return bytes(await self.stream.receive_some(65536))
        except trio.BrokenResourceError:
            return b""


async def wait_until(condition: Callable[[], Any]) -> None:
    """Return as soon as `condition` holds, for what only the kernel or the scheduler can tell. Raises trio.TooSlowError."""
    with trio.fail_after(PROMPT_SECONDS):
        while not condition():  # noqa: ASYNC110 -- nothing else announces it
            await trio.sleep(0.005)


def open_descriptors() -> int:
    """How many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))


def living_tasks() -> int:
    """How many trio tasks there are."""
    return trio.lowlevel.current_statistics().tasks_living


def resident_bytes(field_name: str = "VmRSS") -> int:
    """This process's memory, or its peak as `VmHWM` since `reset_peak`."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(field_name))
    return int(line.split()[1]) * 1024


def reset_peak() -> None:
    """Start measuring `VmHWM` anew."""
    Path("/proc/self/clear_refs").write_text("5")
