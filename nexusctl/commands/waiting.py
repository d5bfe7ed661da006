"""Waiting for the ends of jobs, of one or of many, without asking again and again.

Invariant: no end is missed. The place in the stream of events is taken before the jobs are looked at, so that whatever ends
after the look is in the stream; where that cannot be gone on from, the jobs are looked at anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexusctl.client import calls
from nexusctl.errors import Interrupted, JobNotDone, TimedOut
from nexusctl.output.present import describe, status_cell
from nexusctl.output.text import clean_line, wrap
from nexusd.contract.events import EventType, JobEvent, SnapshotEndEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session
    from nexusctl.output.forms import Form
    from nexusctl.output.screen import Screen, Style
    from nexusd.contract.jobs import Job

ENDS = (EventType.JOB_DONE, EventType.JOB_FAILED, EventType.JOB_CANCELLED)


def wait_jobs(
    session: Session, nexus: Nexus, screen: Screen, job_ids: Sequence[str], form: Form, *, first_only: bool = False
) -> None:
    """Print each job as it ends, and return once all have, or with `first_only` one has.

    Raises JobNotDone when one ended otherwise than done, Interrupted on Ctrl-C. The caller bounds the time.
    """
    from nexusctl.commands.deadlines import Expired

    waiting = dict.fromkeys(job_ids)
    failed: list[Job] = []
    try:
        for body, job in iter_ended(nexus, job_ids):
            del waiting[job.id]
            if not screen.quiet or form.as_json:
                _write(screen, form, body, job)
            if job.status != "done":
                failed.append(job)
            if first_only:
                break
    except Expired:
        raise TimedOut(
            f"{len(waiting)} of {len(job_ids)} jobs are not over", hint=f"wait on with: {session.suggest('wait', *waiting)}"
        ) from None
    except KeyboardInterrupt:
        raise Interrupted(
            f"not waiting any more; {len(waiting)} jobs go on", hint=f"wait on with: {session.suggest('wait', *waiting)}"
        ) from None
    if failed:
        raise _not_done(session, failed, 1 if first_only else len(job_ids))


def iter_ended(nexus: Nexus, job_ids: Sequence[str]) -> Iterator[tuple[bytes, Job]]:
    """Yield each job once it is over, as it came and as read. Raises Refused when there is no such job."""
    waiting = dict.fromkeys(job_ids)
    if len(waiting) == 1:
        nexus.wait_job(job_ids[0])
        yield _fetch(nexus, job_ids[0])
        return
    place = nexus.status().last_event_id
    yield from _take_ended(nexus, waiting)
    if not waiting:
        return
    for event in nexus.follow_company(types=ENDS, after=place):
        if isinstance(event.data, SnapshotEndEvent):  # after a reset: some ends may have been lost
            yield from _take_ended(nexus, waiting)
        elif isinstance(event.data, JobEvent) and event.data.job_id in waiting and event.data.job.status.is_terminal:
            del waiting[event.data.job_id]
            yield _fetch(nexus, event.data.job_id)
        if not waiting:
            return


def _take_ended(nexus: Nexus, waiting: dict[str, None]) -> Iterator[tuple[bytes, Job]]:
    for job_id in list(waiting):
        body, job = _fetch(nexus, job_id)
        if job.status.is_terminal:
            del waiting[job_id]
            yield body, job


def _fetch(nexus: Nexus, job_id: str) -> tuple[bytes, Job]:
    call = calls.get_job(nexus.company, job_id)
    body = nexus.send(call)
    return body, call.parse(body)


def _write(screen: Screen, form: Form, body: bytes, job: Job) -> None:
    import json

    form.write_line(screen, json.loads(body), lambda: ended_line(job, screen.style))


def ended_line(job: Job, style: Style) -> str:
    """Return a job that is over, on one line where there is room."""
    status = status_cell(job)
    text = "\n".join(wrap(f"{clean_line(job.id)} {status.text} {describe(job)}".rstrip(), style.width, indent="  "))
    return text.replace(status.text, style.paint(status.text, status.colour), 1)


def _not_done(session: Session, failed: Sequence[Job], count: int) -> JobNotDone:
    first = failed[0]
    slug = str(first.error_code or first.status)
    hint = f"see why with: {session.suggest('why', first.id)}"
    if count == 1:
        what = "was cancelled" if first.status == "cancelled" else f"failed, {slug}: {first.error_message or 'no message'}"
        return JobNotDone(f"job {first.id} {what}", slug=slug, hint=hint)
    return JobNotDone(f"{len(failed)} of {count} jobs did not end done", slug=slug, hint=hint)
