"""Who belongs to an attempt, and that looking for them has no hidden limit."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nexusd.runner import tree
from nexusd.store.jobs import ProcessIdentity
from tests.support.processes import holding, is_dead

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def sleeping(**environment: str) -> Iterator[int]:
    """Run a process with this environment, the leader of its own session; yields its pid."""
    with subprocess.Popen(["/bin/sleep", "600"], start_new_session=True, env=environment) as process:
        try:
            while not Path(f"/proc/{process.pid}/cmdline").read_bytes():
                pass  # for an instant after its exec the kernel shows neither arguments nor environment
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("environment", "by_session", "dies"),
    [
        ({tree.MARK: "ours"}, False, True),
        ({"A": "1", tree.MARK: "ours", "Z": ""}, False, True),
        ({}, True, True),
        ({}, False, False),
        ({tree.MARK: "ours-too"}, False, False),
        ({tree.MARK: "our"}, False, False),
        ({"NOT_" + tree.MARK: "ours"}, False, False),
        ({"A": f"{tree.MARK}=ours"}, False, False),
    ],
)
def test_the_mark_or_the_session_decides(environment: dict[str, str], by_session: bool, dies: bool) -> None:
    with sleeping(**environment) as pid, holding([pid]) as held:
        assert tree.kill_tree("ours", pid if by_session else None)
        assert is_dead(held[pid]) is dies


def test_the_daemon_itself_is_never_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with sleeping(**{tree.MARK: "ours"}) as pid, holding([pid]) as held:
        assert tree.signal_tree("ours", os.getsid(0), signal.SIGCONT) >= 1  # this process is in that session
        monkeypatch.setattr(os, "getpid", lambda: pid)
        assert tree.kill_tree("ours", None)
        assert not is_dead(held[pid])


def test_an_identity_is_of_one_process_for_ever() -> None:
    with sleeping() as pid, holding([pid]) as held:
        started = tree.start_ticks(pid)
        assert started is not None
        assert tree.kill_orphans("x", ProcessIdentity(tree.boot_id(), pid, started + 1))
        assert tree.kill_orphans("x", ProcessIdentity("another boot", pid, started))
        assert tree.kill_orphans("x", None)
        assert not is_dead(held[pid])
        assert tree.kill_orphans("x", ProcessIdentity(tree.boot_id(), pid, started))
        assert is_dead(held[pid])
    assert tree.start_ticks(pid) is None


def test_a_high_descriptor_is_no_obstacle() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack, sleeping(**{tree.MARK: "ours"}) as pid, holding([pid]) as held:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1200, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        while (descriptor := os.open(os.devnull, os.O_RDONLY)) < 1050:
            stack.callback(os.close, descriptor)
        stack.callback(os.close, descriptor)
        assert tree.kill_tree("ours", None)
        assert is_dead(held[pid])


@pytest.mark.slow
def test_without_a_descriptor_to_look_with_nobody_is_called_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "PASSES_MAX", 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with sleeping(**{tree.MARK: "ours"}) as pid, holding([pid]) as held:
        for spare in (0, 1, 2, 3):  # none for the list, for the looks, for the pidfd …
            with ExitStack() as stack:
                first_free = os.dup(0)
                os.close(first_free)
                resource.setrlimit(resource.RLIMIT_NOFILE, (first_free + spare, hard))
                stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
                answer = tree.kill_tree("ours", None)
            assert answer is is_dead(held[pid]), spare
