"""Under a service manager: sockets handed over, readiness, the watchdog, and units that systemd itself finds sound."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tests.support.daemons import JOBS, ROOT, Program
from tests.support.scripted import DONE, scripted

pytestmark = pytest.mark.slow
UNITS: Final = ROOT / "systemd"


def find_tool(name: str) -> str:
    """Return the path of a tool of systemd's; fail with what to install."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is missing: install Debian's package systemd (apt-get install systemd)")
    return found


def activate(program: Program) -> None:
    """Start the tool that hands the socket over at the first connection."""
    tool = find_tool("systemd-socket-activate")
    program.socket.parent.mkdir(0o700)
    passed = [f"--setenv={name}={value}" for name, value in program.variables().items()]
    program.spawn(wrapper=[tool, f"--listen={program.socket}", *passed])
    program.wait_log("Listening on")


@pytest.mark.debian
def test_a_socket_that_is_handed_over(home: Path) -> None:
    with Program(home) as program:
        activate(program)
        program.socket.chmod(0o600)  # as SocketMode= of the unit says; the tool has no option for it
        with program.client() as client:
            status = client.get("/v1/status").json()
            assert status["socket"] == str(program.socket)
            assert status["pid"] == program.pid  # the tool has become the daemon
            job_id = client.post(JOBS, json=scripted(DONE)).json()["jobId"]
        assert program.follow_until(job_id)["status"] == "done"
        assert program.stop() == 0
        assert program.socket.exists()  # it is the service manager's to remove


@pytest.mark.debian
def test_a_handed_over_socket_that_others_can_reach_is_refused(home: Path) -> None:
    with Program(home) as program:
        activate(program)
        program.socket.chmod(0o666)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(program.socket))
            assert program.wait() == 78
        assert "SocketMode=0600" in program.log.splitlines()[-1]


def test_what_the_service_manager_is_told(home: Path) -> None:
    limit = 4.0
    with Program(home, environment={"WATCHDOG_USEC": str(int(limit * 1e6))}) as program:
        program.spawn()
        told = program.wait_notice("READY=1")
        assert f"STATUS=listening on {program.socket}" in told
        last = time.monotonic()
        for _ in range(2):
            program.wait_notice("WATCHDOG=1")
            assert time.monotonic() - last < limit
            last = time.monotonic()
        assert program.stop() == 0
        told = program.notices()
        assert told.count("STOPPING=1") == 1
        assert "READY=1" not in told


@pytest.mark.debian
def test_systemd_finds_no_fault_with_the_units(tmp_path: Path) -> None:
    tool = find_tool("systemd-analyze")
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("%h/.local/bin/nexusd", f"{Path(sys.executable).parent}/nexusd")
        (tmp_path / unit.name).write_text(text)
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    command = [tool, "--user", "--man=no", "--recursive-errors=one", "verify", *map(str, sorted(tmp_path.glob("nexusd.*")))]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stderr) == (0, "")
