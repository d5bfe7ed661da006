"""Descendants are found by the kernel's list and, where there is none, by everybody's parent."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from nexusd.launcher import reaper

if TYPE_CHECKING:
    from collections.abc import Iterator


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


def test_children_of_every_thread_are_found(children: set[int]) -> None:
    assert children <= set(reaper.children_of(os.getpid()))
    assert children <= set(reaper.children_by_parent()[os.getpid()])


def test_who_is_gone_has_no_children() -> None:
    process = subprocess.Popen(["/bin/true"])
    process.wait()
    assert reaper.children_of(process.pid) == []
    assert process.pid not in reaper.children_by_parent()


SLIM = """
import sys
sys.path.append(sys.argv[1])
from nexusd.launcher import landlock, life, seccomp
print(*(name for name in sys.modules if name.partition(".")[0] != "nexusd"))
"""


def test_the_launcher_imports_nothing_that_takes_time() -> None:
    root = reaper.__file__.removesuffix("nexusd/launcher/reaper.py")
    bare = [sys.executable, "-I", "-S", "-c"]
    alone = subprocess.run([*bare, "import sys; print(*sys.modules)"], check=True, capture_output=True).stdout.split()
    loaded = subprocess.run([*bare, SLIM, root], check=True, capture_output=True).stdout.split()
    assert set(loaded) - set(alone) == {b"_ctypes", b"resource"}
