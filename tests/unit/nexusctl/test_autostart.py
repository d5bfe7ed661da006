"""Finding a daemon or starting one, with a stand-in for the daemon's program that behaves as each case needs."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import tempfile
import textwrap
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nexusctl.client import autostart
from nexusctl.client.autostart import Starter
from nexusctl.client.sockets import check_owner, check_path, is_answering
from nexusctl.errors import NexusctlError, Unreachable, UsageError
from tests.support.daemons import open_pidfd

if TYPE_CHECKING:
    from collections.abc import Iterator

PRELUDE = """\
#!{python}
import os, socket, sys, time
path = sys.argv[sys.argv.index("--socket") + 1]
def listen():
    server = socket.socket(socket.AF_UNIX); server.bind(path); server.listen(); return server
def notify(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
"""


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="nx-") as folder:
        yield Path(folder)


@pytest.fixture
def spawned() -> Iterator[list[int]]:
    """Pids of stand-ins that go on; ended after the test."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):  # reaped by the client already
            os.waitpid(pid, 0)


def program(place: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Let `sys.executable -P -m nexusd …` be this program."""
    script = place / "python"
    script.write_text(PRELUDE.format(python=sys.executable) + textwrap.dedent(body))
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))


def starter(place: Path, said: list[str], *, allowed: bool = True, timeout_seconds: float = 10) -> Starter:
    return Starter(place / "run" / "n.sock", allowed=allowed, announce=said.append, timeout_seconds=timeout_seconds)


def pid_in(said: list[str]) -> int:
    return int(said[0].split("pid ")[1].split(")")[0])


@pytest.mark.slow
def test_a_daemon_is_started_and_waited_for(place: Path, monkeypatch: pytest.MonkeyPatch, spawned: list[int]) -> None:
    program(place, monkeypatch, 'server = listen(); notify("STATUS=starting"); notify("READY=1\\nSTATUS=on"); time.sleep(60)')
    said: list[str] = []
    start = starter(place, said)
    start.ensure()
    spawned.append(pid_in(said))
    assert said == [f"started nexusd (pid {spawned[0]}), it ends after 10 minutes without work"]
    assert is_answering(place / "run" / "n.sock")
    assert os.getsid(spawned[0]) == spawned[0]
    assert os.readlink(f"/proc/{spawned[0]}/cwd") == "/"
    assert {os.readlink(f"/proc/{spawned[0]}/fd/{fd}") for fd in (0, 1)} == {"/dev/null"}
    assert os.readlink(f"/proc/{spawned[0]}/fd/2") == str(place / "run" / "nexusd.log")
    assert (place / "run").stat().st_mode & 0o777 == 0o700
    start.ensure()
    assert len(said) == 1


@pytest.mark.slow
def test_threads_that_miss_it_together_start_one(place: Path, monkeypatch: pytest.MonkeyPatch, spawned: list[int]) -> None:
    program(
        place,
        monkeypatch,
        """
        open(os.path.dirname(path) + f"/started-{os.getpid()}", "w")
        time.sleep(0.2); server = listen(); notify("READY=1"); time.sleep(60)
        """,
    )
    said: list[str] = []
    start = starter(place, said)
    threads = [threading.Thread(target=start.ensure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spawned += [int(entry.name.rpartition("-")[2]) for entry in (place / "run").glob("started-*")]
    assert spawned == [pid_in(said)]


@pytest.mark.slow
def test_a_supervisors_messages_to_us_are_not_passed_on(
    place: Path, monkeypatch: pytest.MonkeyPatch, spawned: list[int]
) -> None:
    for name in ("LISTEN_FDS", "LISTEN_PID", "WATCHDOG_USEC"):
        monkeypatch.setenv(name, "1")
    program(
        place,
        monkeypatch,
        """
        assert not {"LISTEN_FDS", "LISTEN_PID", "WATCHDOG_USEC"} & set(os.environ)
        server = listen(); notify("READY=1"); time.sleep(60)
        """,
    )
    said: list[str] = []
    starter(place, said).ensure()
    spawned.append(pid_in(said))


@pytest.mark.slow
def test_a_daemon_that_ends_at_once_is_reported_with_its_last_words(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "run").mkdir(mode=0o700)
    (place / "run" / "nexusd.log").write_text("words of an earlier one\n")
    program(place, monkeypatch, 'sys.exit("nexusd: the schema is newer than this program")')
    with pytest.raises(Unreachable, match="exit code 1") as caught:
        starter(place, []).ensure()
    assert "schema is newer" in (caught.value.hint or "")
    assert "earlier" not in (caught.value.hint or "")


@pytest.mark.slow
def test_a_daemon_that_only_says_how_far_it_is_is_not_ready(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(place, monkeypatch, 'notify("STATUS=migrating"); sys.exit(78)')
    with pytest.raises(Unreachable, match="exit code 78"):
        starter(place, []).ensure()


@pytest.mark.slow
def test_the_loser_of_a_race_goes_to_the_winner(place: Path, monkeypatch: pytest.MonkeyPatch, spawned: list[int]) -> None:
    program(
        place,
        monkeypatch,
        """
        if os.fork():
            os._exit(75)                 # the loser; its child plays the winner, which is ready a little later
        open(os.path.dirname(path) + "/winner", "w").write(str(os.getpid()))
        time.sleep(0.1); server = listen(); time.sleep(60)
        """,
    )
    said: list[str] = []
    starter(place, said).ensure()
    assert said == []
    assert is_answering(place / "run" / "n.sock")
    os.kill(int((place / "run" / "winner").read_text()), signal.SIGKILL)


@pytest.mark.slow
def test_a_winner_that_was_stopping_is_replaced(place: Path, monkeypatch: pytest.MonkeyPatch, spawned: list[int]) -> None:
    monkeypatch.setattr(autostart, "WINNER_SECONDS", 0.05)
    program(
        place,
        monkeypatch,
        """
        tries = os.path.dirname(path) + "/tries"
        open(tries, "a").write("x")
        if len(open(tries).read()) < 3:
            sys.exit(75)
        server = listen(); notify("READY=1"); time.sleep(60)
        """,
    )
    said: list[str] = []
    starter(place, said).ensure()
    spawned.append(pid_in(said))


@pytest.mark.slow
def test_a_race_without_a_winner_ends(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autostart, "WINNER_SECONDS", 0.05)
    program(place, monkeypatch, "sys.exit(75)")
    with pytest.raises(Unreachable, match=r"does not answer|not ready in time"):
        starter(place, [], timeout_seconds=0.2).ensure()


@pytest.mark.slow
def test_a_daemon_that_is_never_ready_is_not_waited_for_for_ever(
    place: Path, monkeypatch: pytest.MonkeyPatch, spawned: list[int]
) -> None:
    program(place, monkeypatch, "time.sleep(60)")
    with pytest.raises(Unreachable, match="not ready in time") as caught:
        starter(place, [], timeout_seconds=0.3).ensure()
    spawned.append(pid_in([str(caught.value)]))


def test_a_daemon_that_answers_is_left_alone(place: Path) -> None:
    (place / "run").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / "run" / "n.sock"))
        server.listen()
        starter(place, []).ensure()
        starter(place, []).revive(100)


def test_without_permission_none_is_started(place: Path) -> None:
    with pytest.raises(Unreachable, match="not running") as caught:
        starter(place, [], allowed=False).ensure()
    assert f"nexusd --socket {place}/run/n.sock" in (caught.value.hint or "")
    assert not (place / "run").exists()


def test_a_stale_socket_is_no_daemon(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / "s"))
    assert not is_answering(place / "s")
    assert not is_answering(place / "none")


@pytest.mark.slow
def test_only_our_own_daemon_is_replaced_at_once(place: Path, monkeypatch: pytest.MonkeyPatch, spawned: list[int]) -> None:
    program(place, monkeypatch, 'server = listen(); notify("READY=1"); time.sleep(60)')
    said: list[str] = []
    start = starter(place, said)
    start.revive(0.5)
    assert said == [], "somebody else's daemon gets a grace"
    start.revive(3)
    with open_pidfd(pid_in(said)) as ended:
        os.kill(pid_in(said), signal.SIGKILL)
        assert select.select([ended], [], [], 15)[0]
    (place / "run" / "n.sock").unlink()
    start.revive(0)
    assert len(said) == 2
    spawned.append(pid_in(said[1:]))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_users_socket_or_directory_is_refused(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / "s"))
        server.listen()
        os.chown(place / "s", 12345, -1)
        with pytest.raises(Unreachable, match="belongs to another user"):
            check_owner(place / "s")
        os.chown(place / "s", 0, -1)
        os.chown(place, 12345, -1)
        with pytest.raises(Unreachable, match="belongs to another user"):
            check_owner(place / "s")


def test_a_directory_others_may_write_to_and_a_plain_file_are_refused(place: Path) -> None:
    (place / "file").touch()
    with pytest.raises(Unreachable, match="not a socket"):
        check_owner(place / "file")
    place.chmod(0o777)
    with pytest.raises(Unreachable, match="others may write"):
        check_owner(place / "s")


def test_a_path_the_kernel_cannot_use_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="longer than 107"):
        check_path(Path("/tmp", "x" * 110))
    check_path(Path("/" + "x" * 106))


def test_a_long_log_is_rotated_and_a_link_in_its_place_refused(place: Path) -> None:
    log = autostart._Log(place)
    (place / "nexusd.log").write_bytes(b"x" * (autostart.LOG_MAX_BYTES + 1))
    os.close(log.open())
    assert (place / "nexusd.log").stat().st_size == 0
    assert (place / "nexusd.log.1").stat().st_size > autostart.LOG_MAX_BYTES
    (place / "nexusd.log").unlink()
    (place / "nexusd.log").symlink_to(place / "elsewhere")
    with pytest.raises(NexusctlError, match="cannot write the daemon's log"):
        log.open()
