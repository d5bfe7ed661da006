"""Why a job does not run, or how it ended: facts in, reasons out.

Pure. Several reasons may hold at once; the most decisive comes first: what somebody must mend, then what passes by itself.
The facts are gathered by `store.outlook` and `service.why`. Every job has at least one reason, whatever its state.
"""

from __future__ import annotations

import signal
from collections import Counter
from typing import TYPE_CHECKING, Final

from nexusd.domain.reasons import ADVICE, HELD_BY_MAX, FailedFacts, QueuedFacts, Reason, ReasonCode, RunningFacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from nexusd.domain.rules import Pause

SHOWN_MAX_LENGTH: Final = 200


def why_queued(facts: QueuedFacts) -> list[Reason]:
    """Return why a job does not run yet."""
    reasons = [*_mendable(facts), *_limits_reached(facts)]
    position = 1 + sum(facts.ahead.values())
    rivals = _rivals_ahead(facts)
    ahead = sum(rivals.values())
    if ahead and not _has_room_beside(facts, rivals):
        message = f"It waits for its turn, behind {_count(ahead, 'job')} that may start as well."
        reasons.append(Reason(ReasonCode.WAITING_TURN, message, {"position": position, "ahead": ahead}))
    return reasons or [Reason(ReasonCode.STARTING, "Nothing holds it back: it starts now.", {"position": position})]


def why_running(facts: RunningFacts) -> list[Reason]:
    """Return what a running job is doing."""
    reasons = []
    if facts.cancel_requested_at is not None:
        message = "It was asked to end, and its process is being ended."
        reasons.append(Reason(ReasonCode.CANCELLING, message, {"requested_at": facts.cancel_requested_at}))
    if facts.is_stopping:
        reasons.append(Reason(ReasonCode.STOPPING, "The daemon stops: it is put back into the queue and runs again later."))
    told = "" if facts.progress is None else f" and says it is {facts.progress:.0%} done"
    data = {"since": facts.since, "attempt": facts.attempt, "progress": facts.progress, "timeout_at": facts.timeout_at}
    return [*reasons, Reason(ReasonCode.RUNNING, f"Attempt {facts.attempt} runs{told}.", data)]


def why_done() -> list[Reason]:
    """Return that nothing is the matter."""
    return [Reason(ReasonCode.DONE, "It is done.")]


def why_cancelled(requested_at: datetime | None) -> list[Reason]:
    """Return who ended it."""
    return [Reason(ReasonCode.CANCELLED, "It was cancelled because somebody asked.", {"requested_at": requested_at})]


def why_failed(facts: FailedFacts) -> list[Reason]:
    """Return why a job failed, and what to do about it."""
    said = (facts.error_message or "").strip().partition("\n")[0]
    ending = "." if facts.attempts == 0 else f" after {_count(facts.attempts, 'attempt')}{_end_of_process(facts)}."
    shown = f"{said[: SHOWN_MAX_LENGTH - 1]}…" if len(said) > SHOWN_MAX_LENGTH else said
    message = f"It failed with {facts.error_code}{ending}" + (f" It says: {shown}" if shown else "")
    data = {
        "error_code": facts.error_code,
        "error_message": facts.error_message,
        "attempts_used": facts.attempts_used,
        "max_attempts": facts.max_attempts,
        "tried_again": facts.attempts > 1,
        "exit_code": facts.exit_code,
        "signal": facts.signal,
        "advice": ADVICE[facts.error_code],
    }
    return [Reason(ReasonCode.FAILED, message, data)]


def _mendable(facts: QueuedFacts) -> Iterator[Reason]:
    """What has nothing to do with other jobs."""
    if facts.job_type not in facts.rules.job_types:
        remedy = f"install the plug-in that brings {facts.job_type}, and start nexusd again"
        message = f"This daemon has no renderer for {facts.job_type}: {remedy}."
        yield Reason(ReasonCode.RENDERER_MISSING, message, {"job_type": facts.job_type, "remedy": remedy})
    for pause in facts.rules.pauses_of(facts.job_type):
        yield _paused(pause)
    if (disk := facts.low_disk) is not None:
        message = (
            f"The disk is nearly full, so nothing starts: {disk.free_bytes} bytes are free, {disk.needed_bytes} are to stay. "
            "Free some space: jobs then start by themselves."
        )
        yield Reason(ReasonCode.DISK_LOW, message, {"free_bytes": disk.free_bytes, "needed_bytes": disk.needed_bytes})
    if facts.is_stopping:
        yield Reason(ReasonCode.STOPPING, "The daemon stops and starts nothing more; the job waits for its next start.")
    if facts.unavailable is not None:
        message = f"The renderer of {facts.job_type} cannot work here, so the job would fail: {facts.unavailable}."
        yield Reason(ReasonCode.RENDERER_UNAVAILABLE, message, {"job_type": facts.job_type, "remedy": facts.unavailable})
    if facts.available_at is not None:
        after = "" if facts.last_outcome is None else f" after an attempt that ended {facts.last_outcome}"
        data = {"until": facts.available_at, "last_outcome": facts.last_outcome}
        yield Reason(ReasonCode.BACKING_OFF, f"It waits a while before it is tried again{after}.", data)


