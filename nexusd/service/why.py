"""Why a job does not run, or how it ended: gathers the facts, and lets `domain.why` say what follows of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nexusd.contract.base import utc_now
from nexusd.contract.why import Reason, Why
from nexusd.domain.reasons import FailedFacts, QueuedFacts, RunningFacts
from nexusd.domain.states import ErrorCode, JobStatus
from nexusd.domain.why import why_cancelled, why_done, why_failed, why_queued, why_running
from nexusd.store import outlook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexusd.contract.jobs import Job
    from nexusd.domain import reasons as domain
    from nexusd.hub import Hub
    from nexusd.service.catalogue import Catalogue
    from nexusd.service.companies import CompanyService
    from nexusd.storage.room import Room
    from nexusd.store.database import Database
    from nexusd.store.outlook import Circumstances, Outlook


class WhyService:
    """Explains the jobs of all companies."""

    def __init__(
        self,
        database: Database,
        companies: CompanyService,
        catalogue: Catalogue,
        circumstances: Circumstances,
        hub: Hub,
        room: Room,
    ) -> None:
        self._database = database
        self._companies = companies
        self._catalogue = catalogue
        self._circumstances = circumstances
        self._hub = hub
        self._room = room

    async def explain(self, company: str, job_id: str) -> Why:
        """Return why a job stands as it does.

        Raises NotFound.
        """
        company_id = (await self._companies.get(company)).id
        job, ahead = await self._database.read(outlook.get_with_outlook, company_id, job_id, self._circumstances)
        reasons = self._explain(job) if ahead is None else why_queued(await self._gather(job, ahead))
        told = [Reason(code=reason.code, message=reason.message, **reason.data) for reason in reasons]
        return Why(job_id=job_id, status=job.status, summary=told[0].message, reasons=told)

    def _explain(self, job: Job) -> Sequence[domain.Reason]:
        match job.status:
            case JobStatus.DONE:
                return why_done()
            case JobStatus.CANCELLED:
                return why_cancelled(job.cancel_requested_at)
            case JobStatus.FAILED:
                return why_failed(_failed(job))
            case _:
                return why_running(self._running(job))

    async def _gather(self, job: Job, ahead: Outlook) -> QueuedFacts:
        spec = self._catalogue.get(job.job_type)
        backs_off = job.available_at is not None and job.available_at > utc_now()
        return QueuedFacts(
            company_id=job.company_id,
            job_type=job.job_type,
            rules=ahead.rules,
            ahead={(waiting.company_id, waiting.job_type): waiting.count for waiting in ahead.ahead},
            running=[each.holder for each in ahead.running],
            available_at=job.available_at if backs_off else None,
            last_outcome=job.attempts[-1].outcome if job.attempts else None,
            unavailable=None if spec is None else (await self._catalogue.look(spec)).unavailable,
            is_stopping=self._hub.is_stopping,
            low_disk=self._room.look(),
        )

    def _running(self, job: Job) -> RunningFacts:
        spec = self._catalogue.get(job.job_type)
        seconds = job.timeout_seconds or (None if spec is None else spec.default_timeout_seconds)
        return RunningFacts(
            since=job.started_at,
            attempt=job.attempt,
            progress=job.progress,
            timeout_at=job.started_at + timedelta(seconds=seconds) if job.started_at and seconds else None,
            cancel_requested_at=job.cancel_requested_at,
            is_stopping=self._hub.is_stopping,
        )


def _failed(job: Job) -> FailedFacts:
    last = job.attempts[-1] if job.attempts else None
    return FailedFacts(
        error_code=job.error_code or ErrorCode.INTERNAL,
        error_message=job.error_message,
        attempts=job.attempt,
        attempts_used=job.attempts_used,
        max_attempts=job.max_attempts,
        exit_code=None if last is None else last.exit_code,
        signal=None if last is None else last.signal,
    )
