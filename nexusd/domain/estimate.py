"""When a queued job starts, and when the queue is worked off: an estimate from what jobs of each type usually take.

Pure: seconds in, seconds from now out; None where something that is needed is unknown. An estimate is never made up.

The model. Every job takes what jobs of its type usually take (the median of those done lately), and slots are filled in the
order of the queue, priority before age. A job stands in several lanes at once: the slots of the daemon, those of its job type,
those of its company; it starts when the slowest lane lets it through. In one lane:

1. While there is a free slot for it and for all that is ahead, it starts at once.
2. While all that is ahead fits into the slots, it starts when the first of those that run has ended.
3. Otherwise it starts after (seconds left of what runs + seconds of what is ahead) ÷ slots. Were a slot free before, the job
   would have started; so under the model this is never too early, it is late by less than the longest job, and it is exact for
   one slot. It needs no more than how many jobs of each type are ahead, however long the queue is.

A job that runs longer than usual may end at any moment: rule 2 does not count on it, rule 3 counts it as 0. Left out: fair
turns between companies, jobs that are submitted later, the back-off of others, failures.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nexusd.domain.rules import Rules


@dataclass(frozen=True, slots=True)
class Work:
    """So many jobs alike: whose, of what type, and how long each still takes. None: nobody knows; not above 0: overdue."""

    company_id: str
    job_type: str
    seconds: float | None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Load:
    """So many jobs alike, as one lane sees them: how many of its slots each takes, and for how long."""

    seconds: float | None
    count: int = 1
    slots: int = 1


def usual_seconds(samples: Sequence[float]) -> float | None:
    """Return what a job usually takes, from how long others took; None without any."""
    return median(samples) if samples else None


def wait_seconds(slots: int, running: Sequence[Load], ahead: Sequence[Load], wanted: int = 1) -> float | None:
    """Return when a lane of so many slots has `wanted` of them for one more job; None when it never has, or nobody knows."""
    if wanted > slots:
        return None
    everything = [*running, *ahead]
    free = slots - sum(load.count * load.slots for load in everything)
    if free >= wanted:
        return 0.0
    if free >= 0:
        return _first_release(everything, wanted - free)
    work = _slot_seconds(everything)
    return None if work is None else work / (slots - wanted + 1)


def find_start(job: Work, running: Sequence[Work], ahead: Sequence[Work], rules: Rules) -> float | None:
    """Return in how many seconds a queued job starts. Of `ahead`, job types that cannot start are in nobody's way."""
    if not rules.may_start(job.job_type):
        return None
    waiting = [work for work in ahead if rules.may_start(work.job_type)]
    waits = [
        wait_seconds(lane.slots, lane.loads(running), lane.loads(waiting), lane.cost(job.job_type))
        for lane in _lanes(rules, [job])
    ]
    return _latest(waits)


def find_empty(running: Sequence[Work], queued: Sequence[Work], rules: Rules) -> float | None:
    """Return in how many seconds all that runs or waits has ended: the busiest lane's work ÷ its slots, or the longest job.

    None when some of it cannot start.
    """
    if not all(rules.may_start(work.job_type) for work in queued):
        return None
    everything = [*running, *queued]
    spans = [0.0, *(work.seconds for work in everything)]
    for lane in _lanes(rules, everything):
        seconds = _slot_seconds(lane.loads(everything))
        spans.append(None if seconds is None else seconds / max(1, lane.slots))  # 0 when a limit was lowered meanwhile
    return _latest(spans)


@dataclass(frozen=True, slots=True)
class _Lane:
    """Slots that some of the jobs share: those of a type, of a company, or all. Only in the last a job may cost several."""

    slots: int
    cost: Callable[[str], int]
    job_type: str | None = None
    company_id: str | None = None

    def loads(self, works: Sequence[Work]) -> list[Load]:
        return [
            Load(work.seconds, work.count, self.cost(work.job_type))
            for work in works
            if self.job_type in (None, work.job_type) and self.company_id in (None, work.company_id)
        ]


def _lanes(rules: Rules, works: Sequence[Work]) -> Iterator[_Lane]:
    """Yield every lane that these jobs stand in."""
    yield _Lane(rules.limits.total, rules.limits.slots)
    for job_type in {work.job_type for work in works} & rules.limits.per_job_type.keys():
        yield _Lane(rules.limits.per_job_type[job_type], _one, job_type=job_type)
    if rules.limits.per_company is not None:
        for company_id in {work.company_id for work in works}:
            yield _Lane(rules.limits.per_company, _one, company_id=company_id)


def _one(_job_type: str) -> int:
    return 1


def _first_release(loads: Sequence[Load], wanted: int) -> float | None:
    known = [(load.seconds, load.count * load.slots) for load in loads if load.seconds is not None and load.seconds > 0]
    for seconds, slots in sorted(known):
        wanted -= slots
        if wanted <= 0:
            return seconds
    return None


def _slot_seconds(loads: Sequence[Load]) -> float | None:
    total = 0.0
    for load in loads:
        if load.seconds is None:
            return None
        total += max(0.0, load.seconds) * load.count * load.slots
    return total


def _latest(seconds: Sequence[float | None]) -> float | None:
    known = [each for each in seconds if each is not None]
    return max(known) if len(known) == len(seconds) else None
