"""The API as methods, written once as plans: what `Nexus` and `AsyncNexus` share, which is all but how a plan is carried out.

A job or an asset is named by its id or by the object that tells of it; one that tells its company is looked for there.

Every call may be sent again and is, while the daemon is away or busy, within the patience: submissions and retries carry an
idempotency key. Raised are `NexusctlError`s: UsageError, Unreachable, Refused, BadAnswer anywhere; others where it is said.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from nexusctl.client import asking, calls, downloading, logs, paging, streams, submitting, uploads, waiting
from nexusctl.client.autostart import Starter
from nexusctl.client.bodies import as_body, name_of, type_of
from nexusctl.client.methods import operation, stream
from nexusctl.client.patience import ANSWER_SECONDS, PATIENCE_SECONDS, Patience
from nexusctl.client.steps import Do
from nexusctl.errors import TimedOut
from nexusd.contract.assets import Asset
from nexusd.contract.companies import DEFAULT_COMPANY, Company
from nexusd.contract.jobs import CancelAnswer, Job, JobAccepted, JobList, JobSubmission, JobSummary
from nexusd.contract.paths import default_socket_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nexusctl.client.bodies import UploadSource
    from nexusctl.client.frames import StreamEvent
    from nexusctl.client.material import Material
    from nexusctl.client.patience import Notice
    from nexusctl.client.steps import Plan, Telling
    from nexusctl.client.submitting import JobOptions
    from nexusd.contract.events import EventType
    from nexusd.contract.logs import LogEvent
    from nexusd.contract.pauses import QueueState
    from nexusd.contract.status import Health, Renderer, Status
    from nexusd.contract.why import Why

JobRef = str | JobAccepted | JobSummary
AssetRef = str | Asset


class Operations:
    """One daemon, seen as one company. The arguments are told at `Nexus`.

    A Patience in place of seconds decides about absent and silent daemons itself: nothing else is started then.
    """

    def __init__(
        self,
        socket: str | os.PathLike[str] | None = None,
        company: str = DEFAULT_COMPANY,
        *,
        start: bool = True,
        patience: Patience | float = PATIENCE_SECONDS,
        notice: Notice | None = None,
        answer_seconds: float = ANSWER_SECONDS,
        silence_seconds: float = streams.SILENCE_SECONDS,
    ) -> None:
        self.socket = Path(socket or os.environ.get("NEXUSCTL_SOCKET") or default_socket_path()).absolute()
        self.company = company
        self.silence_seconds = silence_seconds
        self.notice: Notice = notice or (lambda _line: None)
        self._starter: Starter | None = None
        if isinstance(patience, Patience):
            self.patience = patience
        else:
            self._starter = Starter(self.socket, allowed=start, announce=self.notice)
            self.patience = Patience(patience, revive=self._starter.revive, notice=self.notice, answer_seconds=answer_seconds)
        self._connect()

    def _connect(self) -> None:
        """Make the driver."""
        raise NotImplementedError

    def _open(self) -> Plan[None]:
        """Make sure that a daemon answers."""
        if self._starter is not None:
            yield Do(self._starter.ensure, may_be_left=True)

    def _call(self, what: calls.Call[calls.AnswerT]) -> Plan[calls.AnswerT]:
        return asking.call(self.patience.renew(), what)

    def _place(self, job: JobRef) -> tuple[str, str]:
        """Return a job's company and id."""
        if isinstance(job, str):
            return self.company, job
        return (job.company_id, job.id) if isinstance(job, JobSummary) else (self.company, job.job_id)

    def _kept(self, asset: AssetRef) -> tuple[str, str]:
        """Return an asset's company and id."""
        return (self.company, asset) if isinstance(asset, str) else (asset.company_id, asset.id)

    def _asset(self, asset: AssetRef) -> Plan[Asset]:
        if isinstance(asset, Asset):
            return asset
        return (yield from self._call(calls.get_asset(self.company, asset)))

    @operation
    def call(self, what: calls.Call[calls.AnswerT]) -> Plan[calls.AnswerT]:
        """Send a call of `nexusctl.client.calls` and read its answer."""
        return self._call(what)

    @operation
    def send(self, what: calls.Call[Any]) -> Plan[bytes]:
        """Send a call and return the body of its answer as it came."""
        return asking.send(self.patience.renew(), what)

    @operation
    def submit(
        self,
        job: JobSubmission | str,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - as the API calls it
        **options: Unpack[JobOptions],
    ) -> Plan[JobAccepted]:
        """Submit a job, by its type and input; on return it is durable."""
        return submitting.submit(self.patience.renew(), self.company, job, input, options)

    @operation
    def submit_many(self, jobs: Iterable[JobSubmission], *, key: str | None = None) -> Plan[list[JobAccepted]]:
        """Submit jobs in their order, a thousand at a time, of which all are stored or none.

        When a later thousand is refused, the ones before are stored; sent again with the same `key`, none is there twice.
        """
        return submitting.submit_many(self.patience.renew(), self.company, jobs, key)

    @operation
    def prepare(self, material: Material) -> Plan[dict[str, Any]]:
        """Upload what a source needs beside it, and return the input of the job that renders it."""
        return uploads.prepare(self.patience.renew(), self.company, material)

    @operation
    def list_jobs(
        self,
        *,
        status: str | None = None,
        job_type: str | None = None,
        source_task_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Plan[JobList]:
        """Return one page of jobs, newest first."""
        return self._call(
            calls.list_jobs(
                self.company, status=status, job_type=job_type, source_task_id=source_task_id, limit=limit, cursor=cursor
            )
        )

    @stream
    def jobs(
        self,
        *,
        status: str | None = None,
        job_type: str | None = None,
        source_task_id: str | None = None,
        limit: int | None = None,
    ) -> Telling[JobSummary]:
        """Return jobs, newest first: all, or so many. They are fetched a page at a time, as they are wanted."""
        make = partial(calls.list_jobs, self.company, status=status, job_type=job_type, source_task_id=source_task_id)
        return paging.walk(self.patience.renew(), make, limit)

    @operation
    def job(self, job: JobRef) -> Plan[Job]:
        """Return one job in full."""
        return self._call(calls.get_job(*self._place(job)))

    @operation
    def cancel(self, job: JobRef) -> Plan[CancelAnswer]:
        """Ask for a job's end; the answer says whether it is over or under way. Refused is one that is over already."""
        return self._call(calls.cancel_job(*self._place(job)))

    @operation
    def retry(self, job: JobRef, *, key: str | None = None) -> Plan[JobAccepted]:
        """Submit once more what a job was that is over; on return the new one is durable."""
        wanted = submitting.new_key() if key is None else submitting.checked_key(key)
        return self._call(calls.retry_job(*self._place(job), wanted))

    @operation
    def why(self, job: JobRef) -> Plan[Why]:
        """Return why a job stands as it does."""
        return self._call(calls.explain_job(*self._place(job)))

    @operation
    def wait(self, job: JobRef, *, timeout_seconds: float | None = None) -> Plan[Job]:
        """Return the job as soon as it is over, however it ended. Raises TimedOut when it is not within the timeout."""
        company, job_id = self._place(job)
        found = yield from waiting.wait_job(self.patience.renew(), company, job_id, timeout_seconds)
        if found is None:
            raise TimedOut(f"job {job_id} is not over after {timeout_seconds} seconds", hint="it goes on; wait for it again")
        return found

    @stream
    def follow(self, job: JobRef, *, after: int | None = None) -> Telling[StreamEvent]:
        """Return a job's events as they happen, each once, until its terminal status: all from now on, or after an id.

        A lost, silent or ended connection is made again after a pause and resumed by id. What cannot be resumed is told by a
        `reset`, after which the job's status as it stands comes as an event. Raises Refused when there is no such job,
        Unreachable when the daemon stays away longer than the patience.
        """
        return streams.follow_job(self.patience.renew(), *self._place(job), after, self.silence_seconds)

    @stream
    def events(
        self,
        *,
        types: Iterable[EventType | str] | None = None,
        after: int | None = None,
        snapshot: bool = False,
        all_companies: bool = False,
    ) -> Telling[StreamEvent]:
        """Return the company's events as they happen, each once, for ever: after an id, else from now on.

        With `snapshot`, and no id that can be resumed from, the stream begins with what is not over yet: `snapshot.begin`, one
        `snapshot` for each job, `snapshot.end`. The same comes after every `reset`, asked for or not. A snapshot whose
        connection broke begins anew: forget at each `snapshot.begin` what was told before it. Raises as `follow` does.
        """
        path = calls.ALL_EVENTS_PATH if all_companies else calls.company_events_path(self.company)
        return streams.follow_events(self.patience.renew(), path, types, after, self.silence_seconds, snapshot=snapshot)

    @stream
    def log(self, job: JobRef, *, attempt: int | None = None, follow: bool = False) -> Telling[LogEvent]:
        """Return what a job's process wrote, piece by piece: up to now, or with `follow` to the end of the job or attempt."""
        company, job_id = self._place(job)
        if follow:
            return logs.follow_pieces(self.patience.renew(), company, job_id, attempt, self.silence_seconds)
        return logs.read_pieces(self.patience.renew(), company, job_id, attempt)

    @stream
    def assets(
        self,
        *,
        source_task_id: str | None = None,
        job_id: str | None = None,
        namespace: str | None = None,
        limit: int | None = None,
    ) -> Telling[Asset]:
        """Return assets, newest first: all, or so many. They are fetched a page at a time, as they are wanted."""
        make = partial(calls.list_assets, self.company, source_task_id=source_task_id, job_id=job_id, namespace=namespace)
        return paging.walk(self.patience.renew(), make, limit)

    @operation
    def asset(self, asset: str) -> Plan[Asset]:
        """Return one asset's row."""
        return self._call(calls.get_asset(self.company, asset))

    @operation
    def pin(self, asset: AssetRef) -> Plan[Asset]:
        """Keep an asset from deletion and from the retention; on return that is durable."""
        return self._call(calls.pin_asset(*self._kept(asset)))

    @operation
    def unpin(self, asset: AssetRef) -> Plan[Asset]:
        """Let an asset be deleted again."""
        return self._call(calls.unpin_asset(*self._kept(asset)))

    @operation
    def delete(self, asset: AssetRef) -> Plan[None]:
        """Delete an asset and its file. Refused is one that is pinned, or that the input of a job names which is not over.

        One whose deletion was sent again because the answer was lost may be refused as not found: it is gone.
        """
        yield from self._call(calls.delete_asset(*self._kept(asset)))

    @operation
    def upload(
        self,
        source: UploadSource,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        source_task_id: str | None = None,
        namespace: str = "attachments",
    ) -> Plan[Asset]:
        """Store bytes, the file at a path, or what an open file has left. Streamed. Raises OSError when it cannot be read.

        An upload whose answer was lost is sent again, which may leave an unused asset; one of a file that cannot seek is not.
        """
        called = filename or name_of(source)
        return self._call(
            calls.upload_asset(
                self.company,
                as_body(source),
                filename=called,
                content_type=content_type or type_of(called),
                source_task_id=source_task_id,
                namespace=namespace,
            )
        )

    @stream
    def content(self, asset: AssetRef) -> Telling[bytes]:
        """Return an asset's bytes in pieces; a lost connection is made again where it broke off. Nothing is verified."""
        return downloading.fetch(self.patience.renew(), *self._kept(asset))

    @operation
    def read(self, asset: AssetRef) -> Plan[bytes]:
        """Return an asset's bytes as a whole, verified by length and sha256."""
        return (yield from downloading.read(self.patience.renew(), (yield from self._asset(asset))))

    @operation
    def download(self, asset: AssetRef, to: str | os.PathLike[str]) -> Plan[Path]:
        """Write an asset to a file, or under its own name into a folder; return the path.

        Streamed, verified, whole or not at all. Raises OSError when the file cannot be written.
        """
        return (yield from downloading.save(self.patience.renew(), (yield from self._asset(asset)), to))

    @operation
    def renderers(self) -> Plan[list[Renderer]]:
        """Return what the daemon can render, by job type, with the JSON Schema of each input."""
        return (yield from self._call(calls.list_renderers())).items

    @operation
    def renderer(self, job_type: str) -> Plan[Renderer]:
        """Return one renderer."""
        return self._call(calls.get_renderer(job_type))

    @stream
    def companies(self, *, limit: int | None = None) -> Telling[Company]:
        """Return companies, oldest first: all, or so many."""
        return paging.walk(self.patience.renew(), calls.list_companies, limit)

    @operation
    def add_company(self, slug: str, name: str | None = None) -> Plan[Company]:
        """Add a company; it is there for good. `name` is for people. Refused is a slug that is taken."""
        return self._call(calls.add_company(submitting.make_company(slug, name)))

    @operation
    def queue(self) -> Plan[QueueState]:
        """Return what is paused, and how many jobs run and wait."""
        return self._call(calls.queue())

    @operation
    def pause_queue(self, job_type: str | None = None, reason: str | None = None) -> Plan[QueueState]:
        """Let nothing start any more, of one job type or at all; on return that is durable."""
        return self._call(calls.pause_queue(job_type, reason))

    @operation
    def resume_queue(self, job_type: str | None = None, *, every: bool = False) -> Plan[QueueState]:
        """Lift the pause of one job type, of the whole queue, or every one."""
        return self._call(calls.resume_queue(job_type, every=every))

    @operation
    def status(self) -> Plan[Status]:
        """Return what the daemon says about itself."""
        return self._call(calls.status())

    @operation
    def health(self) -> Plan[Health]:
        """Return whether the daemon is ready. Raises Refused when it is not."""
        return self._call(calls.health())
