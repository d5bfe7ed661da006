"""Named points of the code at which a test can make something happen: a death, an error, a pause.

Owns the list of the points, and what is armed in this process. Off unless something is armed: then a point costs one look at an
empty dict. `nexusd` arms what `NEXUSD_FAILPOINTS` says only when it is started with `--unsafe-failpoints`; tests that run in
this process use `armed`. It is the process's own state and no object's, because a death is the process's too, and so that no
part has to be handed it.

    NEXUSD_FAILPOINTS = "name=action;name=action@2"

    kill9            the daemon kills itself with SIGKILL
    raise            InjectedFault: a defect, an error that nobody expects
    errno:NAME       OSError, as a system call would fail: errno:ENOSPC; `fsync_eio` is errno:EIO
    sleep:SECONDS    a pause
    block:DIRECTORY  tells the FIFO DIRECTORY/reached the point's name and waits for a byte from the FIFO DIRECTORY/go

`@N`: only at the N-th time the point is reached, counted from 1. A point of a commit can be narrowed to the groups that hold a
unit of work: `store.commit.before:settle`.

`reach` is for trio's tasks: a pause or a block holds the one task. `hit` is for threads, and for what is synchronous by design:
there it holds the thread, be it the one that trio runs on. An error goes wherever the code lets it: at `store.commit.after` it
ends the writer's thread, since what is committed cannot be called a failure any more.
"""

from __future__ import annotations

import errno
import inspect
import itertools
import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Iterable, Iterator, Mapping

    Act = Callable[[str], Awaitable[None] | None]

POINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "migration.before": "a schema that is not the newest is about to be changed, inside the transaction",
        "migration.after": "it has been changed, the transaction is open",
        "store.commit.before": "a group of units has run and is about to be committed (writer's thread)",
        "store.commit.after": "it is on disk, and nobody has been told (writer's thread)",
        "hub.publish.before": "the waiting tasks are about to be woken by a newer event (trio's thread, synchronous)",
        "hub.publish.after": "they have been",
        "service.submit.before": "a submission was found valid and is about to be stored",
        "service.submit.after": "it is stored, the client does not know",
        "service.cancel.before": "a cancel is about to be asked for",
        "service.cancel.after": "it was asked for, or refused, and the client does not know",
        "service.snapshot.after": "a stream has read how things stand and does not follow yet",
        "service.delete.before": "an asset is about to be deleted",
        "service.delete.after": "its row is, its file is still there",
        "server.answer.before": "the head of an answer is about to be sent",
        "server.answer.after": "the last byte of an answer was handed to the kernel",
        "runner.claim.after": "jobs are claimed; their attempts are about to start",
        "runner.cancel.before": "the pool has read that a cancel was asked for and is about to pass it on",
        "runner.cancel.after": "the attempt has heard of the cancel; its child has not",
        "runner.stop.before": "the pool is about to tell its attempts that the daemon stops",
        "runner.stop.after": "the attempt has heard of the stop; its child has not",
        "runner.timeout.after": "the time is over; the child has not been told",
        "runner.quota.after": "the child has filled its folder and has not been told",
        "runner.spawn.before": "a child is about to be started",
        "runner.spawn.after": "it runs; nobody has noted its pid",
        "runner.child-exit.after": "the child has ended by itself; it is not reaped, its tree may live",
        "runner.tree-dead.after": "no process of the attempt is left, and the child is reaped",
        "runner.results.before": "the results are about to be stored",
        "runner.results.after": "their files are durable; there are no rows",
        "runner.settle.before": "the outcome is known and about to be stored; the work directory is gone",
        "runner.settle.after": "the outcome is stored, or dropped as stale",
        "storage.fsync.before": "a file's bytes are about to be made durable",
        "storage.fsync.after": "they are",
        "storage.link.before": "a file is about to get its name in the store",
        "storage.link.after": "it has it; the directory is not durable",
        "storage.directory-fsync.before": "a file's name is about to be made durable",
        "storage.directory-fsync.after": "it is",
        "storage.unlink.before": "a stored file's name is about to be taken away; no row needs it",
        "storage.unlink.after": "it is gone; the index of blobs may still hold the bytes",
        "storage.collect.before": "a name that the garbage collection found is about to be taken away",
        "storage.collect.after": "it is gone; the index of blobs may still hold the bytes",
        "storage.folder-fsync.before": "the name of a folder on the way to a file is about to be made durable",
        "storage.folder-fsync.after": "it is",
        "backup.database.after": "the database is in the backup; the files are not",
        "backup.files.after": "they are too; nothing says yet that the backup is complete",
        "recovery.kill.before": "what is left of an orphan's processes is about to be killed",
        "recovery.kill.after": "they are dead",
        "recovery.settle.before": "the orphans' ends are about to be stored",
        "recovery.settle.after": "they are stored; old work directories are still there",
        "recovery.clear.after": "the old work directories are gone",
    }
)
"""Every point, and what has just happened or is about to."""

UNIT_POINTS: Final = frozenset({"store.commit.before", "store.commit.after"})
"""Those that can be narrowed to a unit of work."""


class InjectedFault(Exception):
    """What `raise` raises.

    Neither a NexusdError nor an OSError: those have a meaning, and are made into outcomes and answers. This is what a defect
    looks like, and what the borders of a connection, a request, an attempt and a unit of work are for.
    """


@dataclass(frozen=True, slots=True)
class _Named:
    """An action that is given as text: one for threads, one for tasks."""

    now: Callable[[str], None]
    later: Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Armed:
    act: Act | _Named
    only: int | None
    times: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def is_due(self) -> bool:
        return self.only in (None, next(self.times))


