"""Every call of the API that nexusctl makes, as data: what to send, and how to read what comes back.

Owns paths, parameters, headers and the reading of answers and problems. Owns no transport: a Call can be sent by any client.
Each call imports the models of its own answer alone: all of them together cost as much as an answer takes.

Invariant: every call here may be sent again when its answer was lost. Submissions carry an Idempotency-Key; an upload that is
repeated leaves at worst one unused asset more, and a deletion that is repeated is told that there is nothing to delete.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from nexusctl.client.bodies import Body
from nexusctl.errors import BadAnswer, Refused, UsageError
from nexusd.contract.assets import Asset, AssetList
from nexusd.contract.base import Answer
from nexusd.contract.jobs import BatchAccepted, BatchSubmission, CancelAnswer, Job, JobAccepted, JobList, JobSubmission
from nexusd.contract.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nexusd.contract.backups import Backup
    from nexusd.contract.companies import Company, CompanyCreation, CompanyList
    from nexusd.contract.doctor import Examination
    from nexusd.contract.logs import LogPage
    from nexusd.contract.pauses import QueueState
    from nexusd.contract.source_tasks import SourceTask
    from nexusd.contract.status import Health, Renderer, RendererList, Status
    from nexusd.contract.storage import CollectionReport, VerificationPage
    from nexusd.contract.why import Why

AnswerT = TypeVar("AnswerT", bound=Answer)

ALL_EVENTS_PATH: Final = "/v1/events"
_ERROR_STATUS: Final = 400
_SHOWN_BYTES: Final = 200


class Nothing(Answer):
    """The answer 204."""


@dataclass(frozen=True, slots=True)
class Call(Generic[AnswerT]):
    """One request and the model of its answer. `body` is bytes, or a body that is read from its beginning each time it is sent.

    `is_long`: nobody knows how long the answer takes, so it is waited for.
    """

    method: str
    path: str
    answer: type[AnswerT]
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Body | None = None
    is_long: bool = False

    def parse(self, body: bytes) -> AnswerT:
        """Read the answer. Raises BadAnswer when it is not what the contract says."""
        return parse_model(self.answer, body if self.answer is not Nothing else b"{}", what=f"{self.method} {self.path}")


def parse_model(model: type[AnswerT], body: bytes | str, *, what: str) -> AnswerT:
    """Read one document of the contract. Raises BadAnswer."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "/".join(str(part) for part in first["loc"]) or "the document"
        raise BadAnswer(
            f"cannot read the answer to {what}: {place}: {first['msg']}",
            hint="nexusd and nexusctl may be of different versions: compare `nexusd --version` with `nexusctl version`",
        ) from None


def read_problem(status: int, body: bytes, retry_after: str | None = None) -> Refused | BadAnswer:
    """Return the error that an answer of status 400 and above stands for."""
    try:
        problem = Problem.model_validate_json(body)
    except ValidationError:
        shown = body[:_SHOWN_BYTES].decode("utf-8", "replace").strip()
        return BadAnswer(
            f"the daemon answered {status} without saying why: {shown}" if shown else f"the daemon answered {status}"
        )
    places = [f"{param.name}: {param.reason}" for param in problem.invalid_params or []]
    return Refused(
        problem.detail,
        slug=problem.slug,
        status=status,
        hint="\n".join(places) or None,
        retry_after_seconds=_seconds(retry_after),
    )


def is_error(status: int) -> bool:
    """Whether the answer is a problem."""
    return status >= _ERROR_STATUS


def submit(company: str, submission: JobSubmission, key: str) -> Call[JobAccepted]:
    """Submit a job; the same key gives the same job."""
    body = json.dumps(submission.model_dump(mode="json", by_alias=True, exclude_unset=True), ensure_ascii=False)
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    return Call("POST", _jobs(company), JobAccepted, headers=headers, body=body.encode("utf-8", "surrogatepass"))


def submit_batch(company: str, batch: BatchSubmission, key: str) -> Call[BatchAccepted]:
    """Submit several jobs, all or none; the same key gives the same jobs."""
    body = json.dumps(batch.model_dump(mode="json", by_alias=True, exclude_unset=True), ensure_ascii=False)
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    return Call("POST", _jobs(company, "batch"), BatchAccepted, headers=headers, body=body.encode("utf-8", "surrogatepass"))