def _paused(pause: Pause) -> Reason:
    what = "The queue is paused" if pause.job_type is None else f"Jobs of type {pause.job_type} are paused"
    said = f": {pause.reason}" if pause.reason else ""
    data = {
        "scope": "queue" if pause.job_type is None else "job_type",
        "job_type": pause.job_type,
        "since": pause.paused_at,
        "pause_reason": pause.reason,
    }
    return Reason(ReasonCode.PAUSED, f"{what}{said}. Resume it to let the job start.", data)


def _limits_reached(facts: QueuedFacts) -> Iterator[Reason]:
    """The narrowest limit first: the total is what everybody waits for."""
    rules, job_type = facts.rules, facts.job_type
    if (limit := rules.limits.per_job_type.get(job_type)) is not None:
        held = [holder.job_id for holder in facts.running if holder.job_type == job_type]
        if len(held) >= limit:
            yield _limit_reached("job_type", f"jobs of type {job_type}", limit, held)
    if (limit := rules.limits.per_company) is not None:
        held = [holder.job_id for holder in facts.running if holder.company_id == facts.company_id]
        if len(held) >= limit:
            yield _limit_reached("company", "jobs of its company", limit, held)
    if _slots_held(facts) + rules.limits.slots(job_type) > rules.limits.total:
        yield _limit_reached("total", "slots", rules.limits.total, [holder.job_id for holder in facts.running])


def _limit_reached(limit: str, what: str, allowed: int, held_by: Sequence[str]) -> Reason:
    if allowed == 0:
        message = f"The settings let no {what} run at all."
    elif limit == "total":
        message = f"There is no room for it: the daemon has {_count(allowed, 'slot')}, and {_count(len(held_by), 'job')} run."
    else:
        message = f"The limit is reached: of {what} at most {allowed} may run at once."
    data = {"limit": limit, "allowed": allowed, "held_by": list(held_by[:HELD_BY_MAX])}
    return Reason(ReasonCode.LIMIT_REACHED, message, data)


def _slots_held(facts: QueuedFacts) -> int:
    return sum(facts.rules.limits.slots(holder.job_type) for holder in facts.running)


def _rivals_ahead(facts: QueuedFacts) -> Counter[tuple[str, str]]:
    """Count the jobs ahead that may start now, by (company id, job type); the others are in nobody's way."""
    rules = facts.rules
    types = Counter(holder.job_type for holder in facts.running)
    companies = Counter(holder.company_id for holder in facts.running)
    rivals: Counter[tuple[str, str]] = Counter()
    for (company_id, job_type), count in facts.ahead.items():
        room = rules.limits.per_job_type.get(job_type, types[job_type] + count) - types[job_type]
        if rules.limits.per_company is not None:
            room = min(room, rules.limits.per_company - companies[company_id])
        if rules.may_start(job_type):
            rivals[company_id, job_type] = max(0, min(count, room))
    return rivals


def _has_room_beside(facts: QueuedFacts, rivals: Counter[tuple[str, str]]) -> bool:
    """Tell whether the job could start together with all that runs and all that may start before it."""
    rules, held = facts.rules, Counter((holder.company_id, holder.job_type) for holder in facts.running)
    beside = held + rivals
    slots = sum(count * rules.limits.slots(job_type) for (_, job_type), count in beside.items())
    alike = sum(count for (_, job_type), count in beside.items() if job_type == facts.job_type)
    siblings = sum(count for (company_id, _), count in beside.items() if company_id == facts.company_id)
    return (
        slots + rules.limits.slots(facts.job_type) <= rules.limits.total
        and alike < rules.limits.per_job_type.get(facts.job_type, alike + 1)
        and (rules.limits.per_company is None or siblings < rules.limits.per_company)
    )


def _end_of_process(facts: FailedFacts) -> str:
    if facts.signal is not None:
        known = facts.signal in {number.value for number in signal.Signals}
        name = signal.Signals(facts.signal).name if known else f"signal {facts.signal}"
        return f", the last one ended by {name}"
    return f", the last one with exit code {facts.exit_code}" if facts.exit_code else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
