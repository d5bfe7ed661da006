"""What follows when an attempt has ended.

Owns the retry policy: which outcomes another try can mend, how long to wait, what counts. Leaves out who ended the attempt and
why (the runner), and the writing of the decision (the store). Chance comes in as a number, time does not come in at all.

Outcome → decision:

    Done                            → Finish
    Cancelled                       → Cancel
    Failed, SpawnFailed             → Requeue after a back-off, when another try can mend it and one is left; else Fail
    Stopped                         → Requeue at once, not counted
    Crashed                         → Requeue, not counted; the third in a row → Fail(poisoned)
    any that would requeue, while   → Cancel
    a request to cancel is pending

Rules:
1. Only an attempt that ended by itself counts against `max_attempts`; a stop or a crash of the daemon does not.
2. `crashes` is the number of crashes in a row: any other outcome sets it back to 0.
3. A job never has more than `max_attempts` counted attempts, nor more than `CRASHES_MAX` crashes in a row.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import ClassVar, Final

from nexusd.domain.states import Action, ErrorCode

BACKOFF_BASE_SECONDS: Final = 1.0
BACKOFF_FACTOR: Final = 2.0
BACKOFF_MAX_SECONDS: Final = 300.0
CRASHES_MAX: Final = 3

RETRYABLE: Final = frozenset({ErrorCode.OUT_OF_MEMORY, ErrorCode.KILLED, ErrorCode.STORAGE_FULL, ErrorCode.INTERRUPTED})
"""What passes by itself. The input, the renderer, the limits and the installation are the same next time: those are final."""

_PROGRAM_ERRORS: Final = frozenset(
    {errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOEXEC, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ELIBBAD}
)


@dataclass(frozen=True, slots=True)
class Done:
    """The renderer succeeded and its output is stored."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed by itself."""

    code: ErrorCode
    message: str


@dataclass(frozen=True, slots=True)
class SpawnFailed:
    """The system had no process to give just now (EAGAIN, ENOMEM, EMFILE …). Without a try left the job fails as `internal`."""

    message: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The attempt was ended because somebody asked."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The daemon stopped in order and ended the attempt."""


@dataclass(frozen=True, slots=True)
class Crashed:
    """The daemon died during the attempt; found at the next start."""


Outcome = Done | Failed | SpawnFailed | Cancelled | Stopped | Crashed


@dataclass(frozen=True, slots=True)
class History:
    """What the job's row knew while the attempt ran: `attempts_used` and `crashes` are those *before* it."""

    attempts_used: int
    max_attempts: int
    crashes: int = 0
    cancel_requested: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The job is `done`."""

    action: ClassVar[Action] = Action.FINISH
    counts_attempt: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Cancel:
    """The job is `cancelled`."""

    action: ClassVar[Action] = Action.CANCEL
    counts_attempt: bool = True


@dataclass(frozen=True, slots=True)
class Fail:
    """The job is `failed`. `crashes` is the row's new value."""

    code: ErrorCode
    message: str
    counts_attempt: bool = True
    crashes: int = 0
    action: ClassVar[Action] = Action.FAIL


@dataclass(frozen=True, slots=True)
class Requeue:
    """The job is `queued` again, not to start before `delay_seconds` have passed. `crashes` is the row's new value."""

    delay_seconds: float
    counts_attempt: bool
    crashes: int = 0

    @property
    def action(self) -> Action:
        """`requeue` when the attempt counts, `release` when it does not."""
        return Action.REQUEUE if self.counts_attempt else Action.RELEASE


Decision = Finish | Cancel | Fail | Requeue


def decide(outcome: Outcome, history: History, random: float) -> Decision:
    """Return what follows `outcome`. `random` is in [0, 1): it spreads the back-off."""
    match outcome:
        case Done():
            return Finish()
        case Cancelled():
            return Cancel()
        case Failed(code, message):
            return _after_failure(Fail(code, message), code in RETRYABLE, history, random)
        case SpawnFailed(message):
            return _after_failure(Fail(ErrorCode.INTERNAL, message), True, history, random)
        case Stopped() | Crashed() if history.cancel_requested:
            return Cancel(counts_attempt=False)
        case Stopped():
            return Requeue(0.0, counts_attempt=False)
        case Crashed():
            return _after_crash(history.crashes + 1, random)


def spawn_failure(error: OSError, program: str) -> Failed | SpawnFailed:
    """Return the outcome of a child that could not be started: final when the program itself is the reason."""
    reason = error.strerror or str(error)
    if error.errno in _PROGRAM_ERRORS:
        return Failed(ErrorCode.RENDERER_UNAVAILABLE, f"cannot run {program}: {reason}")
    return SpawnFailed(f"cannot start {program} now: {reason}")


def backoff_seconds(tries: int, random: float) -> float:
    """Return how long to wait after the `tries`-th try in a row (1, 2, …): doubled each time, capped, half of it by chance.

    Source: "equal jitter" of Marc Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015.
    """
    # the exponent is bounded because 2.0 ** 1024 overflows, far above the cap
    full = min(BACKOFF_MAX_SECONDS, BACKOFF_BASE_SECONDS * BACKOFF_FACTOR ** min(tries - 1, 64))
    return full / 2 + full / 2 * random


def _after_failure(final: Fail, is_mendable: bool, history: History, random: float) -> Decision:
    tries = history.attempts_used + 1
    if not is_mendable or tries >= history.max_attempts:
        return final
    if history.cancel_requested:
        return Cancel()
    return Requeue(backoff_seconds(tries, random), counts_attempt=True)


def _after_crash(crashes: int, random: float) -> Decision:
    if crashes >= CRASHES_MAX:
        message = f"the daemon died {crashes} times in a row while this job ran"
        return Fail(ErrorCode.POISONED, message, counts_attempt=False, crashes=crashes)
    # The first crash costs no time. After the second, chance sets apart the job that kills the daemon from its neighbours,
    # which would otherwise start with it, die with it, and be called poisoned too.
    delay = 0.0 if crashes == 1 else backoff_seconds(crashes, random)
    return Requeue(delay, counts_attempt=False, crashes=crashes)
