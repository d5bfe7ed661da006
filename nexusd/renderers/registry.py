"""Which renderers there are: the built-in ones, those of the settings, and those that other packages add.

An entry point of the group `nexusd.renderers` names a `RendererSpec`. Invariants: iteration is in the order of the job types; a
job type has one renderer, a built-in one before any other, one of the settings before those of packages; a broken plug-in is
logged, told of in `problems` and skipped, the daemon starts without it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING, Final, NamedTuple

from nexusd.errors import InvalidSettings
from nexusd.renderers.chart import CHART
from nexusd.renderers.diagram import DIAGRAM
from nexusd.renderers.document import DOCUMENT
from nexusd.renderers.image import IMAGE
from nexusd.renderers.spec import RendererSpec
from nexusd.renderers.theme import THEME
from nexusd.renderers.video import VIDEO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ENTRY_POINT_GROUP: Final = "nexusd.renderers"
BUILT_IN: Final = (DIAGRAM, DOCUMENT, CHART, THEME, IMAGE, VIDEO)
REASON_MAX_LENGTH: Final = 500
log = logging.getLogger(__name__)


class PlugInProblem(NamedTuple):
    """Why an entry point is none of the renderers. `package` is the distribution that brought it."""

    name: str
    package: str | None
    reason: str


class Registry:
    """An immutable set of renderers, by job type. `problems` tell of plug-ins that are missing in it."""

    def __init__(self, specs: Iterable[RendererSpec] = (), problems: Sequence[PlugInProblem] = ()) -> None:
        """Hold these renderers. Raises ValueError when two have the same job type."""
        found: dict[str, RendererSpec] = {}
        for spec in specs:
            if spec.job_type in found:
                raise ValueError(f"two renderers for job type {spec.job_type}")
            found[spec.job_type] = spec
        self._specs = {job_type: found[job_type] for job_type in sorted(found)}
        self.problems = tuple(problems)

    @classmethod
    def load(cls, own: Iterable[RendererSpec] = ()) -> Registry:
        """Return the built-in renderers, those of the settings, and those of installed plug-ins.

        Raises InvalidSettings when one of the settings has the job type of a built-in one.
        """
        specs = {spec.job_type: spec for spec in BUILT_IN}
        for spec in own:
            if spec.job_type in specs:
                advice = "nexusd has a renderer for this job type; give yours another name"
                raise InvalidSettings(f"renderers.{spec.job_type}: {advice}.")
            specs[spec.job_type] = spec
        problems: list[PlugInProblem] = []
        for entry_point in sorted(metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
            try:
                spec = load_plug_in(entry_point)
                if spec.job_type in specs:
                    raise ValueError(f"the job type {spec.job_type} is taken")
            except (Exception, SystemExit) as error:
                # The border of DESIGN §5: foreign code runs here, and no bug of it may keep the daemon from starting.
                log.error("plug-in %s skipped: it cannot be used", entry_point.value, exc_info=error)
                problems.append(describe_problem(entry_point, error))
                continue
            specs[spec.job_type] = spec
        return cls(specs.values(), problems)

    def adjusted(self, timeouts: Mapping[str, float], memories: Mapping[str, int]) -> Registry:
        """Return the same renderers with the timeouts (seconds) and memory limits (bytes) of some job types replaced."""
        return Registry(
            (
                replace(
                    spec,
                    default_timeout_seconds=timeouts.get(spec.job_type, spec.default_timeout_seconds),
                    memory_max_bytes=memories.get(spec.job_type, spec.memory_max_bytes),
                )
                for spec in self
            ),
            self.problems,
        )

    def get(self, job_type: str) -> RendererSpec | None:
        """Return the renderer of a job type, or None."""
        return self._specs.get(job_type)

    def __iter__(self) -> Iterator[RendererSpec]:
        """Go through the renderers in the order of their job types."""
        return iter(self._specs.values())

    def __len__(self) -> int:
        """Return how many renderers there are."""
        return len(self._specs)


def load_plug_in(entry_point: metadata.EntryPoint) -> RendererSpec:
    """Return what an entry point names. Raises whatever its code raises, and TypeError when that is no renderer."""
    spec = entry_point.load()
    if not isinstance(spec, RendererSpec):
        raise TypeError(f"{entry_point.value} is a {type(spec).__name__}, not a RendererSpec")
    spec.input_model.model_json_schema()
    return spec


def describe_problem(entry_point: metadata.EntryPoint, error: BaseException) -> PlugInProblem:
    """Return what a person needs to know of a plug-in that cannot be used; the traceback is in the log."""
    package = entry_point.dist.name if entry_point.dist is not None else None
    said = " ".join(str(error).split())[:REASON_MAX_LENGTH]
    return PlugInProblem(entry_point.name, package, f"{entry_point.value}: {type(error).__name__}: {said}")
