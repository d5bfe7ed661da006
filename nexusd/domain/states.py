"""The state machine of a content job.

    queued ──claim──▶ running ──finish──▶ done
      │                 ├──fail──▶ failed
      │                 ├──cancel─▶ cancelled
      ├──cancel─▶ cancelled
      ├──reject─▶ failed
      └◀─release/requeue─┘

Rules:
1. A job starts `queued`. `done`, `failed` and `cancelled` are terminal: no action leads out of them.
2. Only `claim` starts an attempt, and only out of `queued`; so at most one attempt is live.
3. A request to cancel is not a state: it is a time on the row, and `cancel` happens when the attempt has really ended.
4. `release` (stop, crash) and `requeue` (retry later) lead back to `queued`; which of the two uses up an attempt is the
   business of `domain.retry`, not of this table.

Action → the function that performs it, all in `store.jobs`: claim `claim`; finish, fail, release, requeue and the cancel of
a running job `settle`; the cancel of a queued one `request_cancel`; reject `reject`. Each is a compare-and-set on
(id, status, attempt) and asks `advance` first.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from nexusd.errors import CannotAdvance


class JobStatus(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether no action leads out of this state."""
        return self in TERMINAL


TERMINAL: Final = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED})


class Action(StrEnum):
    """What can happen to a job."""

    CLAIM = "claim"
    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"
    RELEASE = "release"
    REQUEUE = "requeue"
    REJECT = "reject"


class ErrorCode(StrEnum):
    """Why a job failed; stable, for programs. The sentence for people is `errorMessage`."""

    RENDERER_FAILED = "renderer_failed"
    INVALID_INPUT = "invalid_input"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"
    POISONED = "poisoned"
    OUT_OF_MEMORY = "out_of_memory"
    KILLED = "killed"
    NO_OUTPUT = "no_output"
    OUTPUT_TOO_LARGE = "output_too_large"
    RENDERER_UNAVAILABLE = "renderer_unavailable"
    STORAGE_FULL = "storage_full"
    INTERNAL = "internal"


TRANSITIONS: Final[dict[tuple[JobStatus, Action], JobStatus]] = {
    (JobStatus.QUEUED, Action.CLAIM): JobStatus.RUNNING,
    (JobStatus.QUEUED, Action.CANCEL): JobStatus.CANCELLED,
    (JobStatus.QUEUED, Action.REJECT): JobStatus.FAILED,
    (JobStatus.RUNNING, Action.FINISH): JobStatus.DONE,
    (JobStatus.RUNNING, Action.FAIL): JobStatus.FAILED,
    (JobStatus.RUNNING, Action.CANCEL): JobStatus.CANCELLED,
    (JobStatus.RUNNING, Action.RELEASE): JobStatus.QUEUED,
    (JobStatus.RUNNING, Action.REQUEUE): JobStatus.QUEUED,
}


def advance(status: JobStatus, action: Action) -> JobStatus:
    """Return the state that `action` leads to from `status`.

    Raises CannotAdvance when the table has no such transition.
    """
    try:
        return TRANSITIONS[status, action]
    except KeyError:
        raise CannotAdvance(f"cannot {action} a job that is {status}") from None


def draw() -> str:
    """Return the machine as Graphviz DOT, drawn from the table."""
    edges = "".join(f'  {start} -> {end} [label="{action}"];\n' for (start, action), end in TRANSITIONS.items())
    terminal = "".join(f"  {status} [shape=doublecircle];\n" for status in sorted(TERMINAL))
    return f"digraph job {{\n  rankdir=LR;\n{terminal}{edges}}}\n"
