"""What all attempts of a daemon work with, and what each of their children is given.

Owns the limits and the surroundings of a child, from its renderer and the settings. Leaves out who starts it.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from json import dumps
from typing import TYPE_CHECKING, Final

from nexusd.domain.caps import Caps
from nexusd.renderers.job import CAPS_VARIABLE
from nexusd.runner.limits import ProcessLimits
from nexusd.runner.process import Spawn
from nexusd.runner.programs import find_program
from nexusd.storage.room import UNBOUNDED
from nexusd.store import companies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nexusd.renderers.registry import Registry
    from nexusd.renderers.spec import RendererSpec
    from nexusd.runner.containment import Containment
    from nexusd.storage import Provider
    from nexusd.storage.room import Room
    from nexusd.store.database import Database

CHILD_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """The bounds of every attempt. Seconds and bytes; None = no bound."""

    terminate_grace_seconds: float
    drain_seconds: float
    log_max_bytes: int
    output_max_bytes: int | None
    work_max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every attempt works with."""

    database: Database
    storage: Provider
    registry: Registry
    work_directory: Path
    log_directory: Path
    limits: AttemptLimits
    containment: Containment
    caps: Caps = field(default_factory=Caps)
    network_job_types: frozenset[str] = frozenset()
    """The job types whose renderers get the network when they ask for it."""
    room: Room = UNBOUNDED
    """Where there must be some for anything to start."""
    slugs: dict[str, str] = field(default_factory=dict)
    tell_log: Callable[[str], None] = lambda _job_id: None
    """To be called when the log of a job has grown, and when an attempt's end is stored: its log is whole then."""

    async def slug(self, company_id: str) -> str:
        """Return a company's slug: asked for once, since no company is ever renamed."""
        if company_id not in self.slugs:
            self.slugs[company_id] = (await self.database.read(companies.get, company_id)).slug
        return self.slugs[company_id]

    def make_spawn(self, identity: str, spec: RendererSpec, argv: Sequence[str], workdir: Path) -> Spawn:
        """Return how to start a child that is marked `identity`. Raises OSError when there is no such program.

        The limit of processor time is set when there is a job: see `cpu_bound`.
        """
        program = find_program(argv[0], CHILD_PATH)
        return Spawn(
            attempt_id=identity,
            argv=(program, *argv[1:]),
            workdir=workdir,
            environment={
                "PATH": CHILD_PATH,
                "LANG": "C.UTF-8",
                CAPS_VARIABLE: dumps(self.caps._asdict()),
                **spec.environment,
            },
            limits=ProcessLimits(
                memory_bytes=spec.memory_max_bytes, file_bytes=self.limits.output_max_bytes, processes=spec.processes_max
            ),
            reads=(*spec.reads, program),
            network=spec.network,
        )


def cpu_bound(timeout_seconds: float) -> int:
    """Return how much processor time each process may use: all processors for the whole time, so that only what escaped the
    timeout meets it.
    """
    return math.ceil(timeout_seconds * (os.cpu_count() or 1)) + 1
