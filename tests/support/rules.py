"""Rules for the tests of what follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexusd.domain.rules import Pause, Rules
from nexusd.domain.schedule import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def make_rules(
    total: int,
    job_types: frozenset[str],
    per_job_type: Mapping[str, int] | None = None,
    per_company: int | None = None,
    slots_per_job_type: Mapping[str, int] | None = None,
    pauses: Sequence[Pause] = (),
) -> Rules:
    """Return rules, their limits given one by one."""
    return Rules(Limits(total, per_job_type or {}, per_company, slots_per_job_type or {}), job_types, pauses)
