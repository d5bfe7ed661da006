"""What the daemon says about itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nexusd import __version__, failpoints
from nexusd.contract.base import utc_now
from nexusd.contract.status import Containment, EventHistory, Health, Limits, QueueOutlook, Status
from nexusd.store import estimates, queries
from nexusd.store.database import SQLITE_VERSION
from nexusd.store.schema import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nexusd.contract.status import SpareState
    from nexusd.hub import Hub
    from nexusd.store.database import Database
    from nexusd.store.outlook import Circumstances


class StatusService:
    """Counts, limits, versions. `requests_open` and `list_spares` are asked each time."""

    def __init__(
        self,
        database: Database,
        hub: Hub,
        limits: Limits,
        containment: Containment,
        circumstances: Circumstances,
        socket: Path,
        state_directory: Path,
        requests_open: Callable[[], int],
        list_spares: Callable[[], list[SpareState]],
    ) -> None:
        self._database = database
        self._hub = hub
        self._limits = limits
        self._containment = containment
        self._circumstances = circumstances
        self._socket = socket
        self._state_directory = state_directory
        self._requests_open = requests_open
        self._list_spares = list_spares
        self._started_at = utc_now()

    async def get(self) -> Status:
        """Return the status; the counts of jobs, assets and events are of one moment."""
        counts = await self._database.read(queries.count)
        length, empty_at = await self._database.read(estimates.estimate_empty, self._circumstances, utc_now())
        return Status(
            version=__version__,
            pid=os.getpid(),
            started_at=self._started_at,
            stopping=self._hub.is_stopping,
            jobs=counts.jobs,
            paused=counts.paused,
            queue=QueueOutlook(length=length, estimated_empty_at=empty_at),
            assets=counts.assets,
            last_event_id=counts.events.highest,
            events=EventHistory(pruned_through=counts.events.pruned_through, highest_id=counts.events.highest),
            requests_open=self._requests_open(),
            spares=self._list_spares(),
            containment=self._containment,
            limits=self._limits,
            socket=str(self._socket),
            state_directory=str(self._state_directory),
            schema_revision=HEAD,
            sqlite_version=SQLITE_VERSION,
            failpoints=failpoints.armed_names() or None,
        )

    def health(self) -> Health:
        """Return whether new work is welcome."""
        if self._hub.is_stopping:
            return Health(ready=False, reason="the daemon is stopping")
        return Health(ready=True)
