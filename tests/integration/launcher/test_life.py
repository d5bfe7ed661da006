"""The launcher starts a program exactly as it was told, reports how it ended, and outlives every process of it."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.launchers import ATTEMPT, READ, open_launched, python_argv, wait_readable

if TYPE_CHECKING:
    from pathlib import Path

NOT_FATAL = {signal.SIGCHLD, signal.SIGCONT, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGURG}
FATAL = [number for number in range(1, 65) if number not in NOT_FATAL | {signal.SIGWINCH}]
NOT_RUN = 125 << 8
READING = [word for path in READ for word in ("--read", path)]


def sh(code: str) -> list[str]:
    return ["/bin/sh", "-c", code]


def own_capabilities() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1], 16) for line in status if line.startswith("CapEff"))


@pytest.mark.parametrize("code", [0, 1, 65, 125, 127, 137, 255])
def test_an_exit_code_is_told_as_it_is(tmp_path: Path, level: str, code: int) -> None:
    with open_launched(tmp_path, sh(f"exit {code}"), level, *READING) as launched:
        told = launched.run()
        assert told["status"] == code << 8
        assert told["peak_kib"] > 0
        assert 0 < told["cpu_seconds"] < 10
        assert launched.told() == {}


@pytest.mark.parametrize("number", FATAL)
def test_a_fatal_signal_is_told_as_it_is(tmp_path: Path, number: int) -> None:
    with open_launched(tmp_path, sh(f"ulimit -c 0; kill -{number} $$")) as launched:
        assert launched.run()["status"] == number


def test_a_program_finds_what_it_was_promised(tmp_path: Path, level: str) -> None:
    code = """
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
tell(0, repr({
    "leads": os.getsid(0) == os.getpid() == os.getpgrp(),
    "cwd": os.getcwd(),
    "stdin": os.readlink("/proc/self/fd/0"),
    "umask": os.umask(0),
    "privileges": status["NoNewPrivs"],
    "capabilities": int(status["CapEff"], 16) | int(status["CapPrm"], 16) | int(status["CapAmb"], 16),
    "filter": status["Seccomp"],
}))
"""
    with open_launched(tmp_path, python_argv(code), level, *READING) as launched:
        assert launched.run()["status"] == 0
        assert launched.message() == repr({
            "leads": True,
            "cwd": str(tmp_path),
            "stdin": "/dev/null",
            "umask": 0o077,
            "privileges": "1",
            "capabilities": 0 if level == "landlock" else own_capabilities(),
            "filter": "2" if level == "landlock" else "0",
        })  # fmt: skip


DEAF_PARENT = """
import os, signal, sys
numbers = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
for number in numbers:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_signals_that_we_ignore_are_at_their_default_for_the_program(tmp_path: Path) -> None:
    deaf = [sys.executable, "-I", "-S", "-c", DEAF_PARENT]
    argv = ["/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]
    with open_launched(tmp_path, argv, wrapper=deaf, stdout=subprocess.PIPE) as launched:
        assert launched.run()["status"] == 0
        assert launched.process.stdout is not None
        assert launched.process.stdout.read().split() == [b"SigBlk:", b"0" * 16, b"SigIgn:", b"0" * 16]
        launched.process.stdout.close()


@pytest.mark.parametrize(
    "environment",
    [{}, {"A": "", "B": "x=y\nz", "C": "\udcff", "PATH": "/nowhere"}, {"LC_ALL": "C", "PYTHONPATH": "x", "LD_BIND_NOW": "1"}],
    ids=["empty", "odd", "of interpreters"],
)
def test_the_environment_is_exact_and_the_mark_is_the_programs_alone(tmp_path: Path, environment: dict[str, str]) -> None:
    with open_launched(tmp_path, ["/usr/bin/env", "-0"], environment=environment, stdout=subprocess.PIPE) as launched:
        launched.main()
        with open(f"/proc/{launched.process.pid}/environ", "rb") as file:
            assert b"NEXUSD_ATTEMPT" not in file.read()
        launched.go()
        assert launched.end()["status"] == 0
        assert launched.process.stdout is not None
        found = launched.process.stdout.read().split(b"\0")[:-1]
        launched.process.stdout.close()
    wanted = {**environment, "NEXUSD_ATTEMPT": ATTEMPT}
    assert sorted(found) == sorted(os.fsencode(f"{name}={value}") for name, value in wanted.items())


def test_a_program_inherits_what_is_kept_and_nothing_else(tmp_path: Path, level: str) -> None:
    kept, stray = os.open("/dev/null", os.O_RDONLY), os.open("/dev/zero", os.O_RDONLY)
    try:
        options = ("--keep", str(kept), *READING)
        with open_launched(tmp_path, python_argv("hold()"), level, *options, pass_fds=(kept, stray)) as launched:
            launched.main()
            launched.go()
            [pid] = launched.pids()
            found = {int(name): os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
            pipe = os.readlink(f"/proc/self/fd/{launched.progress}")
            assert set(found) == {0, 1, 2, kept, *(number for number, what in found.items() if what == pipe)}
            assert len(found) == 5
            os.kill(pid, signal.SIGUSR1)
            assert launched.end()["status"] == 0
    finally:
        os.close(kept)
        os.close(stray)


def test_the_launcher_keeps_no_pipe_of_the_program_open(tmp_path: Path) -> None:
    code = "hold(); os.close(PROGRESS); os.close(1); hold_on = signal.sigwait([signal.SIGUSR1])"
    reading, writing = os.pipe()
    with open_launched(tmp_path, python_argv(code), stdout=writing) as launched:
        os.close(writing)
        launched.main()
        launched.go()
        [pid] = launched.pids()
        os.kill(pid, signal.SIGUSR1)
        wait_readable(reading)
        assert os.read(reading, 1) == b""
        wait_readable(launched.progress)
        assert launched.is_over()
        os.kill(pid, signal.SIGUSR1)
        assert launched.end()["status"] == 0
        os.close(reading)


@pytest.mark.parametrize("limit", [resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE])
def test_limits_that_are_set_before_the_go_hold_in_the_program(tmp_path: Path, level: str, limit: int) -> None:
    code = f"import resource; tell(0, repr(resource.getrlimit({limit})))"
    with open_launched(tmp_path, python_argv(code), level, *READING) as launched:
        resource.prlimit(launched.main(), limit, (12, 12))
        launched.go()
        assert launched.end()["status"] == 0
        assert launched.message() == "(12, 12)"


@pytest.mark.parametrize("said", [b"", b"g", b"go"])
def test_without_a_go_nothing_runs(tmp_path: Path, level: str, said: bytes) -> None:
    with open_launched(tmp_path, ["/usr/bin/touch", "ran"], level, *READING) as launched:
        launched.main()
        launched.go(said)
        assert launched.end()["status"] == NOT_RUN
        assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("missing", errno.ENOENT),
        ("plain", errno.EACCES),
        ("text", errno.ENOEXEC),
        (".", errno.EACCES),
        ("plain/x", errno.ENOTDIR),
        ("script", errno.ENOENT),
    ],
)
def test_a_program_that_cannot_be_started_is_told_by_its_errno(tmp_path: Path, level: str, name: str, number: int) -> None:
    for file, text, mode in (("plain", "", 0o600), ("text", "touch ran\n", 0o700), ("script", "#!/no/such\n", 0o700)):
        (tmp_path / file).write_text(text)
        (tmp_path / file).chmod(mode)
    with open_launched(tmp_path, [str(tmp_path / name)], level, *READING) as launched:
        launched.main()
        launched.go()
        assert launched.told() == {"errno": number, "what": "exec"}
        assert launched.end()["status"] == NOT_RUN
        assert not (tmp_path / "ran").exists()


