"""Starting the daemon when nobody answers at its socket.

Owns the child's command line and environment, the wait for its readiness, and the race with other starts. The daemon owns the
socket and the lock: of two simultaneous starts one exits with ALREADY_RUNNING, and its client goes to the winner.

The wait is for what happens, not for time to pass: a datagram with READY=1 (sd_notify), or the end of the child (a
pidfd). Only a lost race is waited out with a short back-off, because the winner was started by somebody else and tells us
nothing.

Invariants:
1. The child is in a session of its own, holds none of our descriptors and runs in `/`: our end, our terminal's Ctrl-C and
   our working directory do not concern it. `-P` keeps Python from importing out of the working directory.
2. Nothing is started in a directory that is not ours alone (`sockets.check_owner`).
3. A daemon that ends while we go on is reaped, also after its client was closed: a program that uses the library for days
   collects no zombies.
4. The log beside the socket is rotated at LOG_MAX_BYTES when a daemon is started; one old log is kept.
"""

from __future__ import annotations

import os
import random
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from nexusctl.client.sockets import check_owner, check_path, is_answering
from nexusctl.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

IDLE_EXIT: Final = "10m"
IDLE_EXIT_WORDS: Final = "10 minutes"
START_TIMEOUT_SECONDS: Final = 30.0
"""A start takes a second; on a machine whose processors are all rendering, many."""
SUPERVISOR_GRACE_SECONDS: Final = 2.0
ALREADY_RUNNING: Final = 75  # EX_TEMPFAIL: the daemon's exit code when another holds the lock
WINNER_SECONDS: Final = 2.0
LOG_NAME: Final = "nexusd.log"
LOG_MAX_BYTES: Final = 1024 * 1024
_LOG_TAIL_BYTES: Final = 4096
_LOG_TAIL_LINES: Final = 10
_DATAGRAM_BYTES: Final = 4096
# What a supervisor of ours says to us is not meant for the daemon.
_NOT_INHERITED: Final = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID", "INVOCATION_ID")


class Starter:
    """Makes sure that a daemon answers at one socket. `announce` gets one line for people about each start."""

    def __init__(
        self,
        path: Path,
        *,
        allowed: bool,
        announce: Callable[[str], None],
        timeout_seconds: float = START_TIMEOUT_SECONDS,
    ) -> None:
        self._path = path
        self._allowed = allowed
        self._announce = announce
        self._timeout_seconds = timeout_seconds
        self._log = _Log(path.parent)
        self._pid: int | None = None  # of the daemon that we started
        self._starting = threading.Lock()  # tasks of an asynchronous client lose the daemon together, each in a thread

    def ensure(self) -> None:
        """Return when a daemon answers. Raises UsageError, or Unreachable when there is none and none may or can be started."""
        check_path(self._path)
        check_owner(self._path)
        with self._starting:
            if is_answering(self._path):
                return
            if not self._allowed:
                raise not_running(self._path)
            self._start()

    def revive(self, silent_seconds: float) -> bool:
        """Start a daemon in place of one that died `silent_seconds` ago. Return whether there is a new one.

        Raises Unreachable when the start fails.

        One that we started has no supervisor, so it is replaced at once. Another's may: it gets a grace, so that we do
        not take the socket from under a unit that is restarting.
        """
        check_owner(self._path)
        with self._starting:
            if not self._allowed or is_answering(self._path):
                return False
            if self._pid is None and silent_seconds < SUPERVISOR_GRACE_SECONDS:
                return False
            self._start()
            return True

    def _start(self) -> None:
        deadline = time.monotonic() + self._timeout_seconds
        while (exit_code := self._launch(deadline)) is not None:
            if exit_code != ALREADY_RUNNING:
                raise _died(exit_code, self._log)
            if _wait_winner(self._path):
                return
            if time.monotonic() >= deadline:  # else the other may have been one that was stopping: try again
                raise Unreachable(
                    f"another nexusd is running, but does not answer at {self._path}",
                    hint="it may use another socket: name that with --socket, or end it",
                )

    def _launch(self, deadline: float) -> int | None:
        """Start one child. Return None when it is ready, else the exit code it ended with."""
        _make_directory(self._path.parent)
        with _open_notify() as (notify, address):
            pid = _spawn(self._path, address, self._log)
            exit_code = None
            try:
                exit_code = _wait_ready(notify, pid, deadline)
            finally:
                if exit_code is None:
                    threading.Thread(target=_reap, args=(pid,), name=f"reaps nexusd {pid}", daemon=True).start()
        if exit_code is None:
            self._pid = pid
            self._announce(f"started nexusd (pid {pid}), it ends after {IDLE_EXIT_WORDS} without work")
        return exit_code


