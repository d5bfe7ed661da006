"""The synchronous client: the API as methods of one object.

What to send and how to read it is `calls`'; the connections are `transport`'s; streams that go on after a break are `streams`';
finding or starting a daemon is `autostart`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx

from nexusctl.client import calls, streams, waiting
from nexusctl.client.following import Following
from nexusctl.client.frames import EVENTS
from nexusctl.client.log_following import LogFollowing
from nexusctl.client.patience import Patience
from nexusctl.client.transport import Transport, reason_of
from nexusd.contract.companies import DEFAULT_COMPANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from nexusctl.client.frames import StreamEvent
    from nexusctl.client.log_following import LogFrame
    from nexusd.contract.assets import Asset, AssetList
    from nexusd.contract.companies import Company
    from nexusd.contract.jobs import CancelAnswer, Job, JobAccepted, JobList, JobSubmission, JobSummary
    from nexusd.contract.logs import LogEvent, LogPage
    from nexusd.contract.pauses import QueueState
    from nexusd.contract.status import Health, Status
    from nexusd.contract.why import Why

_PARTIAL: Final = 206


class Nexus(Transport):
    """One daemon, seen as one company. Use as a context manager; not for use by several threads at once.

    A stream without a byte for `silence_seconds` is taken for dead and opened again.
    """

    def __init__(
        self,
        socket: Path,
        company: str = DEFAULT_COMPANY,
        *,
        patience: Patience | None = None,
        silence_seconds: float = streams.SILENCE_SECONDS,
    ) -> None:
        super().__init__(socket, patience or Patience())
        self.company = company
        self._silence_seconds = silence_seconds

    def submit(self, submission: JobSubmission, *, key: str) -> JobAccepted:
        """Submit a job under an idempotency key; on return it is durable."""
        return self.call(calls.submit(self.company, submission, key))

    def list_jobs(
        self,
        *,
        status: str | None = None,
        job_type: str | None = None,
        source_task_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> JobList:
        """Return one page of jobs, newest first."""
        return self.call(
            calls.list_jobs(
                self.company, status=status, job_type=job_type, source_task_id=source_task_id, limit=limit, cursor=cursor
            )
        )

    def get_job(self, job_id: str) -> Job:
        """Return one job in full."""
        return self.call(calls.get_job(self.company, job_id))

    def cancel_job(self, job_id: str) -> CancelAnswer:
        """Ask for a job's end; the answer says whether it is over or under way."""
        return self.call(calls.cancel_job(self.company, job_id))

    def retry_job(self, job_id: str, *, key: str) -> JobAccepted:
        """Submit once more what a job was that is over, under an idempotency key; on return the new one is durable."""
        return self.call(calls.retry_job(self.company, job_id, key))

    def explain_job(self, job_id: str) -> Why:
        """Return why a job stands as it does."""
        return self.call(calls.explain_job(self.company, job_id))

    def read_log(self, job_id: str, *, attempt: int | None = None) -> Iterator[tuple[bytes, LogPage]]:
        """Return the pages of a log that there are now, the first at least, each as it came and as read."""
        offset = 0
        while True:
            call = calls.get_log(self.company, job_id, attempt=attempt, offset=offset)
            body = self.send(call)
            page = call.parse(body)
            yield body, page
            if page.complete or page.next_offset <= offset:
                return
            offset, attempt = page.next_offset, page.attempt  # a later attempt may start meanwhile

    def read_raw_log(self, job_id: str, *, attempt: int | None = None) -> Iterator[bytes]:
        """Return the bytes of a log that there are now, in pages."""
        latest = attempt if attempt is not None else self.get_job(job_id).attempt or None
        offset = 0
        while body := self.send(calls.get_log(self.company, job_id, attempt=latest, offset=offset, raw=True)):
            yield body
            offset += len(body)

    def follow_log(self, job_id: str, *, attempt: int | None = None) -> Iterator[LogFrame]:
        """Return what there is of a log and what comes, each piece once, then its end: that of the job, or of one attempt.

        A lost or ended connection is made again after a pause and resumed by place. Raises Refused when there is no such job
        or attempt, Unreachable when the daemon stays away longer than the patience.
        """
        reader = LogFollowing(attempt)
        stream = streams.Stream(self, calls.log_path(self.company, job_id), {}, self._silence_seconds)
        return stream.follow(reader, lambda: reader.conclude(self.get_job(job_id)))

    def read_raw_piece(self, job_id: str, piece: LogEvent) -> bytes:
        """Return the bytes of a piece of a log: those of its text, asked for anew where that may stand for others."""
        if "\ufffd" not in piece.text:
            return piece.text.encode()
        found = b""
        while missing := piece.next_offset - piece.offset - len(found):
            call = calls.get_log(self.company, job_id, attempt=piece.attempt, offset=piece.next_offset - missing, raw=True)
            if not (body := self.send(call)):  # the file is gone
                break
            found += body[:missing]
        return found

    def upload_asset(self, body: bytes | Path, *, filename: str, content_type: str, source_task_id: str | None = None) -> Asset:
        """Store bytes, or a file's content, as an attachment."""
        call = calls.upload_asset(
            self.company, body, filename=filename, content_type=content_type, source_task_id=source_task_id
        )
        return self.call(call)

    def find_assets(self, *, sha256: str) -> AssetList:
        """Return the newest asset with that content, if there is one."""
        return self.call(calls.find_assets(self.company, sha256=sha256))

    def get_asset(self, asset_id: str) -> Asset:
        """Return one asset's row."""
        return self.call(calls.get_asset(self.company, asset_id))

    def queue(self) -> QueueState:
        """Return what is paused, and how many jobs run and wait."""
        return self.call(calls.queue())

    def pause_queue(self, job_type: str | None = None, reason: str | None = None) -> QueueState:
        """Let nothing start any more, of one job type or at all; on return that is durable."""
        return self.call(calls.pause_queue(job_type, reason))

    def resume_queue(self, job_type: str | None = None, *, every: bool = False) -> QueueState:
        """Lift the pause of one job type, of the whole queue, or every one."""
        return self.call(calls.resume_queue(job_type, every=every))

    def find_running(self, job_type: str | None = None) -> Iterator[JobSummary]:
        """Return the jobs that run just now, of all companies."""
        for company in self._find_companies():
            cursor: str | None = None
            while True:
                page = self.call(calls.list_jobs(company.id, status="running", job_type=job_type, cursor=cursor))
                yield from page.items
                if (cursor := page.next_cursor) is None:
                    break

    def _find_companies(self) -> Iterator[Company]:
        cursor: str | None = None
        while True:
            page = self.call(calls.list_companies(cursor=cursor))
            yield from page.items
            if (cursor := page.next_cursor) is None:
                return

    def status(self) -> Status:
        """Return what the daemon says about itself."""
        return self.call(calls.status())

    def health(self) -> Health:
        """Return whether the daemon is ready. Raises Refused when it is not."""
        return self.call(calls.health())

    def download_asset(self, asset_id: str) -> Iterator[bytes]:
        """Return an asset's bytes in chunks; a lost connection is made again where it broke off."""
        path = calls.asset_content_path(self.company, asset_id)
        offset = 0
        while True:
            headers = {"Range": f"bytes={offset}-"} if offset else {}
            try:
                with self.open_stream(path, headers) as response:
                    skip = 0 if response.status_code == _PARTIAL else offset
                    for chunk in response.iter_raw():
                        self.patience.answered()
                        fresh = chunk[skip:]
                        skip = max(0, skip - len(chunk))
                        offset += len(fresh)
                        if fresh:
                            yield fresh
                    return
            except httpx.TransportError as error:
                self.patience.failed(reason_of(error))

    def follow_job(self, job_id: str, *, last_event_id: int | None = None, company: str | None = None) -> Iterator[StreamEvent]:
        """Return a job's events as they happen, each once, until its terminal status. `company` is the job's, if not this one.

        A lost, silent or ended connection is made again after a pause and resumed by id. What cannot be resumed is told by a
        `reset`, after which the job's status as it stands comes as an event. Raises Refused when there is no such job,
        Unreachable when the daemon stays away longer than the patience.
        """
        return streams.follow_job(self, company or self.company, job_id, last_event_id, self._silence_seconds)

    def follow_company(
        self,
        company: str | None = None,
        *,
        types: Iterable[str] | None = None,
        after: int | None = None,
        snapshot: bool = False,
    ) -> Iterator[StreamEvent]:
        """Return a company's events as they happen, each once, for ever: after an id, else from now on.

        With `snapshot`, and no id that can be resumed from, the stream begins with what is not over yet: `snapshot.begin`, one
        `snapshot` for each job, `snapshot.end`. The same comes after every `reset`, asked for or not. A snapshot whose
        connection broke begins anew: forget at each `snapshot.begin` what was told before it.

        Raises as `follow_job` does; with a patience of FOR_EVER the daemon may stay away as long as it likes.
        """
        path = calls.company_events_path(company or self.company)
        following = Following(after, EVENTS, snapshot=snapshot)
        return streams.follow_events(self, path, types, following, self._silence_seconds)

    def follow_all(
        self, *, types: Iterable[str] | None = None, after: int | None = None, snapshot: bool = False
    ) -> Iterator[StreamEvent]:
        """Return the events of all companies, as `follow_company` does those of one."""
        following = Following(after, EVENTS, snapshot=snapshot)
        return streams.follow_events(self, calls.ALL_EVENTS_PATH, types, following, self._silence_seconds)

    def wait_job(self, job_id: str, *, timeout_seconds: float | None = None) -> Job | None:
        """Return the job as soon as it is over; None when it is not within the timeout."""
        return waiting.wait_job(self, self.company, job_id, timeout_seconds)
