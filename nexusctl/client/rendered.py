"""What a render gives: the job that is done, its assets, and how to have their bytes.

Written once: `Rendered` is what the synchronous client gives, `AsyncRendered` the asynchronous one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from nexusctl.client import downloading
from nexusctl.client.methods import Asynchronous, Synchronous, operation
from nexusctl.errors import BadAnswer

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from nexusctl.client.async_nexus import AsyncNexus
    from nexusctl.client.nexus import Nexus
    from nexusctl.client.patience import Patience
    from nexusctl.client.steps import Plan
    from nexusd.contract.assets import Asset
    from nexusd.contract.jobs import Job

ResultT = TypeVar("ResultT")


class Result:
    """A job that is done. `assets` are all that it made; `asset` is its result."""

    def __init__(self, job: Job, patience: Patience) -> None:
        self.job = job
        self._patience = patience

    def __repr__(self) -> str:
        return f"<{type(self).__name__} job={self.job.id} asset={self.job.result_asset_id}>"

    @property
    def assets(self) -> list[Asset]:
        """All that the job made."""
        return self.job.assets

    @property
    def asset(self) -> Asset:
        """The result."""
        for asset in self.job.assets:
            if asset.id == self.job.result_asset_id:
                return asset
        raise BadAnswer(f"job {self.job.id} does not tell of its result {self.job.result_asset_id}")

    @operation
    def save(self, to: str | os.PathLike[str] = ".") -> Plan[Path]:
        """Write the result to a file, or under its own name into a folder; return the path. Streamed, verified, whole or not
        at all. Raises OSError when the file cannot be written."""
        return downloading.save(self._patience.renew(), self.asset, to)

    @operation
    def read(self) -> Plan[bytes]:
        """Return the bytes of the result, verified."""
        return downloading.read(self._patience.renew(), self.asset)


class Rendered(Result, Synchronous):
    """What `Nexus.render` gives."""

    def __init__(self, job: Job, client: Nexus) -> None:
        super().__init__(job, client.patience)
        self._client = client

    def run(self, plan: Plan[ResultT]) -> ResultT:
        """Carry a plan out and return its result."""
        return self._client.run(plan)


class AsyncRendered(Result, Asynchronous):
    """What `AsyncNexus.render` gives."""

    def __init__(self, job: Job, client: AsyncNexus) -> None:
        super().__init__(job, client.patience)
        self._client = client

    async def run(self, plan: Plan[ResultT]) -> ResultT:
        """Carry a plan out and return its result."""
        return await self._client.run(plan)
