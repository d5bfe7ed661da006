"""A real browser, headless, and its way to the daemon: pages that follow event streams as any page would.

The daemon has no TCP port, and a browser knows no Unix sockets: `open_forwarder` carries bytes from one to the other and
changes none, the Host header neither: the browser is told that the host `nexusd` is there, and that there is no other host at
all. It is led by the DevTools protocol over a pipe.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import threading
import time
from contextlib import closing, contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPTIONS: Final = (
    "--headless=new",
    "--no-sandbox",  # which root cannot have; the page is ours
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-pipe",
)
FOLLOW: Final = """
window.seen = []; window.errors = []; window.tests = [];
window.check = () => { window.tests = window.tests.filter(([test, resolve]) => { if (!test()) return true; resolve(); }); };
window.until = test => new Promise(resolve => { window.tests.push([test, resolve]); window.check(); });
window.source = new EventSource(PATH);
for (const name of NAMES) window.source.addEventListener(name, event => {
  window.seen.push([Number(event.lastEventId), event.type, JSON.parse(event.data)]); window.check();
});
window.source.onerror = () => { window.errors.push(window.source.readyState); window.check(); };
true
"""


class Forwarder(ThreadingTCPServer):
    """The listening side; `heads` are the first bytes of each connection."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heads: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Carrier)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Carrier(BaseRequestHandler):
    """One connection."""

    server: Forwarder

    def handle(self) -> None:
        """Carry bytes both ways until either side ends."""
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as daemon, suppress(OSError):
            daemon.connect(str(self.server.path))
            while True:
                ready, _, _ = select.select([self.request, daemon], [], [])
                for source, target in ((self.request, daemon), (daemon, self.request)):
                    if source in ready:
                        piece = source.recv(65_536)
                        if not piece:
                            return
                        if source is self.request:
                            self.server.heads.append(piece)
                        target.sendall(piece)


@contextmanager
def open_forwarder(path: Path) -> Iterator[Forwarder]:
    """Carry connections to a loopback port on to a Unix socket, until the end of the block."""
    with Forwarder(path) as forwarder:
        thread = threading.Thread(target=forwarder.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield forwarder
        finally:
            forwarder.shutdown()
            thread.join()


class Page:
    """One page of the browser."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._text = b""
        self._count = 0
        self._session: str | None = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def visit(self, url: str) -> None:
        """Go to an address, and wait until it is loaded."""
        self._call("Page.enable")
        assert "errorText" not in self._call("Page.navigate", url=url)
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def run(self, script: str) -> Any:
        """Run a script in the page; return its value, once there is one if it is a promise."""
        answer = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def follow(self, path: str, *names: str) -> None:
        """Open an EventSource; what it tells is in `seen`, how it fails in `errors`."""
        self.run(FOLLOW.replace("PATH", json.dumps(path)).replace("NAMES", json.dumps(names)))

    def wait(self, condition: str) -> None:
        """Wait until a condition holds, looked at with each event."""
        self.run(f"window.until(() => {condition}).then(() => true)")

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        command = {"id": self._count, "method": method, "params": params}
        if self._session is not None:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (message := self._next()).get("id") != self._count:
            pass
        assert "error" not in message, message
        answer: dict[str, Any] = message["result"]
        return answer

    def _next(self) -> dict[str, Any]:
        end_at = time.monotonic() + HANG_SECONDS
        while b"\0" not in self._text:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, end_at - time.monotonic()))
            assert ready, "the browser says nothing"
            piece = os.read(self._answers, 65_536)
            assert piece, "the browser has ended"
            self._text += piece
        line, self._text = self._text.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        return message


@contextmanager
def open_page(home: Path, forwarder: Forwarder) -> Iterator[Page]:
    """Start a browser that knows no host but the daemon behind the forwarder; on leaving, end it and all it started."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("chromium is missing: install Debian's package chromium (apt-get install chromium)")
    rules = f"MAP nexusd:80 127.0.0.1:{forwarder.port}, MAP * ~NOTFOUND"
    argv = [program, *OPTIONS, f"--user-data-dir={home / 'profile'}", f"--host-resolver-rules={rules}", "about:blank"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    commands_end, commands = os.pipe()
    answers, answers_end = os.pipe()
    with (home / "browser.log").open("wb") as log:
        actions = [(os.POSIX_SPAWN_DUP2, log.fileno(), 1), (os.POSIX_SPAWN_DUP2, log.fileno(), 2)]
        actions += [(os.POSIX_SPAWN_DUP2, commands_end, 3), (os.POSIX_SPAWN_DUP2, answers_end, 4)]
        pid = os.posix_spawn(program, argv, environment, file_actions=actions, setsid=True)
    os.close(commands_end)
    os.close(answers_end)
    try:
        yield Page(commands, answers)
    finally:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(commands)
        os.close(answers)
