"""A daemon that is absent, dies, comes back or is slow, under each of the clients."""

from __future__ import annotations

import io
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nexusctl import Unreachable, UsageError
from nexusd.contract.events import JobEvent, ProgressEvent
from tests.acceptance.client.faces import open_client
from tests.acceptance.client.sockets import connections_to
from tests.support.daemons import make_home, open_pidfd
from tests.support.processes import children
from tests.support.scripted import DONE, Gate, scripted

if TYPE_CHECKING:
    from nexusctl import Nexus
    from tests.support.daemons import Program

# httpcore 1.0 leaves a socket that could not connect to the garbage collector, which closes it with a warning: here, and not
# in whatever test happens to run when the collector comes.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning"),
    pytest.mark.usefixtures("collected"),
]

RESET_PEAK = "5"
"""What resets VmHWM, written to clear_refs. Source: proc(5)."""

STEPS = (("progress", 0.1, "begun"), ("wait", "?"), ("progress", 0.9, "nearly"), DONE)


def gated(gate: Gate) -> dict[str, object]:
    """The input of a job that waits in its middle."""
    given: dict[str, object] = scripted(*[(step[0], gate.path) if step[0] == "wait" else step for step in STEPS])["input"]
    return given


def test_without_a_daemon_it_is_said_at_once(kind: str) -> None:
    with make_home() as home:
        with pytest.raises(Unreachable, match="not running") as caught, open_client(kind, home / "s", start=False):
            pass
        assert caught.value.hint == f"start it with: nexusd --socket {home / 's'}"
        with pytest.raises(UsageError, match="longer than"), open_client(kind, home / ("s" * 200)):
            pass


def test_a_daemon_that_goes_away_is_waited_for_and_then_given_up(kind: str, own: Program) -> None:
    own.start()
    notices: list[str] = []
    with open_client(kind, own.socket, start=False, patience=0.2, notice=notices.append) as nexus:
        assert nexus.status().pid == own.pid
        own.kill()
        with pytest.raises(Unreachable, match="has not answered for"):
            nexus.status()
        with pytest.raises(Unreachable, match="has not answered for"):
            next(iter(nexus.follow("any")))
        with pytest.raises(Unreachable, match="has not answered for"):
            nexus.upload(b"x")
    assert notices == ["nexusd is not running; trying again"] * 3