class _Log:
    """The daemon's standard error, in a file beside the socket."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / LOG_NAME
        self._start = 0

    def open(self) -> int:
        """Rotate when it is due, and return a descriptor that appends."""
        try:
            with suppress(FileNotFoundError):  # none yet
                if self.path.lstat().st_size > LOG_MAX_BYTES:
                    self.path.replace(self.path.with_name(LOG_NAME + ".1"))
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unreachable(f"cannot write the daemon's log {self.path}: {error.strerror}") from None
        self._start = os.lseek(descriptor, 0, os.SEEK_END)
        return descriptor

    def tail(self) -> list[str]:
        """Return the last lines written since `open`."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(self._start, file.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
                return file.read().decode("utf-8", "replace").splitlines()[-_LOG_TAIL_LINES:]
        except OSError:
            return []


def not_running(path: Path) -> Unreachable:
    """Return the error for a daemon that is not there and must not be started."""
    from nexusd.contract.paths import default_socket_path

    where = "" if path == default_socket_path() else f" --socket {path}"
    return Unreachable(f"nexusd is not running at {path}", hint=f"start it with: nexusd{where}")


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unreachable(f"cannot make the socket's directory {directory}: {error.strerror}") from None
    check_owner(directory / "nexusd.sock")


@contextmanager
def _open_notify() -> Iterator[tuple[socket.socket, str]]:
    """Open a datagram socket that only we and the child can reach."""
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > 60:  # leaves room for the two names below in the kernel's 107 bytes
        base = "/tmp"  # the directory made in it is private
    with tempfile.TemporaryDirectory(prefix="nexusctl-", dir=base) as private:  # mode 0700
        address = os.path.join(private, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(address)
            os.chmod(address, 0o600)
            notify.setblocking(False)
            yield notify, address


def _spawn(path: Path, notify_address: str, log: _Log) -> int:
    """Start the daemon's program and return its pid, which is the caller's to reap."""
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    environment["NOTIFY_SOCKET"] = notify_address
    command = [sys.executable, "-P", "-m", "nexusd", "--idle-exit", IDLE_EXIT, "--socket", str(path.absolute())]
    descriptor = log.open()
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=descriptor,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise Unreachable(f"cannot start nexusd: {error.strerror}") from None
    finally:
        os.close(descriptor)
    child.returncode = 0  # it is meant to outlive us: without this, Popen warns that it still runs
    return child.pid


def _wait_ready(notify: socket.socket, pid: int, deadline: float) -> int | None:
    """Return None when the child is ready, or its exit code when it ended first. Raises Unreachable at the deadline."""
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(notify, select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        while True:
            happened = {descriptor for descriptor, _ in poll.poll(max(0.0, deadline - time.monotonic()) * 1000)}
            if notify.fileno() in happened and _said_ready(notify):
                return None
            if pidfd in happened:
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if not happened:
                raise Unreachable(
                    f"nexusd (pid {pid}) was started but was not ready in time", hint="its log is beside the socket"
                )
    finally:
        os.close(pidfd)


def _reap(pid: int) -> None:
    """Wait for the end of a daemon that we started, which may be long after its client was closed."""
    with suppress(ChildProcessError):  # the program that uses us reaps whatever ends
        os.waitpid(pid, 0)


def _said_ready(notify: socket.socket) -> bool:
    try:
        lines = notify.recv(_DATAGRAM_BYTES).split(b"\n")
    except BlockingIOError:
        return False
    return b"READY=1" in lines


def _wait_winner(path: Path) -> bool:
    """Wait, not for long, for the daemon that won the race. Return whether it answers."""
    pause = 0.01
    until = time.monotonic() + WINNER_SECONDS
    while not is_answering(path):
        if time.monotonic() >= until:
            return False
        time.sleep(pause * random.uniform(0.5, 1.5))
        pause = min(pause * 2, 0.2)
    return True


def _died(exit_code: int, log: _Log) -> Unreachable:
    how = f"with exit code {exit_code}" if exit_code >= 0 else f"by signal {-exit_code}"
    return Unreachable(f"nexusd was started and ended at once, {how}", hint="\n".join([*log.tail(), f"its log is {log.path}"]))
