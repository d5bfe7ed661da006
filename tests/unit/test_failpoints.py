"""Failpoints: what is armed happens, where and when it is armed; and the code has them wherever it must."""

from __future__ import annotations

import ast
import errno
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest
import trio

from nexusd import failpoints
from nexusd.failpoints import POINTS, InjectedFault, arm, armed, armed_names, hit, reach
from nexusd.runner.supervision import End
from tests.support.holds import Block, holding_at
from tests.support.sites import find_calls, find_points, walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

THREAD: Final = "store.commit.before"
TASK: Final = "runner.settle.before"


@pytest.fixture(autouse=True)
def _nothing_stays_armed() -> Iterator[None]:
    yield
    left = armed_names()
    failpoints._armed.clear()
    assert not [name for name in left if name != THREAD]


async def test_nothing_happens_at_a_point_that_is_not_armed() -> None:
    hit(THREAD)
    await reach(TASK)
    with armed(TASK, "raise"):
        hit(THREAD)
        with pytest.raises(InjectedFault, match=TASK):
            await reach(TASK)
    await reach(TASK)


async def test_errors_are_what_they_are_called() -> None:
    for action, number in (("fsync_eio", errno.EIO), ("errno:ENOSPC", errno.ENOSPC)):
        with armed(THREAD, action), pytest.raises(OSError, match="injected") as caught:
            hit(THREAD)
        assert caught.value.errno == number
        with armed(TASK, action), pytest.raises(OSError, match="injected"):
            await reach(TASK)


async def test_a_pause_in_a_task_does_not_hold_the_others(autojump_clock: trio.testing.MockClock) -> None:
    with armed(TASK, "sleep:100"):
        await reach(TASK)
    assert trio.current_time() >= 100


def test_a_pause_in_a_thread_lasts() -> None:
    begun = time.monotonic()
    with armed(THREAD, "sleep:0.02"):
        hit(THREAD)
    assert time.monotonic() - begun >= 0.02


def test_only_the_nth_time() -> None:
    arm(f"{THREAD}=raise@3")
    hit(THREAD)
    hit(THREAD)
    with pytest.raises(InjectedFault):
        hit(THREAD)
    hit(THREAD)


def test_a_commit_can_be_narrowed_to_a_unit_of_work() -> None:
    seen: list[str] = []
    with armed(f"{THREAD}:settle", seen.append):
        hit(THREAD, ["create", "claim"])
        assert seen == []
        hit(THREAD, ["create", "settle", "settle"])
        assert seen == [THREAD]


async def test_a_block_tells_and_waits(tmp_path: Path) -> None:
    with Block(tmp_path / "block") as block:
        with armed(THREAD, block.action):
            thread = threading.Thread(target=hit, args=(THREAD,))
            thread.start()
            await trio.lowlevel.wait_readable(block._reached)
            assert thread.is_alive()
            block.let_go()
            thread.join(30)
        assert not thread.is_alive()
        with armed(TASK, block.action):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(reach, TASK)
                await trio.testing.wait_all_tasks_blocked()
                assert nursery.child_tasks
                block.let_go()


async def hit_in_thread(name: str) -> None:
    await trio.to_thread.run_sync(hit, name)


async def test_a_hold_holds_and_lets_go() -> None:
    for name in (THREAD, TASK):
        async with trio.open_nursery() as nursery:
            with holding_at(name) as hold:
                if name == THREAD:
                    nursery.start_soon(hit_in_thread, name)
                else:
                    nursery.start_soon(reach, name)
                await hold.reached.wait()
                await trio.testing.wait_all_tasks_blocked()
                assert nursery.child_tasks


def test_what_is_async_is_refused_outside_of_a_task() -> None:
    async def act(_name: str) -> None:
        pass

    with armed(THREAD, act), pytest.raises(TypeError), pytest.warns(RuntimeWarning, match="never awaited"):
        hit(THREAD)


