"""Which level is reached: what works is seen to work, what does not says why, and what is required is required."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio

from nexusd.errors import SandboxRefused
from nexusd.renderers.registry import BUILT_IN
from nexusd.runner import bubblewrap, containment, limits
from nexusd.runner.containment import Level, find_containment
from tests.support.daemons import open_daemon
from tests.support.processes import children, count_open_files, find_named, threads
from tests.support.scripted import SCRIPTED, scripted

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

BROKEN = {
    "it fails": ("echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1", "setting up uid map: Permission denied"),
    "it does nothing": ("exit 0", "bubblewrap could not make the sandbox"),
    "it names somebody else's process": ("""echo '{"child-pid": 1}' > /proc/self/fd/$FD""", "could not make the sandbox"),
    "it pretends": (
        """sleep 0.1 & echo "{\\"child-pid\\": $!}" > /proc/self/fd/$FD; echo > /proc/self/fd/$NEXUSD_PROGRESS_FD; wait""",
        "a program did not run in it",
    ),
    "it talks nonsense": ("echo hello > /proc/self/fd/$FD", "is no report"),
    "it hangs": ("exec sleep 610.1", "a program did not end in it"),
    "it hangs, with a child": ("sleep 610.2; :", "a program did not end in it"),
    "it does not exist": (None, "No such file|not found"),
}
FIND_FD = 'while [ "$1" != --json-status-fd ]; do shift; done; FD=$2\n'


@pytest.mark.parametrize("name", BROKEN)
async def test_a_bubblewrap_that_does_not_work_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    code, reason = BROKEN[name]
    program = tmp_path / "bwrap"
    if code is not None:
        program.write_text(f"#!/bin/sh\n{FIND_FD}{code}\n")
        program.chmod(0o700)
    monkeypatch.setattr(bubblewrap, "find_bubblewrap", lambda: iter([str(program)]))
    if "hangs" in name:
        monkeypatch.setattr(containment, "PROBE_SECONDS", 1.0)
    open_files = count_open_files()
    with pytest.raises(SandboxRefused) as refused:
        await find_containment(Level.BUBBLEWRAP, Level.LIMITS)
    assert "level bubblewrap (bubblewrap: " in str(refused.value)
    assert re.search(reason, str(refused.value))
    assert str(refused.value).endswith(": install bubblewrap, or allow less.")
    monkeypatch.undo()
    assert (children(), count_open_files(), find_named("610.")) == (set(), open_files, set())


async def test_the_strongest_level_that_works_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await find_containment(None, Level.BUBBLEWRAP)
    assert (found.level, found.refusals) == (Level.BUBBLEWRAP, {})
    monkeypatch.setattr(bubblewrap, "find_bubblewrap", lambda: iter(()))
    found = await find_containment(None, Level.LIMITS)
    assert (found.level, found.refusals) == (Level.LANDLOCK, {"bubblewrap": "there is no bwrap"})
    with pytest.raises(SandboxRefused, match=r"level bubblewrap \(bubblewrap: there is no bwrap\): install bubblewrap"):
        await find_containment(None, Level.BUBBLEWRAP)


@pytest.mark.parametrize("level", Level)
async def test_a_level_that_is_asked_for_is_taken(level: Level) -> None:
    found = await find_containment(level, Level.LIMITS)
    assert (found.level, found.refusals) == (level, {})
    for required in Level:
        if level.is_below(required):
            with pytest.raises(SandboxRefused, match=f"level {level}"):
                await find_containment(level, required)


def test_old_groups_are_removed_and_only_those() -> None:
    parent = limits.find_group_parent()
    if parent is None:
        return  # nothing bounds the processes here, and nothing can be left behind
    with subprocess.Popen(["/bin/true"]) as gone:
        gone.wait()
    names = {f"nexusd-{gone.pid}-a": False, f"nexusd-{os.getpid()}-a": False, "nexusd-1-a": True}
    for name in names:
        (parent / name).mkdir()
    try:
        trio.run(find_containment, Level.LIMITS, Level.LIMITS)
        assert {name: (parent / name).exists() for name in names} == names
    finally:
        for name in names:
            if (parent / name).exists():
                (parent / name).rmdir()


async def test_the_status_tells_and_our_renderers_work_at_each_level(short: Path, containment: Any) -> None:
    level = containment.level.value
    async with open_daemon(short, specs=BUILT_IN, sandbox=level) as daemon:
        held = (await daemon.client.get("/v1/status")).json()["containment"]
        assert held == {"level": level, "processes": containment.process_bound, "refused": {}}
        examples = [(spec.job_type, dict(example)) for spec in BUILT_IN for example in spec.examples.values()]
        for job_type, example in examples:
            job = await daemon.wait_status(await daemon.submit({"jobType": job_type, "input": example}))
            assert job["status"] == "done", job


async def test_fifty_lives_of_a_daemon_leak_nothing(short: Path) -> None:
    groups = limits.find_group_parent()

    def count() -> tuple[Any, ...]:
        own = len(list(groups.glob(f"nexusd-{os.getpid()}-*"))) if groups is not None else 0
        return count_open_files(), threads(), children(), own

    before = None
    for life in range(50):
        async with open_daemon(
            short, specs=[SCRIPTED], sandbox="auto", terminate_grace_seconds=0.1, stop_drain_seconds=0
        ) as daemon:
            first, *_ = [
                await daemon.submit(scripted(("fork",), ("progress", 0.5, "forked"), ("wait", "/proc/self/fd/1")))
                for _ in range(3)
            ]
            if life % 2:  # every other one is stopped while its children start
                assert (await daemon.wait_job(first, lambda job: job["progress"] is not None))["status"] == "running"
        before = before or count()
        assert count() == before
        shutil.rmtree(short / "state")
    assert sys.executable
