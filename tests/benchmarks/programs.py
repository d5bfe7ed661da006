"""Programs under measurement: each a subprocess in directories of its own, ended by its own pid.

The bytecode of all of them is compiled into one folder that lives as long as the run; `warm_up` fills it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NOTHING_STARTED: Final = {"NEXUSD_RUNNING_JOBS_PER_TYPE": json.dumps({"diagram": 0, "document": 0})}
SLEEP: Final = "import fastapi, sqlmodel, trio; trio.run(trio.sleep_forever)"
START_SECONDS: Final = 30
END_SECONDS: Final = 10


class Scratch:
    """The folder of one run. Short, since a socket's path has 107 bytes, and on a disk: a commit must cost what it costs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def make_home(self) -> Path:
        """Return a fresh private directory."""
        self._count += 1
        home = self.folder / str(self._count)
        home.mkdir(0o700)
        return home

    def environment(self, home: Path) -> dict[str, str]:
        """Return what a program gets to see: directories below `home`, compiled bytecode, nothing of the caller's settings."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
            "XDG_STATE_HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
            "PYTHONPATH": os.getcwd(),
        }


@contextlib.contextmanager
def open_scratch() -> Iterator[Scratch]:
    """Make the folder of a run; remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="nxb-"))
    try:
        yield Scratch(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Program:
    """A running program."""

    process: subprocess.Popen[bytes]
    socket: Path
    home: Path
    ready_seconds: float = 0.0
    """From before it was started to its READY=1."""

    @property
    def pid(self) -> int:
        """Its pid."""
        return self.process.pid


def python(*arguments: str) -> list[str]:
    """Return the argv that runs this interpreter."""
    return [sys.executable, *arguments]


@contextlib.contextmanager
def open_daemon(
    scratch: Scratch,
    home: Path,
    cores: set[int] | None = None,
    settings: Mapping[str, str] = NOTHING_STARTED,
    module: str = "nexusd",
) -> Iterator[Program]:
    """Run the real daemon, ready; stop it in order at the end. Called again with the same `home` it finds its database.

    `module` may be one that makes something of its own of the daemon.
    """
    environment = scratch.environment(home) | {"NOTIFY_SOCKET": str(home / "notify"), "NEXUSD_LOG_LEVEL": "warning"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        (home / "notify").unlink(missing_ok=True)
        notified.bind(str(home / "notify"))
        began = time.perf_counter()
        with _running(python("-m", module), _join_paths(environment, settings), home, cores) as process:
            _wait_ready(notified, process)
            yield Program(process, home / "nexusd/nexusd.sock", home, time.perf_counter() - began)


@contextlib.contextmanager
def open_hello(scratch: Scratch, which: str, cores: set[int]) -> Iterator[Program]:
    """Run FastAPI's hello behind `which` server, `ours` or `stock`, until it answers."""
    home = scratch.make_home()
    path = home / "s"
    argv = python("-m", "tests.benchmarks.hello_server", which, str(path))
    with _running(argv, scratch.environment(home), home, cores) as process:
        deadline = time.monotonic() + START_SECONDS
        while not _accepts(path):  # Hypercorn has no other way to say that it is ready
            if time.monotonic() > deadline:
                raise TimeoutError(f"the {which} server does not answer")
            time.sleep(0.02)
        yield Program(process, path, home)


@contextlib.contextmanager
def open_sleeper(scratch: Scratch) -> Iterator[Program]:
    """Run a program that imports what the daemon must, and sleeps."""
    home = scratch.make_home()
    with _running(python("-c", SLEEP), scratch.environment(home), home, None) as process:
        yield Program(process, home / "none", home)


def run_to_end(argv: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a program and return how many seconds that took."""
    began = time.perf_counter()
    subprocess.run(argv, env=environment, check=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - began


@contextlib.contextmanager
def _running(
    argv: Sequence[str], environment: Mapping[str, str], home: Path, cores: set[int] | None
) -> Iterator[subprocess.Popen[bytes]]:
    with (home / "stderr").open("ab") as errors:
        process = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
    try:
        if cores is not None:
            os.sched_setaffinity(process.pid, cores)
        yield process
    except BaseException:
        sys.stderr.write((home / "stderr").read_text(errors="replace"))
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(notified: socket.socket, process: subprocess.Popen[bytes]) -> None:
    pidfd = os.pidfd_open(process.pid)
    try:
        said = b""
        while b"READY=1" not in said:
            readable, _, _ = select.select([notified.fileno(), pidfd], [], [], START_SECONDS)
            if notified.fileno() not in readable:
                raise RuntimeError("the daemon did not get ready")
            said = notified.recv(4096)
    finally:
        os.close(pidfd)


def _join_paths(environment: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Settings win, but a PYTHONPATH of theirs comes before ours instead of replacing it."""
    paths = [more["PYTHONPATH"] for more in (settings, environment) if "PYTHONPATH" in more]
    return {**environment, **settings, "PYTHONPATH": os.pathsep.join(paths)}


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        return client.connect_ex(str(path)) == 0