@pytest.mark.parametrize(
    "text",
    [
        "bogus=kill9",
        THREAD,
        f"{THREAD}=",
        f"{THREAD}=bogus",
        f"{THREAD}=kill9:now",
        f"{THREAD}=raise@0",
        f"{THREAD}=raise@x",
        f"{THREAD}=raise@",
        f"{THREAD}=sleep:soon",
        f"{THREAD}=sleep:inf",
        f"{THREAD}=sleep:-1",
        f"{THREAD}=errno:EBOGUS",
        f"{THREAD}=errno:errorcode",
        f"{THREAD}=block:",
        f"{THREAD}:=kill9",
        f"{THREAD}:no-name=kill9",
        f"{TASK}:settle=kill9",
        f"{THREAD}=raise;{THREAD}=raise",
        f"{THREAD}=raise;bogus=raise",
    ],
)
def test_what_cannot_be_read_is_refused_and_arms_nothing(text: str) -> None:
    with pytest.raises(ValueError, match=r"fail|action|unit"):
        arm(text)
    assert armed_names() == []


def test_every_point_is_somewhere_and_every_place_is_a_point() -> None:
    found = Counter(name for _, function in walk() for name in find_points(function))
    assert set(found) == POINTS.keys()
    assert {name for name, count in found.items() if count > 1} == {"store.commit.before", "store.commit.after"}


WATCHED: Final = {
    "connection.begin": "store.commit",
    "syscalls.fsync": "storage",
    "self._link": "storage.link",
    "syscalls.link": "storage.link",
    "open_child": "runner.spawn",
    "_migrate": "migration",
    "store_results": "runner.results",
    "jobs.settle": "runner.settle",
    "jobs.settle_orphans": "recovery.settle",
    "tree.kill_orphans": "recovery.kill",
    "jobs.request_cancel": "service.cancel",
    "upkeep.delete": "service.delete",
    "submissions.create": "service.submit",
    "_changed.set": "hub.publish",
}
"""What must not happen without a point before and after it: what is called, or given to be called, → how the points begin."""
SPARED: Final = {
    "_fsync_path": "the root, once at the first start",
    "_read": "reads",
    "_prepare": "reads",
    "bring_up_to_date": "has the points of the migration",
    "_link": "its caller has the points",
    "_note": "a name in the index of blobs, which may as well be missing",
    "_run": "tries what works here, before there are attempts",
    "_keep": "a spare has no job: killed, there is nothing to make good",
    "start_cold": "`supervise` opens it, and has the points",
    "make_own": "a restored database that nobody uses yet: killed, the restore has not happened",
    "stop": "the hub's end is no news of an event",
}


def test_whatever_lasts_has_a_point_before_and_after_it() -> None:
    seen: set[str] = set()
    for path, function in walk():
        points = find_points(function)
        for _, call in find_calls(function):
            for watched in find_watched(call):
                seen.add(watched)
                if function.name in SPARED and watched != "_migrate":
                    continue
                lines = {point: line for point, line in points.items() if point.startswith(WATCHED[watched])}
                done_at = find_end(function, call)
                where = f"{path}:{call.lineno} {watched}"
                assert min((n for name, n in lines.items() if name.endswith(".before")), default=10**9) <= done_at, where
                assert max((n for name, n in lines.items() if name.endswith(".after")), default=0) > done_at, where
    assert seen == WATCHED.keys()


def find_end(function: ast.AST, call: ast.Call) -> int:
    """Return the line on which what is called is done: a transaction is committed at the end of its block."""
    for node in ast.walk(function):
        if isinstance(node, ast.With) and any(item.context_expr is call for item in node.items):
            return node.end_lineno or 0
    return call.lineno


def find_watched(call: ast.Call) -> set[str]:
    """Return what is watched of what a call calls, or hands over to be called."""
    named = [ast.unparse(node) for node in (call.func, *call.args) if isinstance(node, ast.Attribute | ast.Name)]
    return {watched for watched in WATCHED for name in named if name == watched or is_member(name, watched)}


def is_member(name: str, watched: str) -> bool:
    """Whether `name` leads to something that is watched as the member of something."""
    return "." in watched and name.endswith((f".{watched}", f"_{watched}"))


def test_every_end_of_the_waiting_for_a_child_has_a_point() -> None:
    [points] = [find_points(function) for _, function in walk() if function.name == "_reach_end"]
    assert len(points) == len(End)
