"""The picture that `top` keeps of a daemon: events and answers in, rows out. No I/O, no clock, no terminal.

Owns which jobs are not over, which are lately, what is known of estimates, and their order. What the person at the terminal
does is `board_view`'s, how it looks `board_drawing`'s.

Invariants:
1. A job stands in one section. One that is over stays so: what came late of its life is left out.
2. A snapshot replaces the jobs that are not over when it is whole; until then the old picture stands.
3. Jobs that are over are bounded, OVER_MAX in each section, the newest first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nexusd.contract.events import JobEvent, ProgressEvent, SnapshotEndEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pydantic import BaseModel

    from nexusd.contract.jobs import Job, JobSummary
    from nexusd.contract.status import Status

OVER_MAX: Final = 50
SNAPSHOT: Final = "snapshot"
SNAPSHOT_BEGIN: Final = "snapshot.begin"
FAILED: Final = "failed"


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that belong together. `more`: there are others that are not known."""

    title: str
    jobs: Sequence[JobSummary]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the daemon expects of a job; None is unknown."""

    position: int | None
    start_at: datetime | None
    finish_at: datetime | None


@dataclass(slots=True)
class Board:
    """The picture. `trouble` says why it may be old; `free_bytes` is the disk's of the daemon's state."""

    status: Status | None = None
    trouble: str = ""
    free_bytes: int | None = None
    is_loaded: bool = False
    estimates: dict[str, Estimate] = field(default_factory=dict)
    _active: dict[str, JobSummary] = field(default_factory=dict)
    _over: dict[str, JobSummary] = field(default_factory=dict)
    _snapshot: dict[str, JobSummary] | None = None
    _has_more: bool = False

    def take(self, name: str, data: BaseModel) -> None:
        """Take an event of the stream, by the name of its frame."""
        self.trouble = ""
        if name == SNAPSHOT_BEGIN:
            self._snapshot = {}
        elif isinstance(data, SnapshotEndEvent):
            self._active, self._snapshot = self._snapshot or {}, None
            self._has_more, self.is_loaded = not data.complete, True
        elif isinstance(data, JobEvent):
            if name == SNAPSHOT and self._snapshot is not None:
                self._snapshot[data.job_id] = data.job
            else:
                self._take_job(data.job)
        elif isinstance(data, ProgressEvent):
            self._take_progress(data)

    def take_over(self, jobs: Iterable[JobSummary]) -> None:
        """Take jobs that are over, from a list."""
        for job in jobs:
            if job.status.is_terminal:
                self._take_job(job)

    def take_answers(self, status: Status, estimated: Iterable[Job]) -> None:
        """Take what was asked for: the daemon's status, and some jobs for their estimates. What was known of others stays."""
        self.status, self.trouble = status, ""
        for job in estimated:
            self.estimates[job.id] = Estimate(job.queue_position, job.estimated_start_at, job.estimated_finish_at)
        self.estimates = {job_id: estimate for job_id, estimate in self.estimates.items() if job_id in self._active}

    def sections(self) -> list[Section]:
        """Return what there is to see: what runs, what waits, what failed, what ended otherwise."""
        active = self._active.values()
        running = sorted((job for job in active if job.status == "running"), key=_began)
        queued = sorted((job for job in active if job.status == "queued"), key=_order)
        return [Section("Running", running), Section("Queue", queued, more=self._has_more), *self._sections_over()]

    def _sections_over(self) -> list[Section]:
        over = sorted(self._over.values(), key=_ended, reverse=True)
        return [
            Section("Failed", [job for job in over if job.status == FAILED]),
            Section("Ended", [job for job in over if job.status != FAILED]),
        ]

    def jobs(self) -> list[JobSummary]:
        """Return all of them in the order of the sections."""
        return [job for section in self.sections() for job in section.jobs]

    def is_paused(self, job_type: str | None = None) -> bool:
        """Whether the whole queue is paused, or one job type."""
        pauses = self.status.paused if self.status is not None else []
        return any(pause.job_type is None or pause.job_type == job_type for pause in pauses)

    def used_slots(self) -> int | None:
        """Return how many slots are taken, as far as can be told: jobs of other companies count as one. None when unknown."""
        if self.status is None:
            return None
        weights = self.status.limits.slots_per_type
        ours = [weights.get(job.job_type, 1) for job in self._active.values() if job.status == "running"]
        return sum(ours) + max(0, sum(count for name, count in self.status.jobs.items() if name == "running") - len(ours))

    def _take_job(self, job: JobSummary) -> None:
        if job.status.is_terminal:
            self._active.pop(job.id, None)
            self._over[job.id] = job
            for section in self._sections_over():
                for old in section.jobs[OVER_MAX:]:
                    del self._over[old.id]
        elif job.id not in self._over:
            self._active[job.id] = job

    def _take_progress(self, event: ProgressEvent) -> None:
        job = self._active.get(event.job_id)
        if job is not None and job.attempt == event.attempt:
            change = {"progress": event.progress, "progress_message": event.message}
            self._active[job.id] = job.model_copy(update=change)


def _began(job: JobSummary) -> tuple[datetime, str]:
    return job.started_at or job.created_at, job.id


def _order(job: JobSummary) -> tuple[int, datetime, str]:
    """The order in which one company's jobs start."""
    return -job.priority, job.created_at, job.id


def _ended(job: JobSummary) -> tuple[datetime, str]:
    return job.finished_at or job.updated_at, job.id
