"""The names under which the verbs of nexusctl call the client, where the library has others or no need of them.

Only the synchronous client has them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from nexusctl.client import calls, logs, paging, streams, waiting
from nexusctl.client.methods import operation, stream
from nexusctl.client.operations import Operations
from nexusctl.client.steps import consume

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nexusctl.client.frames import StreamEvent
    from nexusctl.client.log_following import LogFrame
    from nexusctl.client.steps import Plan, Telling
    from nexusd.contract.companies import Company
    from nexusd.contract.jobs import Job, JobSummary
    from nexusd.contract.logs import LogEvent, LogPage


class VerbNames(Operations):
    """The operations, and more."""

    get_job = Operations.job
    cancel_job = Operations.cancel
    retry_job = Operations.retry
    get_asset = Operations.asset
    upload_asset = Operations.upload
    download_asset = Operations.content

    @operation
    def wait_job(self, job_id: str, *, timeout_seconds: float | None = None) -> Plan[Job | None]:
        """Return the job as soon as it is over; None when it is not within the timeout."""
        return waiting.wait_job(self.patience.renew(), self.company, job_id, timeout_seconds)

    @stream
    def find_running(self, job_type: str | None = None) -> Telling[JobSummary]:
        """Return the jobs that run just now, of all companies."""
        patience = self.patience.renew()

        def take(company: Company) -> Telling[JobSummary]:
            make_call = partial(calls.list_jobs, company.id, status="running", job_type=job_type)
            return paging.walk(patience, make_call)

        return consume(paging.walk(patience, calls.list_companies), take)

    @stream
    def follow_job(self, job_id: str, *, last_event_id: int | None = None, company: str | None = None) -> Telling[StreamEvent]:
        """Return a job's events as `follow` does. `company` is the job's, if not this one."""
        return streams.follow_job(self.patience.renew(), company or self.company, job_id, last_event_id, self.silence_seconds)

    @stream
    def follow_company(
        self,
        company: str | None = None,
        *,
        types: Iterable[str] | None = None,
        after: int | None = None,
        snapshot: bool = False,
    ) -> Telling[StreamEvent]:
        """Return the events of a company, as `events` does."""
        path = calls.company_events_path(company or self.company)
        return streams.follow_events(self.patience.renew(), path, types, after, self.silence_seconds, snapshot=snapshot)

    @stream
    def follow_all(
        self, *, types: Iterable[str] | None = None, after: int | None = None, snapshot: bool = False
    ) -> Telling[StreamEvent]:
        """Return the events of all companies."""
        path = calls.ALL_EVENTS_PATH
        return streams.follow_events(self.patience.renew(), path, types, after, self.silence_seconds, snapshot=snapshot)

    @stream
    def read_log(self, job_id: str, *, attempt: int | None = None) -> Telling[tuple[bytes, LogPage]]:
        """Return the pages of a log that there are now, the first at least, each as it came and as read."""
        return logs.read_pages(self.patience.renew(), self.company, job_id, attempt)

    @stream
    def read_raw_log(self, job_id: str, *, attempt: int | None = None) -> Telling[bytes]:
        """Return the bytes of a log that there are now, in pages."""
        return logs.read_raw(self.patience.renew(), self.company, job_id, attempt)

    @operation
    def read_raw_piece(self, job_id: str, piece: LogEvent) -> Plan[bytes]:
        """Return the bytes of a piece of a log."""
        return logs.read_raw_piece(self.patience.renew(), self.company, job_id, piece)

    @stream
    def follow_log(self, job_id: str, *, attempt: int | None = None) -> Telling[LogFrame]:
        """Return what there is of a log and what comes, each piece once, then its end: that of the job, or of one attempt."""
        return streams.follow_log(self.patience.renew(), self.company, job_id, attempt, self.silence_seconds)
