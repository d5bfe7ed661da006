"""Waiting until nothing runs that was paused: each job that runs is followed, by its stream, until it does not.

Invariant: Ctrl-C ends the waiting alone. The pause stays, and the error says how to lift it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexusctl.errors import Interrupted, NotDrained
from nexusctl.output.text import clean_line
from nexusd.contract.events import JobEvent

if TYPE_CHECKING:
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session
    from nexusctl.output.screen import Screen
    from nexusd.contract.jobs import JobSummary


def drain(session: Session, nexus: Nexus, screen: Screen, job_type: str | None) -> None:
    """Return once no job runs, of this type or at all. To be called when that is paused already.

    Raises NotDrained when the pause was lifted meanwhile, Interrupted on Ctrl-C.
    """
    resume = session.suggest("resume", *([] if job_type is None else [job_type]))
    try:
        while running := _find_running(nexus, job_type):
            for job in running:
                screen.note(f"waiting for job {clean_line(job.id)}, {clean_line(job.job_type)}")
                _wait_ended(nexus, job)
    except KeyboardInterrupt:
        raise Interrupted("not waiting any more; the pause stays", hint=f"lift it with: {resume}") from None


def _find_running(nexus: Nexus, job_type: str | None) -> list[JobSummary]:
    """Ask for the pause first: what runs while it holds is all there is to wait for."""
    if all(pause.job_type not in (None, job_type) for pause in nexus.queue().paused):
        raise NotDrained("the pause was lifted while jobs still ran", hint="pause again")
    return list(nexus.find_running(job_type))


def _wait_ended(nexus: Nexus, job: JobSummary) -> None:
    """Return once the job does not run: it is over, or queued again."""
    for event in nexus.follow_job(job.id, company=job.company_id):
        if isinstance(event.data, JobEvent) and event.data.job.status != "running":
            return
