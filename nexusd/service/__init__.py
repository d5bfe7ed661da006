"""Use cases: one module a resource, one method for what a client can ask.

A service checks what only the daemon can know, and acts on the store and the storage. It knows nothing of HTTP, and nothing
of the runner: the hub wakes that one. `Services` is what the API is handed; its `feed` must be run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nexusd.service.assets import AssetService
    from nexusd.service.backups import BackupService
    from nexusd.service.companies import CompanyService
    from nexusd.service.doctor import DoctorService
    from nexusd.service.feed import Feed
    from nexusd.service.jobs import JobService
    from nexusd.service.logs import LogService
    from nexusd.service.pauses import PauseService
    from nexusd.service.renderers import RendererService
    from nexusd.service.source_tasks import SourceTaskService
    from nexusd.service.status import StatusService
    from nexusd.service.storage import StorageService
    from nexusd.service.streams import StreamService
    from nexusd.service.waiting import WaitService
    from nexusd.service.why import WhyService


@dataclass(frozen=True, slots=True)
class Services:
    """Every use case of the daemon."""

    companies: CompanyService
    jobs: JobService
    logs: LogService
    why: WhyService
    assets: AssetService
    source_tasks: SourceTaskService
    storage: StorageService
    pauses: PauseService
    feed: Feed
    backups: BackupService
    streams: StreamService
    waiting: WaitService
    renderers: RendererService
    status: StatusService
    doctor: DoctorService
