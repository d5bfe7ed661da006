"""The words of `why`: the reasons there are, the facts they follow from, and what to do about each failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from nexusd.domain.states import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from nexusd.domain.rules import Rules

HELD_BY_MAX: Final = 10


class ReasonCode(StrEnum):
    """What is the matter; stable, for programs."""

    RENDERER_MISSING = "renderer_missing"
    PAUSED = "paused"
    DISK_LOW = "disk_low"
    STOPPING = "stopping"
    RENDERER_UNAVAILABLE = "renderer_unavailable"
    BACKING_OFF = "backing_off"
    LIMIT_REACHED = "limit_reached"
    WAITING_TURN = "waiting_turn"
    STARTING = "starting"
    CANCELLING = "cancelling"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


ADVICE: Final[Mapping[ErrorCode, str]] = {
    ErrorCode.RENDERER_FAILED: "Read the log of the last attempt: its last lines say what the renderer stumbled over.",
    ErrorCode.INVALID_INPUT: "Correct the input as the message says and submit it anew: a retry would fail the same way.",
    ErrorCode.TIMEOUT: "Submit it again with a larger timeoutSeconds, or with a smaller input.",
    ErrorCode.INTERRUPTED: "Retry the job; when it happens again, the daemon's log says what cannot be written.",
    ErrorCode.POISONED: "Read the daemon's log around the attempts before you retry the job: it may end the daemon again.",
    ErrorCode.OUT_OF_MEMORY: "Submit a smaller input, or retry the job when other programs need less memory.",
    ErrorCode.KILLED: "Find out who sent the signal (the kernel's log names what it kills for memory), then retry the job.",
    ErrorCode.NO_OUTPUT: "Read the log of the last attempt: the renderer said it succeeded, but left no usable file.",
    ErrorCode.OUTPUT_TOO_LARGE: "Ask for a smaller result, or raise the setting generated_asset_max_bytes.",
    ErrorCode.RENDERER_UNAVAILABLE: "Install what the message names, then retry the job.",
    ErrorCode.STORAGE_FULL: "Free some space on the disk that holds the state directory, then retry the job.",
    ErrorCode.INTERNAL: "Look for this job's id in the daemon's log; it holds the details.",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: its code, a sentence for people, and what a program may want to know, by the names of the contract."""

    code: ReasonCode
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holder:
    """A running job, which holds a slot."""

    job_id: str
    company_id: str
    job_type: str


@dataclass(frozen=True, slots=True)
class LowDisk:
    """A disk with less free than there must be."""

    free_bytes: int
    needed_bytes: int


@dataclass(frozen=True, slots=True)
class QueuedFacts:
    """What is known about a queued job. `ahead` counts the jobs before it by (company id, job type).

    `available_at` is in the future or None; `last_outcome` is of the attempt before. `unavailable` is what a renderer that is
    known lacks here.
    """

    company_id: str
    job_type: str
    rules: Rules
    ahead: Mapping[tuple[str, str], int] = field(default_factory=dict)
    running: Sequence[Holder] = ()
    available_at: datetime | None = None
    last_outcome: str | None = None
    unavailable: str | None = None
    is_stopping: bool = False
    low_disk: LowDisk | None = None


@dataclass(frozen=True, slots=True)
class RunningFacts:
    """What is known about a running job. `timeout_at` is None when its renderer is not known any more."""

    since: datetime | None
    attempt: int
    progress: float | None = None
    timeout_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    is_stopping: bool = False


@dataclass(frozen=True, slots=True)
class FailedFacts:
    """What is known about a failed job; exit code and signal are those of the last attempt. `attempts` were started."""

    error_code: ErrorCode
    error_message: str | None
    attempts: int
    attempts_used: int
    max_attempts: int
    exit_code: int | None = None
    signal: int | None = None
