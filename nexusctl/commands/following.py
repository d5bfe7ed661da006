"""Showing a job until it ends, and saying how it ended: what `render`, `watch` and `retry --follow` share.

Invariant: Ctrl-C only ends the showing. The job goes on, and the error says how to come back to it and how to end it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexusctl.errors import Interrupted, JobNotDone
from nexusctl.output.progress import open_display
from nexusd.contract.events import JobEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from nexusctl.client.frames import StreamEvent
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session
    from nexusctl.output.screen import Screen
    from nexusd.contract.jobs import JobSummary


def follow(
    session: Session,
    nexus: Nexus,
    screen: Screen,
    job_id: str,
    *,
    title: str | None,
    write: Callable[[str], None],
    on_event: Callable[[StreamEvent], None] | None = None,
    tell_end: bool = True,
) -> JobSummary:
    """Show a job's events until its terminal status, which is returned. Without a title nothing is drawn.

    Raises Interrupted on Ctrl-C.
    """
    last: JobSummary | None = None
    try:
        with open_display(screen, title, write, tell_end=tell_end) as display:
            for event in nexus.follow_job(job_id):
                display.show(event.data)
                if on_event is not None:
                    on_event(event)
                if isinstance(event.data, JobEvent):
                    last = event.data.job
    except KeyboardInterrupt:
        raise detached(session, job_id) from None
    if last is None:  # the stream ends only after a terminal status
        return nexus.get_job(job_id)
    return last


def watch(session: Session, nexus: Nexus, screen: Screen, job_id: str, *, as_json: bool) -> None:
    """Show a job until it ends, and say how; with `as_json`, write one line for each event.

    Raises JobNotDone when it ended otherwise than done, Interrupted on Ctrl-C.
    """
    from nexusctl.output.present import event_line

    on_event = _json_writer(screen) if as_json else None
    title = None if as_json else f"job {job_id[-8:]}"
    ended = follow(session, nexus, screen, job_id, title=title, write=screen.write_at_once, on_event=on_event)
    drawn = screen.note_style.is_terminal and not as_json and not screen.quiet
    if drawn:  # the bar is gone: say how it ended
        screen.write(event_line(ended, screen.style))
    if ended.result_asset_id is not None and not as_json:
        screen.note(f"get the result with: {session.suggest('asset', 'get', ended.result_asset_id)}")
    require_done(session, ended)


def _json_writer(screen: Screen) -> Callable[[StreamEvent], None]:
    def write(event: StreamEvent) -> None:
        screen.write_json_line({"id": event.id, "event": event.name, **event.document})

    return write


def detached(session: Session, job_id: str) -> Interrupted:
    """Return the error of a Ctrl-C while a job runs."""
    return Interrupted(
        f"detached; job {job_id} goes on",
        hint=f"watch it again with: {session.suggest('watch', job_id)}\ncancel it with: {session.suggest('cancel', job_id)}",
    )


def require_done(session: Session, job: JobSummary) -> None:
    """Raise JobNotDone when the job ended otherwise."""
    if job.status == "done":
        return
    hint = f"see all of it with: {session.suggest('show', job.id)}"
    if job.status == "failed":
        code = str(job.error_code or "failed")
        raise JobNotDone(f"job {job.id} failed, {code}: {job.error_message or 'no message'}", slug=code, hint=hint)
    raise JobNotDone(f"job {job.id} was {job.status}", slug=str(job.status), hint=hint)
