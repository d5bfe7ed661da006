"""What may hold queued jobs back, as facts: the limits, the pauses, and which job types have a renderer at all.

Owns no decision: `estimate` and `why` read them. Who starts next is the business of `schedule`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of one job type; of the whole queue when `job_type` is None."""

    job_type: str | None
    reason: str | None
    paused_at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one moment. `total` counts slots, the other limits count jobs; what is not named has no limit of its own.

    `job_types` are those that have a renderer. A job holds one slot, if `slots_per_job_type` does not say otherwise.
    """

    total: int
    job_types: frozenset[str]
    per_job_type: Mapping[str, int] = field(default_factory=dict)
    per_company: int | None = None
    slots_per_job_type: Mapping[str, int] = field(default_factory=dict)
    pauses: Sequence[Pause] = ()

    def slots_of(self, job_type: str) -> int:
        """Return how many slots a job of this type holds while it runs: all of them, if it costs more than there are."""
        return max(1, min(self.slots_per_job_type.get(job_type, 1), self.total))

    def pauses_of(self, job_type: str) -> list[Pause]:
        """Return the pauses that hold this job type back, that of the whole queue first."""
        found = [pause for pause in self.pauses if pause.job_type in (None, job_type)]
        return sorted(found, key=lambda pause: pause.job_type is not None)

    def may_start(self, job_type: str) -> bool:
        """Tell whether jobs of this type start at all, sooner or later, as long as the rules stay."""
        has_room = 0 not in (self.total, self.per_job_type.get(job_type), self.per_company)
        return job_type in self.job_types and has_room and not self.pauses_of(job_type)