def test_the_search_path_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with open_launched(tmp_path, ["true"], environment={"PATH": "/bin"}) as launched:
        launched.main()
        launched.go()
        assert launched.told() == {"errno": errno.ENOENT, "what": "exec"}


@pytest.mark.parametrize(
    "options",
    [
        ["--level", "none"],
        ["--level", ""],
        ["--attempt", ""],
        ["--workdir", ""],
        ["--parent", "x"],
        ["--report", "-1"],
        ["--nice", "1"],
    ],
    ids=" ".join,
)
def test_a_command_line_that_is_not_understood_runs_nothing(tmp_path: Path, options: list[str]) -> None:
    argv = ["/usr/bin/touch", str(tmp_path / "ran")]
    with open_launched(tmp_path, argv, "limits", *options, stderr=subprocess.PIPE) as launched:
        assert launched.told() == {}
        assert launched.process.wait() == 2
        assert launched.process.stderr is not None
        assert launched.process.stderr.read().startswith(b"launcher: ")
        launched.process.stderr.close()
        assert not (tmp_path / "ran").exists()


def test_a_launcher_of_somebody_else_runs_nothing(tmp_path: Path) -> None:
    with open_launched(tmp_path, ["/usr/bin/touch", "ran"], "limits", "--parent", "1") as launched:
        assert launched.told() == {}
        assert launched.process.wait() != 0
        assert not (tmp_path / "ran").exists()