_armed: dict[str, _Armed] = {}


def hit(name: str, units: Iterable[str] = ()) -> None:
    """Be at a point, in a thread or in synchronous code. `units` are the names of the units that a commit is of."""
    if _armed:
        for act in _find_due(name, units):
            if isinstance(act, _Named):
                act.now(name)
            elif inspect.isawaitable(act(name)):
                raise TypeError(f"{name} is reached outside of a task: what is armed there must not be async")


async def reach(name: str) -> None:
    """Be at a point, in a task of trio's. Not a checkpoint when nothing is armed."""
    if _armed:
        for act in _find_due(name, ()):
            if (later := act.later(name) if isinstance(act, _Named) else act(name)) is not None:
                await later


@contextmanager
def armed(name: str, action: Act | str, only: int | None = None) -> Iterator[None]:
    """Arm a point for the length of the block, with a callable that gets its name, or an action as text.

    Raises ValueError for a name that is not known, an action that cannot be read, or a point that is armed already.
    """
    _check_name(name, _armed)
    _armed[name] = _Armed(_parse_action(action) if isinstance(action, str) else action, only)
    try:
        yield
    finally:
        del _armed[name]


def arm(text: str) -> None:
    """Arm what a text like that of `NEXUSD_FAILPOINTS` says, for the rest of this process's life.

    Raises ValueError that names the part that cannot be read; nothing is armed then.
    """
    wanted: dict[str, _Armed] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, act, only = _parse(part)
        _check_name(name, _armed.keys() | wanted.keys())
        wanted[name] = _Armed(act, only)
    _armed.update(wanted)


def armed_names() -> list[str]:
    """Return what is armed."""
    return sorted(_armed)


def _find_due(name: str, units: Iterable[str]) -> Iterator[Act | _Named]:
    for key in (name, *(f"{name}:{unit}" for unit in dict.fromkeys(units))):
        point = _armed.get(key)
        if point is not None and point.is_due():
            yield point.act


def _check_name(name: str, taken: Container[str]) -> None:
    point, colon, unit = name.partition(":")
    if point not in POINTS:
        raise ValueError(f"there is no failpoint {point!r}; nexusd/failpoints.py lists them")
    if colon and (point not in UNIT_POINTS or not unit.isidentifier()):
        raise ValueError(f"{name!r}: only {' and '.join(sorted(UNIT_POINTS))} take a unit of work, by its function's name")
    if name in taken:
        raise ValueError(f"the failpoint {name!r} is armed already")


def _parse(part: str) -> tuple[str, _Named, int | None]:
    name, equals, rest = part.partition("=")
    action, at, number = rest.partition("@")
    if not equals or (at and not (number.isdecimal() and int(number))):
        raise ValueError(f"{part!r} is no failpoint: write name=action or name=action@2")
    return name.strip(), _parse_action(action.strip()), int(number) if at else None


def _parse_action(text: str) -> _Named:
    verb, _, argument = text.partition(":")
    match verb:
        case "kill9" if not argument:
            return _at_once(lambda _name: os.kill(os.getpid(), signal.SIGKILL))
        case "raise" if not argument:
            return _at_once(_raise)
        case "fsync_eio" if not argument:
            return _failing(errno.EIO)
        case "errno" if isinstance(number := getattr(errno, argument, None), int):
            return _failing(number)
        case "sleep" if (seconds := _seconds(argument)) is not None:
            return _pausing(seconds)
        case "block" if argument:
            return _Named(lambda name: _block(argument, name), lambda name: _wait_let_go(argument, name))
    raise ValueError(f"{text!r} is no action: kill9, raise, fsync_eio, errno:NAME, sleep:SECONDS, block:DIRECTORY")


def _seconds(text: str) -> float | None:
    try:
        return seconds if 0 <= (seconds := float(text)) < float("inf") else None
    except ValueError:
        return None


def _at_once(act: Callable[[str], None]) -> _Named:
    async def later(name: str) -> None:
        act(name)

    return _Named(act, later)


def _pausing(seconds: float) -> _Named:
    async def later(_name: str) -> None:
        await trio.sleep(seconds)

    return _Named(lambda _name: time.sleep(seconds), later)


def _raise(name: str) -> None:
    raise InjectedFault(f"injected at {name}")


def _failing(number: int) -> _Named:
    def fail(name: str) -> None:
        raise OSError(number, f"{os.strerror(number)} (injected at {name})")

    return _at_once(fail)


def _block(directory: str, name: str) -> None:
    with _fifos(directory, name) as go:
        os.read(go, 1)


async def _wait_let_go(directory: str, name: str) -> None:
    with _fifos(directory, name) as go:
        await trio.lowlevel.wait_readable(go)
        os.read(go, 1)


@contextmanager
def _fifos(directory: str, name: str) -> Iterator[int]:
    """Say that the point is reached, and open the way to hear that it may go on.

    Both are opened for reading and writing, which never waits for the other end. The test has them open all the time: what is
    written is not lost when this process dies.
    """
    reached = os.open(os.path.join(directory, "reached"), os.O_RDWR | os.O_CLOEXEC)
    try:
        os.write(reached, name.encode() + b"\n")
    finally:
        os.close(reached)
    go = os.open(os.path.join(directory, "go"), os.O_RDWR | os.O_CLOEXEC)
    try:
        yield go
    finally:
        os.close(go)
