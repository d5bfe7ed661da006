"""Descendants are found by the kernel's list and, where there is none, by everybody's parent."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from nexusd.runner import reaper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def children() -> Iterator[set[int]]:
    """Two children, one of another thread than the main one."""
    started: list[subprocess.Popen[bytes]] = []
    release = threading.Event()

    def start() -> None:
        started.append(subprocess.Popen(["/bin/sleep", "600"]))

    def start_and_stay() -> None:
        start()
        ready.set()
        release.wait()

    ready = threading.Event()
    thread = threading.Thread(target=start_and_stay)
    thread.start()
    ready.wait()
    start()
    yield {process.pid for process in started}
    for process in started:
        process.kill()
        process.wait()
    release.set()
    thread.join()


@pytest.mark.parametrize("find", [reaper.children_of, reaper.children_by_parent])
def test_children_of_every_thread_are_found(children: set[int], find: Callable[[int], list[int]]) -> None:
    assert children <= set(find(os.getpid()))


@pytest.mark.parametrize("find", [reaper.children_of, reaper.children_by_parent])
def test_who_is_gone_has_no_children(find: Callable[[int], list[int]]) -> None:
    process = subprocess.Popen(["/bin/true"])
    process.wait()
    assert find(process.pid) == []