def list_jobs(
    company: str,
    *,
    id_part: str | None = None,
    status: str | None = None,
    job_type: str | None = None,
    source_task_id: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[JobList]:
    """One page of jobs, newest first."""
    params = {"status": status, "jobType": job_type, "sourceTaskId": source_task_id, "limit": limit, "cursor": cursor}
    return Call("GET", _jobs(company), JobList, params=_given({"idPart": id_part, **params}))


def get_job(company: str, job_id: str) -> Call[Job]:
    """One job in full."""
    return Call("GET", _jobs(company, job_id), Job)


def cancel_job(company: str, job_id: str) -> Call[CancelAnswer]:
    """Ask for a job's end."""
    return Call("POST", _jobs(company, job_id, "cancel"), CancelAnswer)


def retry_job(company: str, job_id: str, key: str) -> Call[JobAccepted]:
    """Submit once more what a job was; the same key gives the same new job."""
    return Call("POST", _jobs(company, job_id, "retry"), JobAccepted, headers={"Idempotency-Key": key})


def explain_job(company: str, job_id: str) -> Call[Why]:
    """Why a job stands as it does."""
    from nexusd.contract.why import Why

    return Call("GET", _jobs(company, job_id, "why"), Why)


def get_log(company: str, job_id: str, *, attempt: int | None, offset: int, raw: bool = False) -> Call[LogPage]:
    """One page of a log, as text; with `raw` the answer is the bytes themselves, which no model can read."""
    from nexusd.contract.logs import LogPage

    params = _given({"attempt": attempt, "offset": offset, "raw": "true" if raw else None})
    return Call("GET", _jobs(company, job_id, "log"), LogPage, params=params)


def log_path(company: str, job_id: str) -> str:
    """Where a log is."""
    return _jobs(company, job_id, "log")


def wait_job(company: str, job_id: str, timeout_seconds: float) -> Call[Job]:
    """A job once it is over. The answer has no body when it is not by then."""
    return Call("GET", _jobs(company, job_id, "wait"), Job, params={"timeout": f"{timeout_seconds:.3f}"})


def job_events_path(company: str, job_id: str) -> str:
    """Where a job's stream is."""
    return _jobs(company, job_id, "events")


def company_events_path(company: str) -> str:
    """Where a company's stream is."""
    return _path("v1", "companies", company, "events")


def upload_asset(
    company: str,
    body: bytes | Path | Body,
    *,
    filename: str,
    content_type: str,
    source_task_id: str | None = None,
    namespace: str = "attachments",
) -> Call[Asset]:
    """Store a file, among the attachments if nothing else is said."""
    params = _given({"namespace": namespace, "filename": filename, "sourceTaskId": source_task_id})
    sent = body if isinstance(body, bytes | Body) else Body(body)
    return Call("POST", _assets(company), Asset, params=params, headers={"Content-Type": content_type}, body=sent)


def find_assets(company: str, *, sha256: str) -> Call[AssetList]:
    """Assets with that content, newest first."""
    return Call("GET", _assets(company), AssetList, params={"sha256": sha256, "limit": "1"})


def list_assets(
    company: str,
    *,
    id_part: str | None = None,
    source_task_id: str | None = None,
    job_id: str | None = None,
    namespace: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[AssetList]:
    """One page of assets, newest first."""
    params = {"sourceTaskId": source_task_id, "jobId": job_id, "namespace": namespace, "limit": limit, "cursor": cursor}
    return Call("GET", _assets(company), AssetList, params=_given({"idPart": id_part, **params}))


def get_asset(company: str, asset_id: str) -> Call[Asset]:
    """One asset's row."""
    return Call("GET", _assets(company, asset_id), Asset)


def get_source_task(
    company: str, source_task_id: str, *, limit: int | None = None, cursor: str | None = None
) -> Call[SourceTask]:
    """One page of the jobs and assets of a conversation task, newest first."""
    from nexusd.contract.source_tasks import SourceTask

    path = _path("v1", "companies", company, "source-tasks", source_task_id)
    return Call("GET", path, SourceTask, params=_given({"limit": limit, "cursor": cursor}))


def asset_content_path(company: str, asset_id: str) -> str:
    """Where an asset's bytes are."""
    return _assets(company, asset_id, "content")


def delete_asset(company: str, asset_id: str) -> Call[Nothing]:
    """Delete an asset."""
    return Call("DELETE", _assets(company, asset_id), Nothing)


def pin_asset(company: str, asset_id: str) -> Call[Asset]:
    """Keep an asset from deletion."""
    return Call("PUT", _assets(company, asset_id, "pin"), Asset)


def unpin_asset(company: str, asset_id: str) -> Call[Asset]:
    """Let an asset be deleted again."""
    return Call("DELETE", _assets(company, asset_id, "pin"), Asset)


def collect_garbage(*, dry_run: bool) -> Call[CollectionReport]:
    """Delete what no asset has, or say what that would be. As much as is taken in one go."""
    from nexusd.contract.storage import CollectionReport

    return Call(
        "POST", "/v1/storage/gc", CollectionReport, params=_given({"dryRun": "true" if dry_run else None}), is_long=True
    )


def verify_storage(*, after: str | None = None, quick: bool = False) -> Call[VerificationPage]:
    """Read some of what is stored anew, or quickly compare sizes, and tell what is wrong with it."""
    from nexusd.contract.storage import VerificationPage

    params = _given({"after": after, "quick": "true" if quick else None, "limit": 500 if quick else None})
    return Call("GET", "/v1/storage/verify", VerificationPage, params=params, is_long=True)


def list_companies(*, limit: int | None = None, cursor: str | None = None) -> Call[CompanyList]:
    """One page of companies, oldest first."""
    from nexusd.contract.companies import CompanyList

    return Call("GET", "/v1/companies", CompanyList, params=_given({"limit": limit, "cursor": cursor}))


def get_company(company: str) -> Call[Company]:
    """One company, named by id or slug."""
    from nexusd.contract.companies import Company

    return Call("GET", _path("v1", "companies", company), Company)


def add_company(creation: CompanyCreation) -> Call[Company]:
    """Add a company. Added again, the answer is that there is one already."""
    from nexusd.contract.companies import Company

    body = creation.model_dump_json(by_alias=True, exclude_unset=True).encode()
    return Call("POST", "/v1/companies", Company, headers={"Content-Type": "application/json"}, body=body)


def queue() -> Call[QueueState]:
    """What is paused."""
    from nexusd.contract.pauses import QueueState

    return Call("GET", "/v1/queue", QueueState)


def pause_queue(job_type: str | None = None, reason: str | None = None) -> Call[QueueState]:
    """Let nothing start any more, of one job type or at all."""
    return _change_queue("pause", {"jobType": job_type, "reason": reason})


def resume_queue(job_type: str | None = None, *, every: bool = False) -> Call[QueueState]:
    """Lift the pause of one job type, of the whole queue, or every one."""
    return _change_queue("resume", {"jobType": job_type, "all": every or None})


def _change_queue(change: str, fields: Mapping[str, str | bool | None]) -> Call[QueueState]:
    from nexusd.contract.pauses import QueueState

    body = json.dumps({name: value for name, value in fields.items() if value is not None})
    return Call("POST", f"/v1/queue/{change}", QueueState, headers={"Content-Type": "application/json"}, body=body.encode())


def back_up(directory: str, key: str) -> Call[Backup]:
    """Make a backup in that folder; asked again with the same key, it goes on where it broke off."""
    from nexusd.contract.backups import Backup

    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    body = json.dumps({"directory": directory}).encode()
    return Call("POST", "/v1/backup", Backup, headers=headers, body=body, is_long=True)


def list_renderers() -> Call[RendererList]:
    """What the daemon can render."""
    from nexusd.contract.status import RendererList

    return Call("GET", "/v1/renderers", RendererList)


def examine(timeout_seconds: float) -> Call[Examination]:
    """Whether the database is sound, as far as that can be told in that time, and how full the disk is."""
    from nexusd.contract.doctor import Examination

    return Call("GET", "/v1/doctor", Examination, params={"timeout": f"{timeout_seconds:.3f}"}, is_long=True)


def get_renderer(job_type: str) -> Call[Renderer]:
    """One renderer, with the schema of its input."""
    from nexusd.contract.status import Renderer

    return Call("GET", _path("v1", "renderers", job_type), Renderer)


def status() -> Call[Status]:
    """What the daemon says about itself."""
    from nexusd.contract.status import Status

    return Call("GET", "/v1/status", Status)


def health() -> Call[Health]:
    """Whether the daemon is ready."""
    from nexusd.contract.status import Health

    return Call("GET", "/v1/health", Health)


def _jobs(company: str, *rest: str) -> str:
    return _path("v1", "companies", company, "content-jobs", *rest)


def _assets(company: str, *rest: str) -> str:
    return _path("v1", "companies", company, "assets", *rest)


def _path(*segments: str) -> str:
    if "" in segments:
        raise UsageError("an id is empty")
    # "." and ".." are unreserved, so quoting leaves them, and a client library would then walk up the path with them.
    return "".join("/" + (quote(part, safe="") if part.strip(".") else part.replace(".", "%2E")) for part in segments)


def _given(params: Mapping[str, str | int | None]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items() if value is not None}


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
