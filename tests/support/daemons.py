"""Daemons for tests: one in this process (`open_daemon`), and whole programs (`Program`). Ready means told, never slept for."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
import trio

from nexusd import daemon
from nexusd.contract.problems import PROBLEM_CONTENT_TYPE, PROBLEM_TYPE_PREFIX
from nexusd.hub import Hub
from nexusd.renderers.registry import Registry
from nexusd.settings import Settings
from nexusd.store.database import open_database
from tests.support.frames import open_stream
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import OTHER, SCRIPTED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from nexusd.renderers.spec import RendererSpec
    from nexusd.store.database import Database
    from tests.support.frames import Stream

ROOT: Final = Path(__file__).parents[2]
DEFAULT: Final = "/v1/companies/default"
JOBS: Final = f"{DEFAULT}/content-jobs"
ASSETS: Final = f"{DEFAULT}/assets"
TERMINAL: Final = {"done", "failed", "cancelled"}


@contextmanager
def make_home() -> Iterator[Path]:
    """Make a private folder with a short name: pytest's own can pass the 107 bytes of a socket path."""
    home = Path(tempfile.mkdtemp(prefix="nx-"))
    try:
        yield home
    finally:
        shutil.rmtree(home)


@dataclass(frozen=True)
class Daemon:
    """A daemon in this process: how to talk to it, and its insides for those tests that must meddle."""

    settings: Settings
    client: httpx.AsyncClient
    stopping: trio.Event
    hurrying: trio.Event
    database: Database
    hub: Hub

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.settings.state_directory

    def follow(self, path: str, last_event_id: int | None = None, **query: object) -> AbstractAsyncContextManager[Stream]:
        """Open an event stream."""
        return open_stream(self.settings.socket, path, last_event_id, **query)

    async def submit(self, body: Mapping[str, Any], company: str = "default") -> str:
        """Submit a job and return its id."""
        answer = await self.client.post(f"/v1/companies/{company}/content-jobs", json=body)
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["jobId"]
        return job_id

    async def get(self, job_id: str) -> dict[str, Any]:
        """Return a job of the default company."""
        answer = await self.client.get(f"{JOBS}/{job_id}")
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    async def wait_job(self, job_id: str, is_right: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the job once it is as wanted; looks again whenever an event is committed."""
        with trio.fail_after(HANG_SECONDS):
            while True:
                cursor = self.hub.highest_event_id
                job = await self.get(job_id)
                if is_right(job):
                    return job
                await self.hub.wait_newer(cursor)

    async def wait_status(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """Return the job once its status is one of these; any terminal one by default."""
        wanted = set(statuses) or TERMINAL
        return await self.wait_job(job_id, lambda job: job["status"] in wanted)

    async def add_company(self, slug: str) -> str:
        """Add a company and return its id."""
        answer = await self.client.post("/v1/companies", json={"slug": slug})
        assert answer.status_code == 201, answer.text
        company_id: str = answer.json()["id"]
        return company_id


@asynccontextmanager
async def open_daemon(
    home: Path, *, specs: Sequence[RendererSpec] = (SCRIPTED, OTHER), **settings: Any
) -> AsyncGenerator[Daemon, None]:
    """Be the daemon, in a nursery of this block; at the end it is stopped, and must stop."""
    opened: list[Database] = []
    hub = Hub()

    @asynccontextmanager
    async def open_and_note(*arguments: Any, **rest: Any) -> AsyncGenerator[Database, None]:
        async with open_database(*arguments, **rest) as database:
            opened.append(database)
            yield database

    known = Settings(
        socket=home / "s" / "s", state_directory=home / "state", **{"sandbox": "limits", "stop_drain_seconds": 0, **settings}
    )
    stopping, hurrying = trio.Event(), trio.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(daemon, "open_database", open_and_note)
        patch.setattr(daemon, "Hub", lambda: hub)
        with daemon.bind(known) as listener:
            async with trio.open_nursery() as nursery:
                await nursery.start(daemon.serve, known, listener, Registry(specs), stopping, hurrying)
                async with _client(known.socket) as client:
                    try:
                        yield Daemon(known, client, stopping, hurrying, opened[0], hub)
                    finally:
                        stopping.set()
                        nursery.cancel_scope.deadline = trio.current_time() + HANG_SECONDS


def _client(path: Path) -> httpx.AsyncClient:
    transport = httpx.AsyncHTTPTransport(uds=str(path))
    return httpx.AsyncClient(transport=transport, base_url="http://nexusd", timeout=HANG_SECONDS)


async def wait_until(is_so: Callable[[], bool]) -> None:
    """Return once the files or the kernel say so, who tell nobody when they change."""
    with trio.fail_after(HANG_SECONDS):
        while not is_so():  # noqa: ASYNC110 - there is no event to wait for
            await trio.sleep(0.005)


def check_problem(answer: httpx.Response, status: int, slug: str, names: Collection[str] = ()) -> dict[str, Any]:
    """Check that an answer is the problem it should be, naming these places; return the document."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == PROBLEM_CONTENT_TYPE
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == PROBLEM_TYPE_PREFIX + slug
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert {param["name"] for param in problem.get("invalidParams", [])} == set(names), problem
    assert all(param["reason"] for param in problem.get("invalidParams", []))
    return problem


def take_stock(state: Path) -> dict[str, Any]:
    """Return how many rows each table has, and every file of the storage."""
    with closing(sqlite3.connect(state / "nexusd.db")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        stock: dict[str, Any] = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    stock["files"] = sorted(str(path) for path in (state / "assets").rglob("*") if path.is_file())
    return stock


@dataclass
class Program:
    """`nexusd` as a process with a home of its own. Ends what it started, by pid, whatever a test did."""

    home: Path
    module: str = "tests.support.scripted_daemon"
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        for name in ("run", "state", "config"):
            (self.home / name).mkdir(mode=0o700, exist_ok=True)
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notices.settimeout(HANG_SECONDS)
        address = self.home / "run" / "notify"
        address.unlink(missing_ok=True)
        self._notices.bind(str(address))

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.kill()
        for pid in living_children(self.home):  # a test that failed may have left some
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._notices.close()

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.home / "run" / "nexusd" / "nexusd.sock"

    @property
    def state(self) -> Path:
        """Its state directory."""
        return self.home / "state" / "nexusd"

    @property
    def log(self) -> str:
        """What all its lives said on stderr."""
        return (self.home / "log").read_text()

    @property
    def pid(self) -> int:
        """The pid of the running one."""
        assert self.process is not None
        return self.process.pid

    def variables(self) -> dict[str, str]:
        """Return its environment: nothing of ours but the way to the interpreter's files."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "NOTIFY_SOCKET": str(self.home / "run" / "notify"),
            "NEXUSD_SANDBOX": "limits",  # children tell pids and meet at files
            "NEXUSD_STOP_DRAIN_SECONDS": "0",
            **self.environment,
        }

    def argv(self, *arguments: str) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-m", self.module, *arguments]

    def spawn(self, *arguments: str, wrapper: Sequence[str] = ()) -> None:
        """Start it, and do not wait."""
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*wrapper, *self.argv(*arguments)],
                cwd=ROOT,
                env=self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self, *arguments: str) -> None:
        """Start it and wait until it says that it is ready."""
        self.spawn(*arguments)
        self.wait_notice("READY=1")

    def wait_notice(self, wanted: str) -> list[str]:
        """Return every line it told the service manager up to the wanted one; fail when it ends before."""
        assert self.process is not None
        told: list[str] = []
        end_at = time.monotonic() + HANG_SECONDS
        with open_pidfd(self.process.pid) as ended:
            while wanted not in told:
                told_on = self._notices.fileno()
                ready, _, _ = select.select([told_on, ended], [], [], max(0, end_at - time.monotonic()))
                assert ready, f"not told {wanted} but {told}:\n{self.log}"
                assert told_on in ready, f"ended before it told {wanted}:\n{self.log}"
                told += self._notices.recv(4096).decode().splitlines()
        return told

    def wait_log(self, wanted: str) -> None:
        """Return once stderr holds this: for tools that tell nobody else."""
        end_at = time.monotonic() + HANG_SECONDS
        while wanted not in self.log:
            assert time.monotonic() < end_at, self.log
            time.sleep(0.01)

    def notices(self) -> list[str]:
        """Return what it told and nobody has read yet."""
        told: list[str] = []
        while select.select([self._notices], [], [], 0)[0]:
            told += self._notices.recv(4096).decode().splitlines()
        return told

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run it to its own end; return its exit code and what it said."""
        ended = subprocess.run(
            self.argv(*arguments),
            cwd=ROOT,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=HANG_SECONDS,
            check=False,
        )
        return ended.returncode, ended.stdout.decode()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it alone."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, seconds: float = HANG_SECONDS) -> int:
        """Return its exit code once it has ended. Raises TimeoutError."""
        assert self.process is not None
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"it still runs after {seconds} s:\n{self.log}") from error

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """Kill it as a crash would: nothing but the one process, no warning."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(HANG_SECONDS)

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """Open a client of it."""
        transport = httpx.HTTPTransport(uds=str(self.socket), verify=False)  # to load certificates takes longer than a request
        with httpx.Client(transport=transport, base_url="http://nexusd", timeout=HANG_SECONDS) as client:
            yield client

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask its database, behind its back."""
        with closing(sqlite3.connect(self.state / "nexusd.db", timeout=HANG_SECONDS)) as connection, connection:
            return connection.execute(sql, values).fetchall()

    def follow_until(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """Return the job as its stream tells of it, once its status is one of these; any terminal one by default."""
        wanted = set(statuses) or TERMINAL
        with self.client() as client, client.stream("GET", f"{JOBS}/{job_id}/events") as answer:
            for line in answer.iter_lines():
                if line.startswith("data: ") and (job := json.loads(line[6:]).get("job")) and job["status"] in wanted:
                    found: dict[str, Any] = job
                    return found
        raise AssertionError(f"the stream ended before the job was {wanted}")


@contextmanager
def open_pidfd(pid: int) -> Iterator[int]:
    """Open a process, to wait for its end."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def living_children(state: Path) -> list[int]:
    """Return every process that works below the state directory: children, and what they left behind."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink().is_relative_to(state):
                    found.append(int(entry.name))
    return found
