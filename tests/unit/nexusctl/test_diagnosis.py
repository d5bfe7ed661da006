"""The doctor's looks at places and units: each fault made on purpose, and told with what to do."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nexusctl.commands.diagnosis_daemon import judge_clock
from nexusctl.commands.diagnosis_places import (
    find_holder,
    look_at_disk,
    look_at_socket,
    look_at_state,
    look_for_leftovers,
)
from nexusctl.commands.diagnosis_units import look_at_units
from nexusctl.errors import Unreachable
from nexusctl.output.diagnosis import check_line
from nexusctl.output.screen import Style
from nexusd.contract.doctor import Check, DiskRoom, Setup

if TYPE_CHECKING:
    from collections.abc import Iterable

SHIPPED = Path(__file__).parents[3] / "systemd"


def outcomes(checks: Iterable[Check]) -> list[str]:
    return [check.outcome for check in checks]


def told(checks: Iterable[Check]) -> str:
    return "\n".join(f"{check.message} | {check.advice}" for check in checks)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory in order."""
    state = tmp_path / "state"
    for folder in (state, state / "work", state / "assets"):
        folder.mkdir(mode=0o700)
    for name in ("nexusd.db", "nexusd.lock"):
        (state / name).touch(mode=0o600)
    return state


def test_a_state_directory_in_order(state: Path) -> None:
    assert outcomes(look_at_state(state)) == ["ok"]
    assert outcomes(look_at_state(state / "none")) == ["ok"]
    assert outcomes(look_at_state(None)) == ["skipped"]


@pytest.mark.parametrize(("name", "mode"), [("", 0o755), ("assets", 0o710), ("nexusd.db", 0o644), ("nexusd.lock", 0o620)])
def test_what_is_open_to_others_is_told(state: Path, name: str, mode: int) -> None:
    (state / name).chmod(mode)
    [check] = look_at_state(state)
    assert check.outcome == "failed"
    assert check.message == f"{state / name} is open to others"
    assert check.advice == f"close it with: chmod {'600' if name.startswith('nexusd') else '700'} {state / name}"


def test_what_is_no_folder_or_a_link_is_told(state: Path, tmp_path: Path) -> None:
    (state / "assets").rmdir()
    (state / "assets").symlink_to(tmp_path)
    assert "symbolic link" in told(look_at_state(state))
    (state / "assets").unlink()
    (state / "assets").touch(mode=0o700)
    assert "not what it should be" in told(look_at_state(state))


def test_somebody_elses_file_is_told(state: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(state / "nexusd.db", 4242, -1)
    assert "belongs to another user (uid 4242)" in told(look_at_state(state))


def test_the_holder_of_the_lock_is_found_without_taking_it(state: Path) -> None:
    assert find_holder(state) is None
    with (state / "nexusd.lock").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert find_holder(state) == os.getpid()
    assert find_holder(state) is None


def test_sockets(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    path = folder / "nexusd.sock"
    assert "no nexusd runs: there is no" in told(look_at_socket(path))
    folder.mkdir(mode=0o700)
    assert outcomes(look_at_socket(path)) == ["warning"]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        assert "left from one that is gone" in told(look_at_socket(path))
        path.chmod(0o666)
        folder.chmod(0o755)
        first, second, _ = look_at_socket(path)
        assert (first.advice, second.advice) == (
            f"close it with: chmod 700 {folder}",
            f"close it with: chmod 600 {path}",
        )
    folder.chmod(0o777)
    with pytest.raises(Unreachable):
        list(look_at_socket(path))


@pytest.mark.parametrize(("free", "outcome"), [(99, "failed"), (100, "warning"), (199, "warning"), (200, "ok")])
def test_the_disk(free: int, outcome: str) -> None:
    setup = Setup(version="1", config_file="f", disk=DiskRoom(free_bytes=free, needed_bytes=100))
    assert outcomes(look_at_disk(setup, None)) == [outcome]
    assert outcomes(look_at_disk(None, None)) == ["skipped"]


@pytest.mark.slow
def test_leftovers(state: Path) -> None:
    assert outcomes(look_for_leftovers(state, has_daemon=False)) == ["ok"]
    (state / "work" / "attempt-1").mkdir()
    assert "1 work folders are left" in told(look_for_leftovers(state, has_daemon=False))
    assert outcomes(look_for_leftovers(state, has_daemon=True)) == ["ok"]
    waiting = [sys.executable, "-I", "-S", "-c", "print(flush=True); input()"]
    with subprocess.Popen(
        waiting, env={"NEXUSD_ATTEMPT": "attempt-1"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = told(look_for_leftovers(state, has_daemon=False))
        process.communicate(b"\n")
    assert f"run on without a daemon: {process.pid} | the next start" in found


@pytest.mark.parametrize(("ahead", "outcome"), [(timedelta(hours=-1), "ok"), (timedelta(hours=1), "failed")])
def test_the_clock(ahead: timedelta, outcome: str) -> None:
    assert judge_clock(datetime.now(UTC) + ahead).outcome == outcome
    assert judge_clock(None).outcome == "ok"


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units as README says to install them, and their program."""
    folder = tmp_path / ".config/systemd/user"
    (folder / "sockets.target.wants").mkdir(parents=True)
    for name in ("nexusd.service", "nexusd.socket"):
        (folder / name).write_bytes((SHIPPED / name).read_bytes())
    (folder / "sockets.target.wants/nexusd.socket").symlink_to(folder / "nexusd.socket")
    program = tmp_path / ".local/bin/nexusd"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    return folder


def look(units: Path) -> list[Check]:
    return list(look_at_units({"HOME": str(units.parents[2])}, SHIPPED))


def test_units_in_order(units: Path) -> None:
    [check] = look(units)
    assert check.outcome == "ok"
    assert "enabled" in check.message


def test_no_units_are_no_fault(tmp_path: Path) -> None:
    [check] = look_at_units({"HOME": str(tmp_path)}, SHIPPED)
    assert check.outcome == "ok"
    assert "no systemd user units are installed" in check.message


def test_units_that_differ_but_for_comments(units: Path) -> None:
    service = units / "nexusd.service"
    service.write_text("# mine\n" + service.read_text())
    assert outcomes(look(units)) == ["ok"]
    service.write_text(service.read_text().replace("KillMode=mixed", "KillMode=process"))
    assert "is not the one that this nexusd ships" in told(look(units))


def test_a_unit_that_is_missing_or_not_enabled(units: Path) -> None:
    (units / "sockets.target.wants/nexusd.socket").unlink()
    assert "not enabled" in told(look(units))
    (units / "nexusd.service").unlink()
    assert "nexusd.service is missing" in told(look(units))


def test_a_program_that_is_not_there_and_a_drop_in_that_mends_it(units: Path) -> None:
    (units.parents[2] / ".local/bin/nexusd").unlink()
    assert "failed" in outcomes(look(units))
    drop_in = units / "nexusd.service.d/override.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(f"[Service]\nExecStart=\nExecStart={sys.executable}\n")
    assert outcomes(look(units)) == ["ok"]


def test_checks_fit_a_narrow_terminal() -> None:
    check = Check(
        name="disk", outcome="failed", message="so little is free\nthat nothing starts", advice="delete something " * 5
    )
    lines = check_line(check, Style(is_terminal=True, width=40, colour=False)).splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[0] == "failed  disk: so little is free"
    assert lines[1] == "        that nothing starts"
