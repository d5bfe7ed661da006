"""What may hold queued jobs back, as facts: the limits, the pauses, and which job types have a renderer at all.

Owns no decision: `estimate` and `why` read them. Who starts next is the business of `schedule`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from nexusd.domain.schedule import Limits


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of one job type; of the whole queue when `job_type` is None."""

    job_type: str | None
    reason: str | None
    paused_at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one moment. `job_types` are those that have a renderer."""

    limits: Limits
    job_types: frozenset[str]
    pauses: Sequence[Pause] = ()

    def pauses_of(self, job_type: str) -> list[Pause]:
        """Return the pauses that hold this job type back, that of the whole queue first."""
        found = [pause for pause in self.pauses if pause.job_type in (None, job_type)]
        return sorted(found, key=lambda pause: pause.job_type is not None)

    def may_start(self, job_type: str) -> bool:
        """Tell whether jobs of this type start at all, sooner or later, as long as the rules stay."""
        limits = self.limits
        has_room = 0 not in (limits.total, limits.per_job_type.get(job_type), limits.per_company)
        return job_type in self.job_types and has_room and not self.pauses_of(job_type)
