"""Jobs: submitted, listed, looked at, cancelled, retried."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import trio
from pydantic import ValidationError

from nexusd import failpoints
from nexusd.contract.base import utc_now
from nexusd.contract.jobs import BatchAccepted, BatchSubmission, CancelAnswer, Job, JobAccepted, JobList, JobSubmission
from nexusd.contract.validation import invalid_params
from nexusd.errors import InvalidParam, InvalidRequest, NotFinished, RendererUnavailable
from nexusd.renderers.assets import find_references
from nexusd.store import estimates, jobs, queries, submissions
from nexusd.store.submissions import Idempotency, NewJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexusd.hub import Hub
    from nexusd.service.catalogue import Catalogue
    from nexusd.service.companies import CompanyService
    from nexusd.store.database import Database
    from nexusd.store.outlook import Circumstances
    from nexusd.store.queries import JobFilter

SINGLE_ROUTE: Final = "content-jobs"
BATCH_ROUTE: Final = "content-jobs/batch"
RETRY_ROUTE: Final = "content-jobs/retry"


class JobService:
    """The jobs of all companies."""

    def __init__(
        self, database: Database, companies: CompanyService, catalogue: Catalogue, circumstances: Circumstances, hub: Hub
    ) -> None:
        self._database = database
        self._companies = companies
        self._catalogue = catalogue
        self._circumstances = circumstances
        self._hub = hub

    async def submit(self, company: str, submission: JobSubmission, key: str | None) -> JobAccepted:
        """Store one job; with a `key` that was used before, return the job of that time.

        Raises NotFound, InvalidRequest, RendererUnavailable, IdempotencyConflict, Unavailable.
        Ordering: on return the job is on disk.
        """
        new_job = await self._check(submission, "")
        [accepted] = await self._create(company, [new_job], _idempotency(SINGLE_ROUTE, key, submission))
        return accepted

    async def submit_batch(self, company: str, batch: BatchSubmission, key: str | None) -> BatchAccepted:
        """Store all jobs or none; raises and promises what `submit` does. The key covers the batch."""
        new_jobs = [await self._check(item, f"/items/{index}") for index, item in enumerate(batch.items)]
        return BatchAccepted(items=[*await self._create(company, new_jobs, _idempotency(BATCH_ROUTE, key, batch))])

    async def list(self, company: str, wanted: JobFilter, limit: int, cursor: str | None) -> JobList:
        """Return a page of jobs, newest first."""
        company_id = (await self._companies.get(company)).id
        return await self._database.read(queries.find, company_id, wanted, limit, cursor)

    async def get(self, company: str, job_id: str) -> Job:
        """Return one job in full, with its place in the queue, and when it may start and end.

        Raises NotFound.
        """
        company_id = (await self._companies.get(company)).id
        return await self._database.read(estimates.get_job, company_id, job_id, self._circumstances, utc_now())

    async def cancel(self, company: str, job_id: str) -> CancelAnswer:
        """Cancel a queued job, or ask a running one to end.

        Raises NotFound, AlreadyFinished, Unavailable. Cancellation: waits for the disk.
        Ordering: on return the request is on disk, and its attempt hears of it.
        """
        company_id = (await self._companies.get(company)).id
        await failpoints.reach("service.cancel.before")
        with trio.CancelScope(shield=True):  # what is on disk must reach the attempt, also when the client has gone
            told = await self._database.write(jobs.request_cancel, company_id, job_id, utc_now())
            self._hub.publish_queue()
        await failpoints.reach("service.cancel.after")
        return told

    async def retry(self, company: str, job_id: str, key: str | None) -> JobAccepted:
        """Store a new job like one that is over, however that ended; with a `key`, as `submit` does.

        The stored input is checked anew: today's renderer may want another, and what it names may be gone.
        Raises NotFound, NotFinished and what `submit` does. Ordering: on return the job is on disk.
        """
        old = await self._database.read(queries.get, (await self._companies.get(company)).id, job_id)
        if not old.status.is_terminal:
            advice = f"wait for its end, or cancel it: POST /v1/companies/{company}/content-jobs/{job_id}/cancel"
            raise NotFinished(f"job {job_id} is {old.status}; {advice}", old.status.value)
        again = JobSubmission.model_construct(
            job_type=old.job_type,
            input=old.input,
            source_task_id=old.source_task_id,
            priority=old.priority,
            timeout_seconds=old.timeout_seconds,
            max_attempts=old.max_attempts,
        )
        new_job = replace(await self._check(again, ""), retry_of=job_id)
        [accepted] = await self._create(company, [new_job], _idempotency(RETRY_ROUTE, key, {"retryOf": job_id}))
        return accepted

    async def _create(self, company: str, new_jobs: Sequence[NewJob], idempotency: Idempotency | None) -> Sequence[JobAccepted]:
        company_id = (await self._companies.get(company)).id
        await failpoints.reach("service.submit.before")
        accepted = await self._database.write(submissions.create, company_id, new_jobs, idempotency, utc_now())
        await failpoints.reach("service.submit.after")
        return accepted

    async def _check(self, submission: JobSubmission, pointer: str) -> NewJob:
        spec = self._catalogue.get(submission.job_type)
        if spec is None:
            known = ", ".join(spec.job_type for spec in self._catalogue)
            wrong = InvalidParam(f"{pointer}/jobType", f"no renderer for {submission.job_type!r}; there are: {known}")
            raise InvalidRequest("this daemon has no renderer for that job type", (wrong,))
        references = find_references(submission.input, f"{pointer}/input")
        try:
            checked = spec.input_model.model_validate(submission.input, by_alias=True, by_name=False)
        except ValidationError as error:
            wrong_places = invalid_params(error, submission.input, f"{pointer}/input")
            raise InvalidRequest(f"the input is not one that {submission.job_type} takes", wrong_places) from None
        if (reason := (await self._catalogue.look(spec)).unavailable) is not None:
            told = InvalidParam(f"{pointer}/jobType", "its renderer cannot work here")
            raise RendererUnavailable(f"the renderer of {submission.job_type} is not available: {reason}", (told,))
        return NewJob(
            job_type=submission.job_type,
            input=checked.model_dump_json(by_alias=True),
            references=references,
            source_task_id=submission.source_task_id,
            priority=submission.priority,
            timeout_seconds=submission.timeout_seconds,
            max_attempts=submission.max_attempts,
        )


def _idempotency(route: str, key: str | None, body: JobSubmission | BatchSubmission | dict[str, str]) -> Idempotency | None:
    """The hash is of what was understood, so that white space and the order of keys make no other body."""
    if key is None:
        return None
    understood = json.dumps(body if isinstance(body, dict) else body.model_dump(mode="json"), sort_keys=True)
    return Idempotency(route, key, hashlib.sha256(understood.encode()).hexdigest())
