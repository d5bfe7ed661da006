"""A child's life in trouble: cancelled at every step, without descriptors, with every system call failing. Nothing is left."""

from __future__ import annotations

import errno
import os
import resource
import signal
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio

from nexusd.domain.ids import new_id
from nexusd.runner import limits, process, tree
from nexusd.runner.limits import ProcessLimits
from nexusd.runner.pipes import Pipe, open_pipe
from nexusd.runner.process import Child, Spawn, open_child
from tests.support.daemons import wait_until
from tests.support.processes import children, count_open_files, find_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nexusd.runner.containment import Containment

pytestmark = pytest.mark.slow

STEPS_MAX: Final = 40
CALLS: Final = {
    "pipe": os,
    "pidfd_open": os,
    "write": os,
    "prlimit": resource,
    "make_group": limits,
    "find_children": tree,
    "wait_readable": trio.lowlevel,
}


def make_spawn(directory: Path, word: str) -> Spawn:
    (directory / "tmp").mkdir(exist_ok=True)
    argv = ("/bin/sh", "-c", "sleep 600 & sleep 600; :", word)
    return Spawn(new_id(), argv, directory, {"PATH": "/usr/bin:/bin"}, ProcessLimits(memory_bytes=2**30, processes=50))


async def live(containment: Containment, child: Child) -> None:
    """Live one life of a child, which does not end by itself."""
    with open_pipe() as output, open_pipe() as progress:
        async with open_child(child, output, progress, containment.group_parent):
            await child.wait_exited()


@contextmanager
def leaving_nothing(containment: Containment, word: str) -> Iterator[None]:
    before = count_open_files(), children()
    yield
    assert find_named(word) == set()
    assert (count_open_files(), children()) == before
    if containment.group_parent is not None:
        assert not list(containment.group_parent.glob(f"nexusd-{os.getpid()}-*"))


class CancelAt(trio.abc.Instrument):
    """Cancels a scope before the n-th step of the task that runs."""

    def __init__(self, scope: trio.CancelScope, steps: int) -> None:
        self._task = trio.lowlevel.current_task()
        self._scope = scope
        self.left = steps

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count, and cancel."""
        if task is self._task:
            self.left -= 1
            if self.left == 0:
                self._scope.cancel()


async def test_a_cancel_at_any_step_leaves_nothing(tmp_path: Path, containment: Containment) -> None:
    for steps in range(1, STEPS_MAX):
        word = f"nx-{new_id()}"
        child = containment.make_child(make_spawn(tmp_path, word))  # kept: nothing is closed because nobody knows it any more
        with leaving_nothing(containment, word):
            with trio.CancelScope() as scope:
                canceller = CancelAt(scope, steps)
                trio.lowlevel.add_instrument(canceller)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(cancel_when_there, word, scope)
                    await live(containment, child)
            trio.lowlevel.remove_instrument(canceller)
        if canceller.left > 0:
            break
    assert canceller.left > 0
    assert steps > 3


async def cancel_when_there(word: str, scope: trio.CancelScope) -> None:
    """Cancel when the program is there after all."""
    await wait_until(lambda: any(map(is_program, find_named(word))))
    scope.cancel()


def is_program(pid: int) -> bool:
    """Tell whether it is the program itself: the command lines of what holds it name it, too."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().startswith("/bin/sh\0-c\0sleep")
    return False


async def test_a_life_without_descriptors_leaves_nothing(tmp_path: Path, containment: Containment) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    outcomes: list[int | None] = []
    for spare in range(20):
        word = f"nx-{new_id()}"
        with leaving_nothing(containment, word):
            first_free = os.dup(0)
            os.close(first_free)
            child = containment.make_child(make_spawn(tmp_path, word))
            resource.setrlimit(resource.RLIMIT_NOFILE, (first_free + spare, hard))
            try:
                with trio.CancelScope() as scope:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(cancel_when_there_or_later, word, scope, soft, hard)
                        await live_or_not(containment, child, outcomes)
                        scope.cancel()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert outcomes[0] == errno.EMFILE
    assert outcomes.count(errno.EMFILE) >= 4


async def cancel_when_there_or_later(word: str, scope: trio.CancelScope, soft: int, hard: int) -> None:
    with trio.move_on_after(0.3):
        await trio.sleep_forever()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    await cancel_when_there(word, scope)


async def live_or_not(containment: Containment, child: Child, outcomes: list[int | None]) -> None:
    try:
        await live(containment, child)
    except OSError as error:
        outcomes.append(error.errno)


class FailsOnce:
    """A system call whose n-th use fails."""

    def __init__(self, true: Callable[..., Any], use: int) -> None:
        self._true = true
        self.left = use

    def __call__(self, *arguments: Any, **rest: Any) -> Any:
        """Fail, or do as it does."""
        self.left -= 1
        if self.left == 0:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return self._true(*arguments, **rest)


@pytest.mark.parametrize("call", CALLS)
async def test_a_call_that_fails_leaves_nothing(
    tmp_path: Path, containment: Containment, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    module = CALLS[call]
    for failing in range(1, 5):
        word = f"nx-{new_id()}"
        failure = FailsOnce(getattr(module, call), failing)
        child = containment.make_child(make_spawn(tmp_path, word))
        with leaving_nothing(containment, word), trio.CancelScope() as scope:
            monkeypatch.setattr(module, call, failure)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(cancel_when_there, word, scope)
                errors: list[int | None] = []
                await live_or_not(containment, child, errors)
                scope.cancel()
            monkeypatch.undo()
        if failure.left > 0:
            return


class FullPipe(Pipe):
    """A pipe with no room left: who writes to it waits."""

    def __init__(self) -> None:
        super().__init__()
        os.set_blocking(self.writing, False)
        with suppress(BlockingIOError):
            while os.write(self.writing, b" " * 4096):
                pass
        os.set_blocking(self.writing, True)


async def test_a_sandbox_that_is_killed_while_it_is_made_is_found(
    tmp_path: Path, bubblewrap: Containment, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = f"nx-{new_id()}"
    with leaving_nothing(bubblewrap, word), open_pipe() as output, open_pipe() as progress:
        waiting, go = os.pipe()
        child = bubblewrap.make_child(make_spawn(tmp_path, word))
        monkeypatch.setattr(process, "Pipe", FullPipe)  # bubblewrap tells of its child before it lets it go on
        child.start(output.writing, progress.writing, waiting, None)
        await wait_until(lambda: len(find_named(word)) == 2)
        child.signal_holder(signal.SIGKILL)
        await child.wait_holder()
        assert len(find_named(word)) == 1  # it waits for ever
        assert await trio.to_thread.run_sync(tree.kill_orphans, child.spawn.attempt_id, None)
        assert find_named(word) == set()
        await child.end()
        os.close(waiting)
        os.close(go)
