"""`backup` and `restore` from end to end: a desktop is lost and comes back."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nexusd.contract.backups import Backup
from tests.acceptance.cli.home import finish, open_gate, wait_line

if TYPE_CHECKING:
    from tests.acceptance.cli.home import Home

pytestmark = pytest.mark.slow


def state_of(home: Home) -> Path:
    return Path(home.environment["XDG_STATE_HOME"], "nexusd")


def end_daemon(home: Home) -> None:
    """End the daemon in order, and wait until it is gone."""
    pid = home.daemon_pid()
    descriptor = os.pidfd_open(pid)
    os.kill(pid, signal.SIGTERM)
    import select

    assert select.select([descriptor], [], [], 30)[0]
    os.close(descriptor)


def test_a_desktop_is_lost_and_comes_back(home: Home) -> None:
    home.file("flow.d2", "a -> b")
    asset_id = home.result("render", "flow.d2", "-o", "flow.svg", "--source-task", "t")["resultAssetId"]
    gate = home.new_gate()
    held = home.submit_gate(gate)
    watching = home.start("watch", held, "--json")
    wait_line(watching, "at the gate", stdout=True)
    made = home.run("backup", "backup")
    assert (made.returncode, made.stdout) == (0, f"{home.work / 'backup'}\n"), made.stderr
    assert made.stderr == "nexusctl: 2 jobs, 1 assets (" + made.stderr.partition("(")[2]
    written = Backup.model_validate_json((home.work / "backup" / "backup.json").read_bytes())
    assert (written.jobs, written.assets, written.damaged) == (2, 1, 0)
    refused = home.run("restore", "backup")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "Another daemon holds" in refused.stderr
    assert f"nexusd runs as process {home.daemon_pid()}: end that first" in refused.stderr
    open_gate(gate)
    assert finish(watching)[0] == 0
    end_daemon(home)
    refused = home.run("restore", "backup")
    assert refused.returncode == 4
    assert "is not empty: move it away" in refused.stderr
    shutil.rmtree(state_of(home))
    restored = home.run("restore", "backup")
    assert (restored.returncode, restored.stderr) == (0, ""), restored.stderr
    assert restored.stdout.startswith("restored 2 jobs and 1 assets of ")
    again = home.start("watch", held, "--json")
    wait_line(again, "at the gate", stdout=True)
    open_gate(gate)
    assert finish(again)[0] == 0
    outcomes = [attempt["outcome"] for attempt in home.result("show", held)["attempts"]]
    assert outcomes == ["crashed", "done"]
    fetched = home.run("asset", "get", asset_id, "-o", "-")
    assert fetched.stdout == (home.work / "flow.svg").read_text()


def test_what_cannot_be_meant_is_refused(home: Home) -> None:
    home.file("full/precious", "x")
    (home.work / "full").chmod(0o700)
    for arguments, code, said in (
        (["backup", "full", "--verbose"], 4, "it is not empty"),
        (["backup", str(state_of(home)), "--verbose"], 4, "[invalid-request]"),
        (["backup"], 2, "DIR"),
        (["restore"], 2, "DIR"),
        (["restore", "full"], 4, "is no backup"),
        (["restore", "no-such-folder"], 4, "is no backup"),
    ):
        done = home.run(*arguments)
        assert (done.returncode, done.stdout) == (code, ""), arguments
        assert said in done.stderr, (arguments, done.stderr)
        assert "Traceback" not in done.stderr


def test_an_asset_without_its_file_is_told_of_and_can_be_done_without(home: Home) -> None:
    home.file("a.txt", "x")
    home.file("b.txt", "y")
    lost, kept = (home.run("asset", "put", name).stdout.strip() for name in ("a.txt", "b.txt"))
    (state_of(home) / "assets" / home.result("asset", "show", lost)["objectKey"]).unlink()
    made = home.run("backup", "backup")
    assert (made.returncode, made.stdout) == (1, f"{home.work / 'backup'}\n")
    assert "1 assets have no whole file" in made.stderr
    assert lost in made.stderr
    end_daemon(home)
    shutil.rmtree(state_of(home))
    refused = home.run("restore", "backup")
    assert refused.returncode == 4
    assert lost in refused.stderr
    assert "--incomplete" in refused.stderr
    assert home.run("restore", "backup", "--incomplete").stdout.endswith(", 1 assets were lost\n")
    assert home.run("asset", "ls", "-q").stdout.split() == [kept]


def test_a_backup_survives_the_daemon_that_makes_it(home: Home) -> None:
    home.file("a.txt", "x")
    assert home.run("asset", "put", "a.txt").returncode == 0
    home.kill_daemon()
    assert Backup.model_validate(home.result("backup", "backup")).assets == 1
