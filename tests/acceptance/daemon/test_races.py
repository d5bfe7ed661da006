"""kill -9 and a restart against everything else that can end an attempt, in both orders.

The other side is held just before it acts, or just after it has, and the daemon is killed there; or the daemon was killed, and
its next life is held somewhere in the recovery while the other side is carried out as far as it can go. The pairs without a
death are in `integration/runner/test_races.py`.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.holds import Block
from tests.support.lives import Story, open_story
from tests.support.scripted import DONE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.forks import Forge

pytestmark = pytest.mark.slow

SETTLING: Final = ("store.commit.before:settle", "store.commit.after:settle")
RECOVERING: Final = (
    "recovery.kill.before",
    "recovery.settle.before",
    "store.commit.after:settle_orphans",
    "recovery.clear.after",
)


@dataclass(frozen=True)
class Side:
    """How to make it happen to a job that runs; where it can be held; how the job ends when it is known, and when it is not."""

    act: Callable[[Story, str], None]
    held_at: tuple[str, ...]
    ends_as: str
    again: str
    last: tuple[Any, ...] = DONE
    fields: tuple[tuple[str, Any], ...] = (("maxAttempts", 1),)


def open_gate(story: Story, _job_id: str) -> None:
    story.gate.let_through()


def kill_child(story: Story, _job_id: str) -> None:
    story.kill_children()


def cancel(story: Story, job_id: str) -> None:
    story.begin_cancel(job_id)


def wait_timeout(_story: Story, _job_id: str) -> None:
    """Do nothing: the time runs out."""


def shut_down(story: Story, _job_id: str) -> None:
    story.program.send(signal.SIGTERM)


CANCELLING: Final = ("store.commit.before:request_cancel", "store.commit.after:request_cancel", "runner.cancel.before")
SIDES: Final = {
    "finish": Side(open_gate, ("runner.child-exit.after", "runner.results.after", *SETTLING), "done", "done"),
    "fail": Side(open_gate, ("runner.child-exit.after", *SETTLING), "failed", "failed", ("exit", 65)),
    "signal": Side(kill_child, ("runner.child-exit.after", *SETTLING), "failed", "done"),
    "cancel": Side(cancel, (*CANCELLING, "runner.cancel.after", *SETTLING), "cancelled", "done"),
    "timeout": Side(wait_timeout, ("runner.timeout.after", *SETTLING), "failed", "done"),
    "shutdown": Side(shut_down, ("runner.stop.before", "runner.stop.after", *SETTLING), "done", "done"),
}
BEFORE: Final = [(name, point) for name, side in SIDES.items() for point in side.held_at]
AFTER: Final = [(point, name) for name in SIDES for point in RECOVERING]


def submit(story: Story, name: str) -> str:
    """Submit the job of a side, and return its id once it runs."""
    side = SIDES[name]
    return story.submit_held(side.last, **dict(side.fields))


def expect(name: str, point: str) -> set[str]:
    """Return how a job may end whose daemon was killed when this side was at that point."""
    side = SIDES[name]
    if point == "store.commit.after:settle":
        return {side.ends_as}
    if name == "cancel":
        return {"done" if point == "store.commit.before:request_cancel" else "cancelled"}
    return {side.again}


@pytest.mark.parametrize(("name", "point"), BEFORE, ids=[f"{name} {point}" for name, point in BEFORE])
def test_a_kill_comes_second(home: Path, forge: Forge, name: str, point: str) -> None:
    with open_story(home, forge) as story, Block(home / "block") as block:
        story.start(f"{point}={block.action}")
        if name == "timeout":
            job_id = story.submit(("wait", story.gate.path), DONE, maxAttempts=1, timeoutSeconds=0.1)
        else:
            job_id = submit(story, name)
        assert job_id is not None
        SIDES[name].act(story, job_id)
        assert block.wait_reached(story.program) == point.partition(":")[0]
        story.program.kill()
        story.program.query("UPDATE content_jobs SET timeout_seconds = NULL")  # once is enough
        job = story.finish()[job_id]
        assert job["status"] in expect(name, point)
        assert job["attemptsUsed"] == (0 if job["status"] == "cancelled" and point != "store.commit.after:settle" else 1)


@pytest.mark.parametrize(("point", "name"), AFTER, ids=[f"{point} {name}" for point, name in AFTER])
def test_a_kill_comes_first(home: Path, forge: Forge, point: str, name: str) -> None:
    with open_story(home, forge) as story, Block(home / "block") as block:
        story.start()
        job_id = submit(story, name)
        story.program.kill()
        story.spawn(f"{point}={block.action}")
        block.wait_reached(story.program)
        SIDES[name].act(story, job_id)
        block.let_go()
        if name == "shutdown":
            assert story.program.wait() == 0
        else:
            story.program.wait_notice("READY=1")
            story.join()
            story.program.kill()
        job = story.finish()[job_id]
        assert job["attempts"][0]["outcome"] == "crashed"
        assert job["status"] in {SIDES[name].again, SIDES[name].ends_as}
        assert job["status"] == "done" or name in {"fail", "cancel"}
