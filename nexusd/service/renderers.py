"""Renderers: what this daemon can make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nexusd.contract.status import PlugInProblem, Renderer, RendererLimits, RendererList
from nexusd.errors import NotFound
from nexusd.renderers.spec import format_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nexusd.renderers.spec import RendererSpec
    from nexusd.service.catalogue import Catalogue, Condition


class RendererService:
    """The renderers of the catalogue. `slots` are what jobs cost where it is not what their renderer says."""

    def __init__(self, catalogue: Catalogue, slots: Mapping[str, int]) -> None:
        self._catalogue = catalogue
        self._slots = slots
        self._schemas: dict[str, dict[str, Any]] = {}

    async def list(self) -> RendererList:
        """Return every renderer, by job type, and the plug-ins that brought none."""
        return RendererList(
            items=[self._describe(spec, await self._catalogue.look(spec)) for spec in self._catalogue],
            problems=[PlugInProblem(**problem._asdict()) for problem in self._catalogue.problems],
        )

    async def get(self, job_type: str) -> Renderer:
        """Return one renderer.

        Raises NotFound.
        """
        spec = self._catalogue.get(job_type)
        if spec is None:
            raise NotFound(f"there is no renderer for {job_type!r}; GET /v1/renderers lists them")
        return self._describe(spec, await self._catalogue.look(spec))

    def _describe(self, spec: RendererSpec, condition: Condition) -> Renderer:
        return Renderer(
            job_type=spec.job_type,
            description=spec.description,
            version=format_version(spec.own_version, condition.tools),
            own_version=spec.own_version,
            tools=dict(condition.tools),
            available=condition.unavailable is None,
            unavailable_reason=condition.unavailable,
            outputs=dict(spec.outputs),
            output_content_types=sorted(set(spec.outputs.values())),
            extensions={extension: dict(implied) for extension, implied in spec.extensions.items()},
            examples={name: dict(example) for name, example in spec.examples.items()},
            default_timeout_seconds=spec.default_timeout_seconds,
            limits=RendererLimits(
                timeout_seconds=spec.default_timeout_seconds,
                memory_max_bytes=spec.memory_max_bytes,
                processes_max=spec.processes_max,
                slots=self._slots.get(spec.job_type, spec.slots),
                network=spec.network,
            ),
            input_schema=self._schema(spec),
        )

    def _schema(self, spec: RendererSpec) -> dict[str, Any]:
        """Return the schema of the input, made once: it never changes."""
        if spec.job_type not in self._schemas:
            self._schemas[spec.job_type] = spec.input_model.model_json_schema(by_alias=True)
        return self._schemas[spec.job_type]
