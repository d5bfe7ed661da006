"""What a submission is made of, and plans that submit: one job, or a render from its source to its end.

Every submission carries an idempotency key, the caller's or a new one, so that one whose answer was lost is sent again.

Invariant: who is cancelled while a job runs only stops waiting; the job goes on.
"""

from __future__ import annotations

import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

from pydantic import ValidationError

from nexusctl.client import asking, calls, material, streams, uploads
from nexusctl.client.steps import Do, consume
from nexusctl.errors import JobNotDone, UsageError
from nexusctl.kinds import find_kind
from nexusd.contract.companies import CompanyCreation
from nexusd.contract.jobs import (
    BATCH_MAX_BYTES,
    BATCH_MAX_ITEMS,
    IDEMPOTENCY_KEY_MAX_LENGTH,
    BatchAccepted,
    BatchSubmission,
    Job,
    JobAccepted,
    JobSubmission,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from nexusctl.client.frames import StreamEvent
    from nexusctl.client.operations import Operations
    from nexusctl.client.patience import Patience
    from nexusctl.client.steps import Plan


MANY_KEY_MAX_LENGTH: Final = 250
"""A number is put behind it for each batch; the daemon takes 255."""
_BATCH_FILL_BYTES: Final = BATCH_MAX_BYTES * 3 // 4
"""What is not in the jobs, such as escapes, has room in the rest."""


class JobOptions(TypedDict, total=False):
    """What may be said of any job: who asked for it, how urgent it is, its bounds, and the key that makes it one job."""

    source_task_id: str
    priority: int
    timeout_seconds: float
    max_attempts: int
    key: str


class RenderOptions(JobOptions, total=False):
    """What may be said of a render beside that.

    `type`: a job type (`document`), a language (`typst`) or both (`document/typst`); with it a `str` is the text itself.
    `format`: `svg`, `png`, `pdf`, what the type has. `options`: more fields of the job's input, such as `scale`. `files`: what
    the source refers to, by the paths it uses. `on_event`: is called with every event of the job, as it comes.
    """

    type: str
    format: str
    options: Mapping[str, Any]
    files: Mapping[str, str | os.PathLike[str] | bytes]
    on_event: Callable[[StreamEvent], None]


def submit(
    patience: Patience, company: str, job: JobSubmission | str, job_input: Mapping[str, Any] | None, options: JobOptions
) -> Plan[JobAccepted]:
    """Submit a job: as it is, or from its type, input and options. Raises UsageError, Refused, BadAnswer, Unreachable."""
    key = options.get("key")
    given = {name: value for name, value in options.items() if name != "key"}
    if isinstance(job, JobSubmission):
        if job_input is not None or given:
            raise UsageError("a JobSubmission says everything itself: give nothing beside it but the key")
    else:
        job = make_submission(job, job_input or {}, given)
    return (yield from asking.call(patience, calls.submit(company, job, new_key() if key is None else checked_key(key))))


def render(client: Operations, what: str | bytes | os.PathLike[str] | None, options: RenderOptions) -> Plan[Job]:
    """Submit a source, follow the job to its end, and return it. Raises JobNotDone, UsageError, OSError, and as `submit`."""
    patience = client.patience.renew()
    on_event = options.get("on_event")
    found = yield from _find_material(patience, what, options)
    for line in found.skipped:
        client.notice(f"not sent along: {line}")
    job_input = yield from uploads.prepare(patience, client.company, found)
    of_job: JobOptions = {name: value for name, value in options.items() if name in JobOptions.__annotations__}  # type: ignore[assignment]
    accepted = yield from submit(patience, client.company, found.job_type, job_input, of_job)

    def take(event: StreamEvent) -> Plan[None]:
        if on_event is not None:
            on_event(event)
        yield from ()

    following = streams.follow_job(patience, client.company, accepted.job_id, None, client.silence_seconds)
    yield from consume(following, take)
    job = yield from asking.call(patience, calls.get_job(client.company, accepted.job_id))
    return require_done(job)


def require_done(job: Job) -> Job:
    """Return the job. Raises JobNotDone when it failed, was cancelled, or left no result."""
    if job.status == "done" and job.result_asset_id is not None:
        return job
    slug = "no_output" if job.status == "done" else job.error_code or job.status.value
    told = f": {job.error_message}" if job.error_message else ""
    raise JobNotDone(f"job {job.id} is {job.status}, without a result{told}", slug=slug, job=job)


def submit_many(patience: Patience, company: str, jobs: Iterable[JobSubmission], key: str | None) -> Plan[list[JobAccepted]]:
    """Submit jobs in their order, as many at a time as the daemon takes at once. Raises as `submit`."""
    wanted = new_key() if key is None else checked_key(key, MANY_KEY_MAX_LENGTH)
    accepted: list[JobAccepted] = []
    for call in batches(company, list(jobs), wanted):
        accepted += (yield from asking.call(patience, call)).items
    return accepted


def batches(company: str, jobs: Sequence[JobSubmission], key: str) -> Iterator[calls.Call[BatchAccepted]]:
    """Yield the calls that submit jobs, each as many as the daemon takes at once, which it stores all or none."""
    part: list[JobSubmission] = []
    size = number = 0
    for job in jobs:
        bytes_more = len(job.model_dump_json())
        if part and (len(part) == BATCH_MAX_ITEMS or size + bytes_more > _BATCH_FILL_BYTES):
            yield calls.submit_batch(company, BatchSubmission(items=part), f"{key}-{number}")
            part, size, number = [], 0, number + 1
        part.append(job)
        size += bytes_more
    if part:
        yield calls.submit_batch(company, BatchSubmission(items=part), f"{key}-{number}")


def new_key() -> str:
    """Return a key that nobody else has."""
    return str(uuid.uuid4())


def checked_key(key: str, max_length: int = IDEMPOTENCY_KEY_MAX_LENGTH) -> str:
    """Return a key that a header can carry. Raises UsageError."""
    if not (0 < len(key) <= max_length and key.isascii() and key.isprintable() and key == key.strip()):
        raise UsageError(f"an idempotency key is 1 to {max_length} printable ASCII characters, without spaces around it")
    return key


def _find_material(
    patience: Patience, what: str | bytes | os.PathLike[str] | None, options: RenderOptions
) -> Plan[material.Material]:
    forced = options.get("type")
    source = yield Do(partial(material.path_or_content, what, forced))
    name = str(source) if isinstance(source, Path) else ""
    kind = find_kind(name, forced)
    if kind is None:
        kind = material.choose_kind((yield from asking.call(patience, calls.list_renderers())).items, name, forced)
    rest = (options.get("format"), options.get("options") or {}, options.get("files") or {})
    found: material.Material = yield Do(partial(material.read_material, source, kind, *rest))
    return found


def make_submission(job_type: str, job_input: Mapping[str, Any], given: Mapping[str, Any]) -> JobSubmission:
    """Return the submission; `given` are its other fields. Raises UsageError that names each wrong one."""
    try:
        return JobSubmission(job_type=job_type, input=dict(job_input), **given)
    except ValidationError as error:
        raise UsageError("the submission is not valid", hint=reasons_of(error)) from None


def make_company(slug: str, name: str | None) -> CompanyCreation:
    """Return the company to add. Raises UsageError that names each wrong field."""
    try:
        return CompanyCreation(slug=slug) if name is None else CompanyCreation(slug=slug, name=name)
    except ValidationError as error:
        raise UsageError(f"there can be no company {slug}", hint=reasons_of(error)) from None


def reasons_of(error: ValidationError) -> str:
    """Return what is wrong, a line for each field."""
    return "\n".join(f"{'/'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False))
