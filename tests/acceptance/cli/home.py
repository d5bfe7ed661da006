"""One person's desktop for a test: folders of its own, the installed nexusctl, and whatever daemons it starts.

The daemons get one more renderer, `gate`, whose job waits until the test opens its gate (a FIFO): a job that is running for
exactly as long as a test needs it, without sleeping. What is written there as JSON is the job's progress.

Every daemon has this desktop's socket in its command line; those, and only those, are ended at the end.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path
from typing import Any, Final

import httpx

from tests.support.patience import HANG_SECONDS

NEXUSCTL: Final = str(Path(sys.executable).with_name("nexusctl"))
_CLEARED: Final = ("NEXUSCTL_", "NEXUSD_", "XDG_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "NOTIFY_SOCKET", "LISTEN_", "PYTHON")

_SPEC: Final = """\
import sys
from pathlib import Path
from typing import Any
from pydantic import BaseModel
from nexusd.renderers.spec import RendererSpec

class Input(BaseModel):
    gate: str

GATE = RendererSpec(job_type="gate", description="Waits.", input_model=Input, outputs={".txt": "text/plain"},
                    reads=(str(Path(__file__).parents[2]),),  # the gates, and the child beside
                    command=lambda _input: (sys.executable, "-I", __file__.replace("gate_renderer", "gate_child")))
"""
_CHILD: Final = """\
import json, os
os.write(int(os.environ["NEXUSD_PROGRESS_FD"]), b'{"progress": 0.25, "message": "at the gate"}\\n')
text = "{"
while text.startswith("{"):  # progress: it is passed on, and the gate stays closed
    with open(json.load(open("input.json"))["gate"]) as gate:
        text = gate.read()
    os.write(int(os.environ["NEXUSD_PROGRESS_FD"]), text.encode() if text.startswith("{") else b"")
os.makedirs("out", exist_ok=True)
with open("out/result.txt", "w") as out:
    out.write(text)
"""


class Home:
    """The desktop."""

    def __init__(self, base: Path, *, running_jobs: int = 1) -> None:
        self._runtime = tempfile.mkdtemp(prefix="nx-")  # short: a socket's path has 107 bytes
        self.socket = Path(self._runtime, "nexusd", "nexusd.sock")
        self.work = base / "work"
        self._at_gates: list[str] = []
        plug_in = base / "plug-in"
        for folder in (self.work, plug_in / "gate-1.dist-info", base / "home"):
            folder.mkdir(parents=True)
        (plug_in / "gate_renderer.py").write_text(_SPEC)
        (plug_in / "gate_child.py").write_text(_CHILD)
        (plug_in / "gate-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: gate\nVersion: 1\n")
        (plug_in / "gate-1.dist-info" / "entry_points.txt").write_text("[nexusd.renderers]\ngate = gate_renderer:GATE\n")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(_CLEARED)} | {
            "XDG_RUNTIME_DIR": self._runtime,
            "XDG_STATE_HOME": str(base / "state"),
            "XDG_CONFIG_HOME": str(base / "config"),
            "HOME": str(base / "home"),
            "PYTHONPATH": str(plug_in),
            "NEXUSD_RUNNING_JOBS": str(running_jobs),
            "NEXUSD_STOP_DRAIN_SECONDS": "0",
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
        }

    def run(self, *arguments: str, input: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:  # noqa: A002
        """Run nexusctl to its end."""
        return subprocess.run(
            [NEXUSCTL, *arguments],
            env=self.environment | variables,
            cwd=self.work,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
        )

    def client(self) -> httpx.Client:
        """Return what asks the daemon without nexusctl."""
        return httpx.Client(transport=httpx.HTTPTransport(uds=str(self.socket)), base_url="http://nexusd", timeout=HANG_SECONDS)

    def result(self, *arguments: str) -> Any:
        """Run nexusctl with --json; return what it printed."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start nexusctl and go on."""
        return subprocess.Popen(
            [NEXUSCTL, *arguments],
            env=self.environment | variables,
            cwd=self.work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_in_terminal(self, *arguments: str, columns: int = 80, **variables: str) -> tuple[int, str]:
        """Run nexusctl to its end in a terminal; return its exit code and all that the terminal was sent."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with subprocess.Popen(
            [NEXUSCTL, *arguments], env=self.environment | variables, cwd=self.work, stdin=theirs, stdout=theirs, stderr=theirs
        ) as process:
            os.close(theirs)
            received = b""
            while select.select([ours], [], [], HANG_SECONDS)[0]:
                try:
                    chunk = os.read(ours, 65536)
                except OSError:  # EIO: nobody holds the other end any more
                    break
                received += chunk
            os.close(ours)
            return process.wait(HANG_SECONDS), received.decode().replace("\r\n", "\n")

    def file(self, name: str, content: str | bytes) -> Path:
        """Write a file in the work folder."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def new_gate(self, name: str = "gate") -> Path:
        """Make a gate, closed."""
        path = self.work / name
        os.mkfifo(path)
        return path

    def submit_gate(self, gate: Path, *options: str) -> str:
        """Submit a job that waits at a gate; return its id."""
        done = self.run("submit", "gate", "--input", json.dumps({"gate": str(gate)}), *options)
        assert done.returncode == 0, done.stderr
        self._at_gates.append(done.stdout.strip())
        return self._at_gates[-1]

    def leave_gates(self) -> None:
        """End the jobs that still wait at gates, so that they hold no place from those that come after."""
        while self._at_gates:
            self.run("cancel", self._at_gates.pop())

    def daemon_pid(self) -> int:
        """Return the pid of the daemon that answers."""
        pid: int = self.result("status", "--no-start")["pid"]
        return pid

    def kill_daemon(self) -> None:
        """End the daemon as a crash would, and wait until it is gone."""
        _end(self.daemon_pid(), signal.SIGKILL)

    def stop_daemon(self) -> None:
        """End the daemon in order, and wait until it is gone."""
        _end(self.daemon_pid(), signal.SIGTERM)

    def close(self) -> None:
        """End the daemons of this desktop."""
        for pid in self._daemons():
            _end(pid, signal.SIGTERM)
        for pid in self._daemons():
            _end(pid, signal.SIGKILL)
        shutil.rmtree(self._runtime)

    def _daemons(self) -> list[int]:
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                command = (place / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"nexusd" in command and bytes(self.socket) in command:
                found.append(int(place.name))
        return found


def open_gate(gate: Path, text: str = "open") -> None:
    """Let the job at the gate go on. Waits until it is there."""
    gate.write_text(text)


def wait_line(process: subprocess.Popen[str], part: str, *, stdout: bool = False) -> list[str]:
    """Read lines of a process's standard error, or output, up to the first that holds `part`."""
    stream = process.stdout if stdout else process.stderr
    assert stream is not None
    lines = []
    for line in stream:
        lines.append(line)
        if part in line:
            return lines
    raise AssertionError(f"{part!r} never came:\n{''.join(lines)}")


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a process; return its exit code and the rest of its output and errors."""
    out, err = process.communicate(timeout=HANG_SECONDS)
    return process.returncode, out, err


def _end(pid: int, number: signal.Signals) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(handle, number)
        select.select([handle], [], [], 10)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)
