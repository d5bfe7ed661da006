"""The synchronous client: the calls of `calls`, over httpx and a Unix socket.

Owns the transport, its deadlines, and trying again: while the daemon is away a call is repeated, within the patience
(every call of `calls` may be). Finding or starting a daemon is `autostart`'s; what to send and how to read it is `calls`'
and `following`'s.

Invariants:
1. An error on the wire leaves here as a NexusctlError; no exception of httpx does.
2. Answers other than streams and contents are read whole and are bounded by ANSWER_MAX_BYTES.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self, TypeVar

import httpx

from nexusctl.client import calls
from nexusctl.client.following import Following, StreamEvent
from nexusctl.client.log_following import LogFollowing
from nexusctl.client.patience import Patience
from nexusctl.errors import BadAnswer, NexusctlError, Refused, Unreachable
from nexusd.contract.base import Answer
from nexusd.contract.companies import DEFAULT_COMPANY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from nexusctl.client.calls import Call
    from nexusctl.client.log_following import LogFrame
    from nexusd.contract.assets import Asset, AssetList
    from nexusd.contract.companies import Company
    from nexusd.contract.jobs import CancelAnswer, Job, JobAccepted, JobList, JobSubmission, JobSummary
    from nexusd.contract.logs import LogEvent, LogPage
    from nexusd.contract.pauses import QueueState
    from nexusd.contract.status import Health, Status
    from nexusd.contract.why import Why

AnswerT = TypeVar("AnswerT", bound=Answer)

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 30.0
STREAM_SILENCE_SECONDS: Final = 45.0  # three of the daemon's keep-alives
ANSWER_MAX_BYTES: Final = 64 * 1024 * 1024
_OK: Final = 200
_NO_CONTENT: Final = 204
_PARTIAL: Final = 206
_UNAVAILABLE: Final = 503
_HANGS: Final = (httpx.ReadTimeout, httpx.WriteTimeout)


class Nexus:
    """One daemon, seen as one company. Use as a context manager; not for use by several threads at once."""

    def __init__(self, socket: Path, company: str = DEFAULT_COMPANY, *, patience: Patience | None = None) -> None:
        self.company = company
        self._patience = patience or Patience()
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket), verify=False),
            base_url="http://nexusd",
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

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
        following = LogFollowing()
        while True:
            reason = "nexusd ended the stream"
            try:
                yield from self._follow_log_once(job_id, attempt, following)
            except httpx.TransportError as error:
                reason = _reason(error)
            except Refused as refused:
                if refused.status != _UNAVAILABLE:
                    raise
                reason = str(refused)
            if following.finished:
                return
            self._patience.failed(reason)

    def _follow_log_once(self, job_id: str, attempt: int | None, following: LogFollowing) -> Iterator[LogFrame]:
        path = calls.follow_log_path(self.company, job_id, attempt=attempt)
        with self._open_stream(path, following.connected(), silence_seconds=STREAM_SILENCE_SECONDS) as response:
            if response.status_code != _NO_CONTENT:
                for chunk in response.iter_raw():
                    self._patience.answered()
                    yield from following.receive(chunk)
                return
        yield from following.conclude(self.call(calls.get_job(self.company, job_id)))

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

    def call(self, call: Call[AnswerT]) -> AnswerT:
        """Send a call and read its answer."""
        return call.parse(self.send(call))

    def send(self, call: Call[AnswerT]) -> bytes:
        """Send a call and return the body of its answer as it came. Raises Refused, BadAnswer or Unreachable."""
        while True:
            try:
                body = self._send_once(call)
            except httpx.TransportError as error:
                if isinstance(error, _HANGS):
                    raise Unreachable(_reason(error), hint="see the daemon's log") from None
                self._patience.failed(_reason(error))
            except httpx.HTTPError as error:
                raise BadAnswer(f"cannot read the daemon's answer: {error}") from None
            except Refused as refused:
                if refused.status != _UNAVAILABLE:
                    raise
                self._wait_available(refused)
            else:
                self._patience.answered()
                return body

    def download_asset(self, asset_id: str) -> Iterator[bytes]:
        """Return an asset's bytes in chunks; a lost connection is made again where it broke off."""
        path = calls.asset_content_path(self.company, asset_id)
        offset = 0
        while True:
            headers = {"Range": f"bytes={offset}-"} if offset else {}
            try:
                with self._open_stream(path, headers) as response:
                    skip = 0 if response.status_code == _PARTIAL else offset
                    for chunk in response.iter_raw():
                        self._patience.answered()
                        fresh = chunk[skip:]
                        skip = max(0, skip - len(chunk))
                        offset += len(fresh)
                        if fresh:
                            yield fresh
                    return
            except httpx.TransportError as error:
                self._patience.failed(_reason(error))

    def follow_job(self, job_id: str, *, last_event_id: int | None = None, company: str | None = None) -> Iterator[StreamEvent]:
        """Return a job's events as they happen, each once, until its terminal status. `company` is the job's, if not this one.

        A lost or ended connection is made again after a pause and resumed by id. Raises Refused when there is no such job,
        Unreachable when the daemon stays away longer than the patience.
        """
        following = Following(last_event_id)
        while True:
            reason = "nexusd ended the stream"
            try:
                yield from self._follow_once(company or self.company, job_id, following)
            except httpx.TransportError as error:
                reason = _reason(error)
            except Refused as refused:
                if refused.status != _UNAVAILABLE:
                    raise
                reason = str(refused)
            if following.finished:
                return
            self._patience.failed(reason)

    def _follow_once(self, company: str, job_id: str, following: Following) -> Iterator[StreamEvent]:
        path = calls.job_events_path(company, job_id)
        with self._open_stream(path, following.connected(), silence_seconds=STREAM_SILENCE_SECONDS) as response:
            if response.status_code != _NO_CONTENT:
                for chunk in response.iter_raw():
                    for event in following.receive(chunk):
                        self._patience.answered()
                        yield event
                return
        yield from following.conclude(self.call(calls.get_job(company, job_id)))

    @contextmanager
    def _open_stream(
        self, path: str, headers: Mapping[str, str], *, silence_seconds: float = ANSWER_SECONDS
    ) -> Iterator[httpx.Response]:
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, read=silence_seconds)
        with self._http.stream("GET", path, headers={"Accept-Encoding": "identity", **headers}, timeout=timeout) as response:
            if calls.is_error(response.status_code):
                raise self._read_problem(response)
            yield response

    def _send_once(self, call: Call[AnswerT]) -> bytes:
        headers = {"Accept-Encoding": "identity", "Accept": "application/json", **call.headers}
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, read=None if call.is_long else ANSWER_SECONDS)
        with self._http.stream(
            call.method, call.path, params=dict(call.params) or None, headers=headers, content=call.content(), timeout=timeout
        ) as response:
            if calls.is_error(response.status_code):
                raise self._read_problem(response)
            return _read_bounded(response)

    def _read_problem(self, response: httpx.Response) -> NexusctlError:
        return calls.read_problem(response.status_code, _read_bounded(response), response.headers.get("Retry-After"))

    def _wait_available(self, refused: Refused) -> None:
        """Pause as the daemon asks. Raises `refused` when the patience is used up."""
        try:
            self._patience.failed(str(refused), pause_seconds=refused.retry_after_seconds)
        except Unreachable:
            raise refused from None


def _read_bounded(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > ANSWER_MAX_BYTES:
            raise BadAnswer(f"the daemon's answer is longer than {ANSWER_MAX_BYTES} bytes")
        parts.append(chunk)
    return b"".join(parts)


def _reason(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "nexusd did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return "nexusd is not running"
    return "the connection to nexusd broke"