def test_one_is_started_when_none_answers(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    notices: list[str] = []
    with make_home() as home:
        for name in ("state", "config", "run"):
            (home / name).mkdir(mode=0o700)
        for name, folder in (("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config"), ("XDG_RUNTIME_DIR", "run")):
            monkeypatch.setenv(name, str(home / folder))
        monkeypatch.setenv("NEXUSCTL_SOCKET", str(home / "run" / "s"))
        pids = []
        try:
            with open_client(kind, None, notice=notices.append) as nexus:  # type: ignore[arg-type]
                pids.append(nexus.status().pid)
                kill(pids[0])
                pids.append(nexus.status().pid)  # ours has nobody else to start it again
        finally:
            kill(pids[-1])
    for reaper in [thread for thread in threading.enumerate() if thread.name in {f"reaps nexusd {pid}" for pid in pids}]:
        reaper.join(15)
    assert children().isdisjoint(pids), "no zombie is left to the program that used us"
    assert pids[0] != pids[1]
    assert [notice.split(" (")[0] for notice in notices if "started" in notice] == ["started nexusd"] * 2


def kill(pid: int) -> None:
    """End a daemon that is not ours to wait for, or may be: it is gone afterwards."""
    import select

    with open_pidfd(pid) as ended:
        os.kill(pid, signal.SIGKILL)
        assert select.select([ended], [], [], 15)[0]


def test_a_job_is_followed_over_the_death_of_its_daemon(kind: str, own: Program, gate: Gate) -> None:
    own.start()
    with open_client(kind, own.socket, start=False) as nexus:
        accepted = nexus.submit("scripted", gated(gate))
        events = []
        for event in nexus.follow(accepted):
            events.append(event)
            if isinstance(event.data, ProgressEvent) and event.data.progress < 0.5:
                if len([each for each in events if isinstance(each.data, ProgressEvent)]) == 1:
                    own.kill()
                    own.start()
                else:
                    gate.let_through()
        ids = [event.id for event in events if event.name in ("status", "progress")]
        first = ids[0]
        assert ids == [number for (number,) in rows_of(own, accepted.job_id) if first is not None and number >= first]
        assert isinstance(events[-1].data, JobEvent)
        assert (events[-1].data.job.status, events[-1].data.job.attempt) == ("done", 2)


def rows_of(program: Program, job_id: str) -> list[tuple[int]]:
    """The ids of a job's events, as its stream tells them."""
    sql = "SELECT id FROM events WHERE job_id = ? AND type LIKE 'content_job.%' ORDER BY id"
    return [(number,) for (number,) in program.query(sql, job_id)]


def test_waits_calls_and_logs_go_on_over_the_death_of_the_daemon(kind: str, own: Program, gate: Gate) -> None:
    own.start()

    def replace() -> None:
        own.kill()
        own.start()
        gate.let_through()

    with open_client(kind, own.socket, start=False) as nexus:
        accepted = nexus.submit("scripted", gated(gate))
        with nexus.follow(accepted) as events:
            next(event for event in events if isinstance(event.data, ProgressEvent))
        replacing = threading.Thread(target=replace)
        replacing.start()
        try:
            assert nexus.wait(accepted).status == "done"
        finally:
            replacing.join()
        own.kill()
        starting = threading.Thread(target=own.start)
        starting.start()
        try:
            assert nexus.submit("scripted", scripted(DONE)["input"]).job_id != accepted.job_id
        finally:
            starting.join()


class Pipe(io.RawIOBase):
    """A source that cannot seek."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        taken = min(size, self._left)
        self._left -= taken
        return b"\0" * taken


def test_what_cannot_be_read_again_is_sent_once(nexus: Nexus, kind: str, own: Program) -> None:
    assert nexus.upload(Pipe(1000)).byte_size == 1000  # type: ignore[arg-type]
    own.start()
    with open_client(kind, own.socket, start=False) as other:
        own.kill()
        with pytest.raises(Unreachable) as caught:
            other.upload(Pipe(1000))  # type: ignore[arg-type]
    assert "cannot be read again" in str(caught.value.hint)


def test_no_connection_is_left_by_streams_that_are_left(kind: str, shared: Program, gate: Gate) -> None:
    with open_client(kind, shared.socket, start=False) as nexus:
        accepted = nexus.submit("scripted", gated(gate))
        with nexus.follow(accepted) as events:
            next(events)
        with nexus.events() as others:
            others.close()
        for _event in nexus.follow(accepted):
            break
        nexus.status()  # the next use closes what a loop has left
        assert connections_to(shared.socket) <= 1
        left = nexus.follow(accepted)
        next(left)
        gate.let_through()
        nexus.wait(accepted)
        nexus.close()
        assert connections_to(shared.socket) == 0
        with pytest.raises(UsageError, match="is closed"):
            nexus.status()
        with pytest.raises(UsageError, match="is closed"):
            list(left)


def test_large_files_pass_in_constant_memory(kind: str, own: Program, tmp_path: Path) -> None:
    size = 128 * 1024 * 1024
    own.environment["NEXUSD_ATTACHMENT_MAX_BYTES"] = str(size)
    own.start()
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(size)
    with open_client(kind, own.socket, start=False) as other:
        small = other.upload(b"warm")
        other.download(small, tmp_path / "small")
        Path("/proc/self/clear_refs").write_text(RESET_PEAK)
        before = memory("VmRSS")
        stored = other.upload(big)
        other.download(stored, tmp_path / "again")
        grown = memory("VmHWM") - before
    assert (tmp_path / "again").stat().st_size == size
    assert grown < 16 * 1024 * 1024, grown


def memory(field: str) -> int:
    """What this process takes, or took at most, in bytes."""
    status = Path("/proc/self/status").read_text()
    [found] = [line.split()[1] for line in status.splitlines() if line.startswith(f"{field}:")]
    return int(found) * 1024
