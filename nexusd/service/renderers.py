"""Renderers: what this daemon can make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from nexusd.contract.status import Renderer, RendererList
from nexusd.errors import NotFound

if TYPE_CHECKING:
    from nexusd.renderers.registry import Registry
    from nexusd.renderers.spec import RendererSpec


class RendererService:
    """The renderers of the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def list(self) -> RendererList:
        """Return every renderer, by job type."""
        return RendererList(items=await trio.to_thread.run_sync(lambda: [_describe(spec) for spec in self._registry]))

    async def get(self, job_type: str) -> Renderer:
        """Return one renderer.

        Raises NotFound.
        """
        spec = self._registry.get(job_type)
        if spec is None:
            raise NotFound(f"there is no renderer for {job_type!r}; GET /v1/renderers lists them")
        return await trio.to_thread.run_sync(_describe, spec)


def _describe(spec: RendererSpec) -> Renderer:
    """Blocks: versions and availability are looked up on disk."""
    reason = spec.unavailable_reason()
    return Renderer(
        job_type=spec.job_type,
        description=spec.description,
        version=spec.version,
        available=reason is None,
        unavailable_reason=reason,
        output_content_types=sorted(set(spec.outputs.values())),
        default_timeout_seconds=spec.default_timeout_seconds,
        input_schema=spec.input_model.model_json_schema(by_alias=True),
    )
