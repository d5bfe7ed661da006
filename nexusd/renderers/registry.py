"""Which renderers there are: the built-in ones and those that other packages add by the entry point group `nexusd.renderers`.

An entry point names a `RendererSpec`. Invariants: iteration is in the order of the job types; a job type has one renderer, a
built-in one before any other; a broken plug-in is logged and skipped, the daemon starts without it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING, Final

from nexusd.renderers.chart import CHART
from nexusd.renderers.diagram import DIAGRAM
from nexusd.renderers.document import DOCUMENT
from nexusd.renderers.image import IMAGE
from nexusd.renderers.spec import RendererSpec
from nexusd.renderers.theme import THEME
from nexusd.renderers.video import VIDEO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ENTRY_POINT_GROUP: Final = "nexusd.renderers"
BUILT_IN: Final = (DIAGRAM, DOCUMENT, CHART, THEME, IMAGE, VIDEO)
log = logging.getLogger(__name__)


class Registry:
    """An immutable set of renderers, by job type."""

    def __init__(self, specs: Iterable[RendererSpec] = ()) -> None:
        """Hold these renderers. Raises ValueError when two have the same job type."""
        found: dict[str, RendererSpec] = {}
        for spec in specs:
            if spec.job_type in found:
                raise ValueError(f"two renderers for job type {spec.job_type}")
            found[spec.job_type] = spec
        self._specs = {job_type: found[job_type] for job_type in sorted(found)}

    @classmethod
    def load(cls) -> Registry:
        """Return the built-in renderers and those of installed plug-ins."""
        specs = {spec.job_type: spec for spec in BUILT_IN}
        for entry_point in sorted(metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
            spec = load_plug_in(entry_point)
            if spec is None:
                continue
            if spec.job_type in specs:
                log.error("plug-in %s skipped: job type %s is taken", entry_point.value, spec.job_type)
                continue
            specs[spec.job_type] = spec
        return cls(specs.values())

    def adjusted(self, timeouts: Mapping[str, float], memories: Mapping[str, int]) -> Registry:
        """Return the same renderers with the timeouts (seconds) and memory limits (bytes) of some job types replaced."""
        return Registry(
            replace(
                spec,
                default_timeout_seconds=timeouts.get(spec.job_type, spec.default_timeout_seconds),
                memory_max_bytes=memories.get(spec.job_type, spec.memory_max_bytes),
            )
            for spec in self
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


def load_plug_in(entry_point: metadata.EntryPoint) -> RendererSpec | None:
    """Return what an entry point names, or None, logged, when that fails in any way."""
    try:
        spec = entry_point.load()
        if not isinstance(spec, RendererSpec):
            raise TypeError(f"{entry_point.value} is a {type(spec).__name__}, not a RendererSpec")
        spec.input_model.model_json_schema()
    except (Exception, SystemExit):
        # The border of DESIGN §5: foreign code runs here, and no bug of it may keep the daemon from starting.
        log.exception("plug-in %s skipped: it cannot be loaded", entry_point.value)
        return None
    return spec
