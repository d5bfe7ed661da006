"""Routes of content jobs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from nexusd.api.answers import answer, document, document_body, document_key, document_stream, services
from nexusd.api.bodies import idempotency_key, read_json
from nexusd.api.routes import StrictRoute
from nexusd.api.sse import RESUMABLE, EventStream, last_event_id
from nexusd.contract.events import StreamQuery
from nexusd.contract.jobs import (
    BATCH_MAX_BYTES,
    BODY_MAX_BYTES,
    BatchAccepted,
    BatchSubmission,
    CancelAnswer,
    Job,
    JobAccepted,
    JobList,
    JobQuery,
    JobSubmission,
    JobWaitQuery,
)
from nexusd.store.queries import JobFilter

router = APIRouter(prefix="/v1/companies/{company}/content-jobs", tags=["content jobs"], route_class=StrictRoute)


@router.post(
    "",
    status_code=202,
    responses=document(202, JobAccepted, "The job is durable. `Location` is where it is."),
    openapi_extra=document_body(JobSubmission) | document_key(),
)
async def submit_job(request: Request, company: str) -> Response:
    """Submit a job. The answer never waits for the render."""
    submission = await read_json(request, JobSubmission, BODY_MAX_BYTES)
    accepted = await services(request).jobs.submit(company, submission, idempotency_key(request))
    return _accept(company, accepted)


@router.post(
    "/batch",
    status_code=202,
    responses=document(202, BatchAccepted, "Every job is durable."),
    openapi_extra=document_body(BatchSubmission) | document_key(),
)
async def submit_batch(request: Request, company: str) -> Response:
    """Submit up to 1,000 jobs, all or nothing."""
    batch = await read_json(request, BatchSubmission, BATCH_MAX_BYTES)
    return answer(await services(request).jobs.submit_batch(company, batch, idempotency_key(request)), 202)


@router.get("", responses=document(200, JobList, "A page of jobs, newest first."))
async def list_jobs(request: Request, company: str, query: Annotated[JobQuery, Query()]) -> Response:
    """List the jobs of a company."""
    wanted = JobFilter(
        id_part=query.id_part,
        statuses=None if query.status is None else frozenset(query.status),
        job_type=query.job_type,
        source_task_id=query.source_task_id,
        created_after=query.created_after,
        created_before=query.created_before,
    )
    return answer(await services(request).jobs.list(company, wanted, query.limit, query.cursor))


@router.get("/{job_id}", responses=document(200, Job, "The job, with its attempts and assets."))
async def get_job(request: Request, company: str, job_id: str) -> Response:
    """Show one job."""
    return answer(await services(request).jobs.get(company, job_id))


@router.post(
    "/{job_id}/cancel",
    responses=document(200, CancelAnswer, "Cancelled.")
    | document(202, CancelAnswer, "Cancelling: follow the job to see it end."),
)
async def cancel_job(request: Request, company: str, job_id: str) -> Response:
    """Cancel a queued job at once, or ask a running one to end; 409 when it is over already."""
    told = await services(request).jobs.cancel(company, job_id)
    return answer(told, 200 if told.status.is_terminal else 202)


@router.post(
    "/{job_id}/retry",
    status_code=202,
    responses=document(202, JobAccepted, "A new job like that one is durable; its `retryOf` names the old one."),
    openapi_extra=document_key(),
)
async def retry_job(request: Request, company: str, job_id: str) -> Response:
    """Submit once more what a job was that is over, done or not; 409 while it is not.

    Its input is checked anew: 422 names what today's renderer does not take, and assets that are gone.
    """
    return _accept(company, await services(request).jobs.retry(company, job_id, idempotency_key(request)))


@router.get(
    "/{job_id}/events",
    responses=document_stream(
        "First `status`, the job as it stands; then `status` and `progress`; ends after the terminal one."
    )
    | {204: {"description": "A resumed stream has nothing left to tell."}},
    response_class=Response,
    openapi_extra=RESUMABLE,
)
async def follow_job(request: Request, company: str, job_id: str, query: Annotated[StreamQuery, Query()]) -> Response:
    """Follow one job by Server-Sent Events; resume with `Last-Event-ID`."""
    stream = await services(request).streams.open_job(company, job_id, last_event_id(request, query.after))
    return Response(status_code=204) if stream is None else EventStream(stream)


@router.get(
    "/{job_id}/wait",
    responses=document(200, Job, "The job, which is over.")
    | {204: {"description": "It is not over after `timeout` seconds, or the daemon stops."}},
)
async def wait_job(request: Request, company: str, job_id: str, query: Annotated[JobWaitQuery, Query()]) -> Response:
    """Wait until a job is over, and show it; answers as soon as it is."""
    job = await services(request).waiting.wait(company, job_id, query.timeout)
    return Response(status_code=204) if job is None else answer(job)


def _accept(company: str, accepted: JobAccepted) -> Response:
    return answer(accepted, 202, {"Location": f"/v1/companies/{company}/content-jobs/{accepted.job_id}"})
