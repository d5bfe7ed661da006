"""How children are held on this machine: the best level that was seen to work, and the child that goes with it.

    bubblewrap   namespaces of its own: no home, no network, no other process; all of it ends with process 1
    landlock     may read the system and its own folder, write only there; no network; a supervisor ends what it leaves
    limits       resource limits and a supervisor

A level is never claimed because a program exists: at the start something is really run in it. Leaves out the life of a child.
"""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from nexusd.domain.ids import new_id
from nexusd.errors import SandboxRefused
from nexusd.runner import bubblewrap, limits
from nexusd.runner.limits import ProcessLimits
from nexusd.runner.pipes import open_pipe
from nexusd.runner.process import Child, Spawn, open_child
from nexusd.runner.sandboxed import SandboxedChild
from nexusd.runner.supervised import SupervisedChild

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

logger = logging.getLogger("nexusd.runner")

PROBE_SECONDS: Final = 10.0
PROBE_FILE: Final = "probed"
PROBE_PROCESSES: Final = 16
SAID_MAX_BYTES: Final = 1000


class Level(StrEnum):
    """How strongly a child is held; the order is from strong to weak."""

    BUBBLEWRAP = "bubblewrap"
    LANDLOCK = "landlock"
    LIMITS = "limits"

    def is_below(self, other: Level) -> bool:
        """Tell whether this level holds less than `other`."""
        order = list(Level)
        return order.index(self) > order.index(other)


@dataclass(frozen=True, slots=True)
class Containment:
    """The level in force. `refusals` tells of each stronger one why it was not reached."""

    level: Level
    bwrap: str = ""
    group_parent: Path | None = None
    refusals: Mapping[str, str] = field(default_factory=dict)

    @property
    def process_bound(self) -> str:
        """What bounds the number of an attempt's processes: `rlimit`, `cgroup`, or `none`."""
        if self.group_parent is not None:
            return "cgroup"
        return "rlimit" if self.level is Level.BUBBLEWRAP and os.geteuid() != 0 else "none"

    @property
    def can_show_files(self) -> bool:
        """Whether a child can be shown a file where it lies, read-only whatever it does."""
        return self.level is Level.BUBBLEWRAP

    def make_child(self, spawn: Spawn) -> Child:
        """Return a child at this level that is not started yet."""
        if self.level is Level.BUBBLEWRAP:
            return SandboxedChild(spawn, self.bwrap, bubblewrap.own_folders())
        shown = (*bubblewrap.SYSTEM, *bubblewrap.CONFIGURATION, *bubblewrap.own_folders())
        return SupervisedChild(spawn, self.level.value, shown)


async def find_containment(wanted: Level | None, required: Level) -> Containment:
    """Return the strongest level that works here, or the one that is `wanted`.

    Raises SandboxRefused when the wanted one does not work, or the strongest is below what is `required`.
    """
    refusals: dict[str, str] = {}
    group_parent = limits.find_group_parent()
    if group_parent is not None:
        limits.remove_old_groups(group_parent)
    if wanted in (None, Level.BUBBLEWRAP) and not any(bubblewrap.find_bubblewrap()):
        refusals[Level.BUBBLEWRAP.value] = "there is no bwrap"
    for candidate in _candidates(wanted, group_parent):
        reason = await _try(candidate)
        if reason is None:
            if candidate.level.is_below(required):
                break
            logger.info("children are held", extra={"level": candidate.level.value, "processes": candidate.process_bound})
            return Containment(candidate.level, candidate.bwrap, candidate.group_parent, refusals)
        refusals[candidate.level.value] = reason
    told = "; ".join(f"{level}: {reason}" for level, reason in refusals.items()) or f"sandbox = {wanted}"
    level = wanted or required
    raise SandboxRefused(f"children cannot be held at the level {level} ({told}): install bubblewrap, or allow less.")


def _candidates(wanted: Level | None, group_parent: Path | None) -> Iterator[Containment]:
    is_exempt = os.geteuid() == 0  # from RLIMIT_NPROC
    if wanted in (None, Level.BUBBLEWRAP):
        for bwrap in bubblewrap.find_bubblewrap():
            yield Containment(Level.BUBBLEWRAP, bwrap, group_parent if is_exempt else None)
    for level in (Level.LANDLOCK, Level.LIMITS):
        if wanted in (None, level):
            yield Containment(level, group_parent=group_parent)


async def _try(candidate: Containment) -> str | None:
    """Run something at a level; return None when it worked, else why it did not."""
    try:
        with tempfile.TemporaryDirectory(prefix="nexusd-probe-") as folder, trio.fail_after(PROBE_SECONDS):
            argv = ("/bin/sh", "-c", f"echo > {PROBE_FILE}")
            spawn = Spawn(new_id(), argv, Path(folder), {"PATH": "/usr/bin:/bin"}, ProcessLimits(processes=PROBE_PROCESSES))
            await _run(candidate, candidate.make_child(spawn))
            return None if (Path(folder) / PROBE_FILE).exists() else "a program did not run in it"
    except trio.TooSlowError:
        return "a program did not end in it"
    except OSError as error:
        return error.strerror or str(error)


async def _run(candidate: Containment, child: Child) -> None:
    """Run a child to its end. Raises OSError, with what was said on the way, when it cannot be run."""
    with open_pipe() as output, open_pipe() as progress:
        try:
            async with open_child(child, output, progress, candidate.group_parent):
                await child.wait_exited()
            if child.refusal is not None:
                raise child.refusal
        except OSError as error:
            said = (await output.receive(SAID_MAX_BYTES)).decode("utf-8", "replace").strip()
            raise OSError(error.errno, said or error.strerror) from error
