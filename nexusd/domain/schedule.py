"""Who starts next: strict priority, then fair turns between companies, then age.

Owns the order. Leaves out where the jobs come from, back-off (`availableAt`), pauses and the starting itself: only jobs that
may start by the clock, and are not paused, are offered.

A job type costs slots. A job that costs more than there are counts as all of them: it runs alone. A job may start when its job
type and its company have room, and enough slots are free.

Invariants:
1. With the chosen ones running too, neither the total of slots nor the limit of any job type or company is exceeded.
2. Among the jobs whose type and company have room, a lower priority never starts before a higher one. A job whose type or
   company is full is passed over.
3. Within a priority the turn is the company's with the fewest jobs running, counting those chosen before; a tie goes to the
   company whose oldest such job is older. So the counts of two companies that both have work drift towards each other and
   then differ by one at most.
4. Nothing gets past a job that only waits for slots: when the next in order does not fit, what is free is kept for it. So light
   jobs never starve a heavy one: it waits for what runs, and for those before it.
5. Work-conserving but for that: a slot stays free only when no job is left whose type and company have room, or when the next
   in order needs more than is free.
6. The answer depends on the sets of jobs given, not on their order; and of each company and job type on no more of its first
   jobs than slots are free.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job that may start now. `id` is a UUIDv7: the order of ids is the order of submission."""

    id: str
    company_id: str
    job_type: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job that holds slots: as many as its job type costs."""

    company_id: str
    job_type: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What may run at once: slots in total, jobs of each type named, jobs of each company. What is not named costs one slot."""

    total: int
    per_job_type: Mapping[str, int] = field(default_factory=dict)
    per_company: int | None = None
    slots_per_job_type: Mapping[str, int] = field(default_factory=dict)

    def slots(self, job_type: str) -> int:
        """Return how many slots a job of this type takes."""
        return max(1, min(self.slots_per_job_type.get(job_type, 1), self.total))

    def free_slots(self, running: Iterable[RunningJob]) -> int:
        """Return how many slots these jobs leave."""
        return max(0, self.total - sum(self.slots(job.job_type) for job in running))


def choose(queued: Sequence[QueuedJob], running: Sequence[RunningJob], limits: Limits) -> list[QueuedJob]:
    """Return the jobs to start now, in the order of starting.

    Cost: one sort of `queued`, then one look at each company for each job chosen. Offer a bounded part of a long queue.
    """
    chosen: list[QueuedJob] = []
    free = limits.free_slots(running)
    for job in _turns(queued, running, limits):
        free -= limits.slots(job.job_type)
        if free < 0:  # what is left is kept for this one
            break
        chosen.append(job)
    return chosen


def _turns(queued: Sequence[QueuedJob], running: Sequence[RunningJob], limits: Limits) -> Iterator[QueuedJob]:
    room = _Room(running, limits)
    by_urgency = sorted(queued, key=lambda job: (-job.priority, job.id))
    for _, equals in groupby(by_urgency, key=lambda job: job.priority):
        lines = _line_up(equals)
        while heads := list(_heads(lines, room)):
            job = min(heads, key=lambda job: (room.load[job.company_id], job.id))
            lines[job.company_id].popleft()
            room.take(job)
            yield job


class _Room:
    """What is left of each job type's limit and each company's. `load` is how many jobs of each company run."""

    def __init__(self, running: Sequence[RunningJob], limits: Limits) -> None:
        self.load = Counter(job.company_id for job in running)
        taken = Counter(job.job_type for job in running)
        self._left = {job_type: limit - taken[job_type] for job_type, limit in limits.per_job_type.items()}
        self._per_company = limits.per_company

    def has_for_type(self, job_type: str) -> bool:
        return self._left.get(job_type, 1) > 0

    def has_for_company(self, company_id: str) -> bool:
        return self._per_company is None or self.load[company_id] < self._per_company

    def take(self, job: QueuedJob) -> None:
        self.load[job.company_id] += 1
        if job.job_type in self._left:
            self._left[job.job_type] -= 1


def _line_up(jobs: Iterable[QueuedJob]) -> dict[str, deque[QueuedJob]]:
    lines: defaultdict[str, deque[QueuedJob]] = defaultdict(deque)
    for job in jobs:
        lines[job.company_id].append(job)
    return lines


def _heads(lines: Mapping[str, deque[QueuedJob]], room: _Room) -> Iterator[QueuedJob]:
    """Yield each company's oldest job that has room; those before it are dropped, as no type regains room within one choice."""
    for company_id, line in lines.items():
        while line and not room.has_for_type(line[0].job_type):
            line.popleft()
        if line and room.has_for_company(company_id):
            yield line[0]
