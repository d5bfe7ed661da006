"""The renderers as services see them: which there are, and whether each can work here.

Owns how long a look at the disk is believed: a submission must neither wait for one each time, nor be accepted for a renderer
that went missing long ago. Looks are made in a thread, one at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from nexusd.renderers.spec import installed_version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from nexusd.renderers.registry import PlugInProblem, Registry
    from nexusd.renderers.spec import RendererSpec

BELIEVED_SECONDS: Final = 5.0


class Condition(NamedTuple):
    """How a renderer stands. `unavailable` says what to do about it; None when it can work."""

    unavailable: str | None
    tools: Mapping[str, str | None]


class Catalogue:
    """The renderers of a registry; `network_job_types` get the network when they ask for it."""

    def __init__(self, registry: Registry, network_job_types: Collection[str] = ()) -> None:
        self._registry = registry
        self._network_job_types = network_job_types
        self._seen: dict[str, tuple[float, Condition]] = {}
        self._looking = trio.Lock()

    def get(self, job_type: str) -> RendererSpec | None:
        """Return the renderer of a job type, or None."""
        return self._registry.get(job_type)

    def __iter__(self) -> Iterator[RendererSpec]:
        """Go through the renderers in the order of their job types."""
        return iter(self._registry)

    @property
    def problems(self) -> Sequence[PlugInProblem]:
        """The plug-ins that are missing in it."""
        return self._registry.problems

    async def look(self, spec: RendererSpec) -> Condition:
        """Return how a renderer stands, or stood a few seconds ago."""
        if (known := self._find(spec)) is not None:
            return known
        async with self._looking:
            if (known := self._find(spec)) is not None:  # somebody else has looked meanwhile
                return known
            condition = await trio.to_thread.run_sync(self._look, spec)
            self._seen[spec.job_type] = trio.current_time(), condition
            return condition

    def _find(self, spec: RendererSpec) -> Condition | None:
        at, condition = self._seen.get(spec.job_type, (0.0, None))
        return condition if condition is not None and trio.current_time() - at < BELIEVED_SECONDS else None

    def _look(self, spec: RendererSpec) -> Condition:
        """Blocks: it reads what is installed."""
        reason = spec.unavailable_reason()
        if reason is None and (refusal := spec.network_refusal(self._network_job_types)) is not None:
            reason = f"it {refusal}"
        return Condition(reason, {name: installed_version(name) for name in spec.tools})
