"""Who starts next: strict priority, then fair turns between companies, then age.

Owns the order. Leaves out where the jobs come from, back-off (`availableAt`), pauses and the starting itself: the pool offers
only jobs that may start by the clock, and says a paused job type by a limit of 0.

Invariants:
1. With the chosen ones running too, neither the total nor the limit of any job type is exceeded.
2. Work-conserving: while a slot is free and a queued job's type has room, that job or another one starts.
3. Among the jobs whose type has room, a lower priority never starts before a higher one.
4. Within a priority the turn is the company's with the fewest jobs running, counting those chosen before; a tie goes to the
   company whose oldest such job is older. So the counts of two companies that both have work drift towards each other and
   then differ by one at most.
5. The answer depends on the sets of jobs given, not on their order.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from itertools import groupby, islice
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
    """A job that holds a slot."""

    company_id: str
    job_type: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How many jobs may run at once: in total, and of each job type named. Any other type is bounded by the total alone."""

    total: int
    per_job_type: Mapping[str, int] = field(default_factory=dict)


def choose(queued: Sequence[QueuedJob], running: Sequence[RunningJob], limits: Limits) -> list[QueuedJob]:
    """Return the jobs to start now, in the order of starting.

    Cost: one sort of `queued`, then one look at each company for each job chosen. Offer a bounded part of a long queue.
    """
    free = max(0, limits.total - len(running))
    return list(islice(_turns(queued, running, limits), free))


def _turns(queued: Sequence[QueuedJob], running: Sequence[RunningJob], limits: Limits) -> Iterator[QueuedJob]:
    room = _Room(running, limits)
    load = Counter(job.company_id for job in running)
    by_urgency = sorted(queued, key=lambda job: (-job.priority, job.id))
    for _, equals in groupby(by_urgency, key=lambda job: job.priority):
        lines = _line_up(equals)
        while heads := list(_heads(lines, room)):
            job = min(heads, key=lambda job: (load[job.company_id], job.id))
            lines[job.company_id].popleft()
            load[job.company_id] += 1
            room.take(job.job_type)
            yield job


class _Room:
    """What is left of each job type's limit."""

    def __init__(self, running: Iterable[RunningJob], limits: Limits) -> None:
        taken = Counter(job.job_type for job in running)
        self._left = {job_type: limit - taken[job_type] for job_type, limit in limits.per_job_type.items()}

    def has(self, job_type: str) -> bool:
        return self._left.get(job_type, 1) > 0

    def take(self, job_type: str) -> None:
        if job_type in self._left:
            self._left[job_type] -= 1


def _line_up(jobs: Iterable[QueuedJob]) -> dict[str, deque[QueuedJob]]:
    lines: defaultdict[str, deque[QueuedJob]] = defaultdict(deque)
    for job in jobs:
        lines[job.company_id].append(job)
    return lines


def _heads(lines: Mapping[str, deque[QueuedJob]], room: _Room) -> Iterator[QueuedJob]:
    """Yield each company's oldest job that has room; those before it are dropped, as no type regains room within one choice."""
    for line in lines.values():
        while line and not room.has(line[0].job_type):
            line.popleft()
        if line:
            yield line[0]
