"""Completion in real shells, of what a real daemon has; nothing, and quickly, without one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from nexusctl.commands.candidates import LAST_WORDS_SECONDS, LONGEST_SECONDS
from tests.acceptance.cli.home import NEXUSCTL, open_gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.acceptance.cli.home import Home

pytestmark = pytest.mark.slow

PATIENT: Final = {"NEXUSCTL_COMPLETION_SECONDS": "30"}
"""What is completed is one question, how quickly another: `answer_deadline` says."""
BASH: Final = """
eval "$(nexusctl completion bash)"
COMP_LINE=$1 COMP_POINT=${#1}
_nexusctl nexusctl
printf '%s\\n' "${COMPREPLY[@]}"
"""
ZSH: Final = """
compdef() { :; }
eval "$(nexusctl completion zsh)"
_describe() { print -rl -- "${(@P)@[-1]}"; }
_files() { print -rl -- "files $PREFIX"; }
compset() { :; }
PREFIX=${@[-1]} CURRENT=$# words=("$@")
_nexusctl
"""
FISH: Final = 'nexusctl completion fish | source; complete -C "$argv[1]"'


def in_shell(home: Home, *argv: str) -> list[str]:
    path = f"{Path(NEXUSCTL).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        argv,
        env=home.environment | PATIENT | {"PATH": path},
        cwd=home.work,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [line for line in done.stdout.splitlines() if line]


def bash(home: Home, line: str) -> list[str]:
    """What bash would offer at the end of a line."""
    return in_shell(home, "bash", "--norc", "-c", BASH, "bash", line)


def complete(home: Home, *words: str, **variables: str) -> list[str]:
    """What the scripts get; the first line is the kind."""
    done = home.run("__complete", "fish", "nexusctl", *words, **(PATIENT | variables))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def submit(home: Home, task: str) -> str:
    done = home.run("submit", "diagram", "--input", '{"source": "a"}', "--source-task", task)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_bash_completes_verbs_options_and_what_the_daemon_has(home: Home) -> None:
    ids = [submit(home, "chat:42"), submit(home, "chat:43")]
    assert bash(home, "nexusctl wa") == ["watch", "wait"]
    assert bash(home, "nexusctl asset ") == ["ls", "show", "get", "put", "rm", "pin", "unpin", "verify"]
    assert bash(home, "nexusctl ls --st") == ["--status"]
    assert bash(home, "nexusctl ls --status=d") == ["done"]
    assert bash(home, "nexusctl ls --status d") == ["done"]
    assert bash(home, "nexusctl --company default show ") == ids[::-1]
    assert bash(home, f"nexusctl wait {ids[0]} ") == ids[::-1]
    assert bash(home, f"nexusctl show {ids[0]} ") == []
    assert bash(home, "nexusctl task chat:") == ["43", "42"], "bash replaces what follows the colon"
    assert bash(home, "nexusctl ls --task 'chat:42") == ["42"]
    assert bash(home, "nexusctl submit di") == ["diagram"]
    assert bash(home, "nexusctl ls --company ") == ["default"]
    home.file("flow.json", "{}")
    assert bash(home, "nexusctl submit diagram --input @fl") == ["@flow.json"]


def test_jobs_are_described_and_only_those_offered_that_are_of_use(home: Home) -> None:
    gate = home.new_gate()
    running, over = home.submit_gate(gate), submit(home, "t")
    assert home.run("cancel", over).returncode == 0
    described = complete(home, "show", "")
    assert described[0] == "words"
    assert described[1].startswith(f"{over}\tdiagram, cancelled, ")
    assert described[1].endswith(" ago, t")
    assert [line.split("\t")[0] for line in complete(home, "cancel", "")[1:]] == [running]
    assert [line.split("\t")[0] for line in complete(home, "retry", "")[1:]] == [over]
    open_gate(gate)


def test_assets_and_profiles_are_completed(home: Home) -> None:
    home.file("a.txt", "a")
    asset = home.run("asset", "put", "a.txt").stdout.strip()
    assert [line.split("\t")[0] for line in complete(home, "asset", "show", "")[1:]] == [asset]
    job = submit(home, "t")
    assert {line.split("\t")[0] for line in complete(home, "open", "")[1:]} >= {asset, job}
    config = Path(home.environment["XDG_CONFIG_HOME"], "nexusctl/config.toml")
    config.parent.mkdir(parents=True)
    config.write_text('[profiles.work]\nsocket = "/no/such/socket"\n')
    assert complete(home, "--profile", "w") == ["words", "work\t/no/such/socket"]
    assert complete(home, "--profile", "work", "show", "") == ["words"], "another daemon is meant, which is not there"


@pytest.mark.parametrize(
    "words",
    [
        ["show", ""],
        ["ls", "--task", ""],
        ["submit", ""],
        ["--socket", "/" + "x" * 200, "show", ""],
        ["--profile", "nobody", "show", ""],
        ["--timeout", "nonsense", "show", ""],
        ["nonsense", "x", ""],
        ["asset", "nonsense", ""],
        ["ls", "--", "-"],
        ["version", ""],
        ["--company"],
    ],
)
def test_there_is_nothing_and_no_error_without_a_daemon(home: Home, words: list[str]) -> None:
    assert complete(home, *words) in ([], ["words"], ["words", "--company\tA company's slug or id."])
    assert not home.socket.parent.exists()


@pytest.mark.parametrize("arguments", [[], ["bash"], ["fish"], ["klingon", "nexusctl", ""], ["bash", "nexusctl 'as"]])
def test_whatever_a_script_asks_is_no_error(home: Home, arguments: Sequence[str]) -> None:
    done = home.run("__complete", *arguments)
    assert (done.returncode, done.stderr) == (0, "")


def test_unknown_shells_are_refused(home: Home) -> None:
    done = home.run("completion", "tcsh")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "nexusctl: there is no completion for tcsh\n  choose one of bash, zsh, fish\n"


def test_completion_keeps_its_time_when_the_daemon_does_not_answer(home: Home) -> None:
    home.socket.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(home.socket))
        silent.listen()  # connections are taken by the kernel, and never answered
        done = home.run("__complete", "fish", "nexusctl", "show", "")
    assert (done.returncode, done.stdout, done.stderr) == (0, "words\n", "")


def test_the_time_of_a_completion_counts_from_the_start_of_its_process() -> None:
    """By the one clock of the machine, so that a busy one changes nothing."""
    code = "import time\ntime.sleep(0.1)\nfrom nexusctl.commands.candidates import answer_deadline\nprint(answer_deadline())"
    environment = {name: value for name, value in os.environ.items() if name not in PATIENT}
    earliest = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as process:
        latest = time.monotonic()
        assert process.stdout is not None
        deadline = float(process.stdout.read())
    tick = 1 / os.sysconf("SC_CLK_TCK")  # as exactly is the start of a process told
    assert earliest - tick <= deadline - (LONGEST_SECONDS - LAST_WORDS_SECONDS) <= latest + tick
    assert LONGEST_SECONDS == 0.3


def test_completion_imports_nothing_heavy(home: Home) -> None:
    submit(home, "t")
    code = (
        "import sys\nfrom nexusctl.completing import main\nmain(['fish', 'nexusctl', 'show', ''])\n"
        "print(*[name for name in ('pydantic.main', 'httpx', 'rich', 'trio') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=home.environment | PATIENT, capture_output=True, text=True, check=True
    )
    words, job, heavy = done.stdout.splitlines()
    assert (words, heavy) == ("words", "")
    assert "diagram, " in job


@pytest.mark.debian
def test_zsh_completes_with_descriptions(home: Home) -> None:
    job = submit(home, "a:b")
    argv = ("zsh", "-f", "-c", ZSH, "zsh", "nexusctl")
    assert shutil.which("zsh"), "apt-get install zsh"
    [shown] = in_shell(home, *argv, "show", "")
    assert shown.startswith(f"{job}:diagram, ")
    assert in_shell(home, *argv, "ls", "--status=d") == ["--status=done"]
    assert in_shell(home, *argv, "task", "")[0].startswith("a\\:b:diagram, ")
    assert in_shell(home, *argv, "render", "fl") == ["files fl"]


@pytest.mark.debian
def test_fish_completes_with_descriptions(home: Home) -> None:
    job = submit(home, "t")
    home.file("flow.d2", "a")
    argv = ("fish", "--no-config", "-c", FISH)
    assert shutil.which("fish"), "apt-get install fish"
    [shown] = in_shell(home, *argv, "nexusctl show ")
    assert shown.startswith(f"{job}\tdiagram, ")
    assert in_shell(home, *argv, "nexusctl ls --status=d") == ["--status=done"]
    assert in_shell(home, *argv, "nexusctl render fl") == ["flow.d2"]
    assert in_shell(home, *argv, "nexusctl submit diagram --input @fl") == ["@flow.d2"]
