"""The doctor, with and without a daemon: what is in order, and each thing that is not."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nexusd.contract.doctor import Check, Diagnosis

if TYPE_CHECKING:
    from tests.acceptance.cli.home import Home

pytestmark = pytest.mark.slow

ALL = {
    "configuration",
    "settings",
    "socket",
    "state directory",
    "database",
    "schema",
    "clock",
    "stored files",
    "sandbox",
    "renderers",
    "disk",
    "units",
    "leftovers",
}
NEED_DAEMON = {"stored files", "sandbox", "renderers"}


def examine(home: Home, *options: str, code: int = 0, **variables: str) -> dict[str, Check]:
    """What the doctor finds, by name; of several with one name the worst."""
    done = home.run("doctor", "--json", *options, **variables)
    assert done.returncode == code, (done.stdout, done.stderr)
    found = Diagnosis.model_validate_json(done.stdout)
    assert found.healthy == (code == 0)
    order = ["ok", "skipped", "warning", "failed"]
    return {check.name: check for check in sorted(found.checks, key=lambda check: order.index(check.outcome))}


def state_of(home: Home) -> Path:
    return Path(home.environment["XDG_STATE_HOME"], "nexusd")


def test_a_desktop_where_nothing_has_run_yet(home: Home) -> None:
    found = examine(home)
    assert found.keys() == ALL - {"schema", "clock"}
    assert {name for name, check in found.items() if check.outcome == "skipped"} == NEED_DAEMON
    assert found["socket"].outcome == "warning"
    assert not home.socket.parent.exists(), "no daemon is started"
    assert not state_of(home).exists()


def test_a_daemon_in_order(shared: Home) -> None:
    found = examine(shared)
    assert found.keys() == ALL | {"version"}
    assert {check.outcome for name, check in found.items() if name != "sandbox"} == {"ok"}
    lines = shared.run("doctor", "--deep").stdout.splitlines()
    assert any(line.startswith("ok      stored files: ") and line.endswith("in their hashes") for line in lines)
    code, narrow = shared.run_in_terminal("doctor", columns=40)
    assert code == 0
    assert "\x1b[32mok" in narrow


def test_a_daemon_that_was_stopped_and_one_that_was_killed(home: Home) -> None:
    assert home.run("ls").returncode == 0
    home.stop_daemon()
    before = {place.name: place.stat().st_mtime_ns for place in state_of(home).iterdir()}
    found = examine(home)
    assert [found[name].outcome for name in ("database", "schema", "clock", "leftovers")] == ["ok"] * 4
    assert {place.name: place.stat().st_mtime_ns for place in state_of(home).iterdir()} == before
    home.run("submit", "gate", "--input", json.dumps({"gate": str(home.new_gate())}))
    home.kill_daemon()
    found = examine(home)
    assert found["database"].outcome == "ok"
    assert "left from one that is gone" in found["socket"].message


def test_a_damaged_database_and_a_newer_schema(home: Home) -> None:
    assert home.run("ls").returncode == 0
    home.stop_daemon()
    path = state_of(home) / "nexusd.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute(
            "INSERT INTO events (company_id, type, data, created_at) "
            "SELECT id, 'asset.created', '{}', '2099-01-02T03:04:05.000Z' FROM companies"
        )
    found = examine(home, code=1)
    assert [found[name].outcome for name in ("database", "schema", "clock")] == ["ok", "failed", "failed"]
    assert found["schema"].advice == "upgrade nexusd"
    with path.open("r+b") as file:
        for page in range(2, path.stat().st_size // 4096, 2):
            file.seek(page * 4096 + 8)
            file.write(b"\xa5" * 512)
    found = examine(home, code=1)
    assert "SQLite finds damage" in found["database"].message
    assert "nexusctl restore DIR" in (found["database"].advice or "")


def test_files_that_are_missing(home: Home) -> None:
    home.file("a.txt", "a")
    asset = home.result("asset", "put", "a.txt")
    stored = state_of(home) / "assets" / asset["objectKey"]
    stored.chmod(0o600)
    stored.write_text("b")
    assert examine(home)["stored files"].outcome == "ok", "its size is right"
    assert examine(home, "--deep", code=1)["stored files"].outcome == "failed"
    stored.unlink()
    found = examine(home, code=1)
    assert f"missing {asset['id']}" in found["stored files"].message
    (stored.parent / "strange").write_text("x")
    assert "1 of 1 assets have no whole file" in examine(home, code=1)["stored files"].message


def test_settings_and_a_configuration_that_are_wrong(home: Home) -> None:
    found = examine(home, code=1, NEXUSD_RUNNING_JOBS="none")
    assert "running_jobs" in found["settings"].message
    config = Path(home.environment["XDG_CONFIG_HOME"], "nexusctl/config.toml")
    config.parent.mkdir(parents=True)
    config.write_text("colour = 1\n")
    found = examine(home, code=1)
    assert "line 1: colour" in found["configuration"].message
    assert found["socket"].outcome == "skipped"
    done = home.run("doctor", "--verbose")
    assert (done.returncode, done.stderr) == (1, "nexusctl: not as it should be: configuration [unhealthy]\n")


def test_a_daemon_that_listens_elsewhere_is_named(home: Home) -> None:
    assert home.run("ls").returncode == 0
    pid = home.daemon_pid()
    found = examine(home, "--socket", str(home.work / "other.sock"), code=1)
    assert f"process {pid} holds the state directory" in found["daemon"].message
    assert found["database"].outcome == "skipped"


def test_usage(home: Home) -> None:
    assert home.run("doctor", "everything").returncode == 2
    assert home.run("doctor", "--socket", "/" + "x" * 200).returncode == 1


def test_nexusd_checks_its_settings_without_starting(home: Home) -> None:
    command = [sys.executable, "-m", "nexusd", "--check"]
    good = subprocess.run(command, env=home.environment, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    assert json.loads(good.stdout)["stateDirectory"] == str(state_of(home))
    bad = subprocess.run(
        command, env=home.environment | {"NEXUSD_RUNNING_JOBS": "0"}, capture_output=True, text=True, check=False
    )
    assert (bad.returncode, bad.stderr) == (78, "")
    assert "running_jobs" in json.loads(bad.stdout)["reason"]
    assert not state_of(home).exists()
