"""Every way nexusctl, and whoever uses it as a library, ends other than well, as one tree; each class owns its exit code.

NexusctlError
├── UsageError     2    the command line, or a file it names, cannot be used; nothing was contacted
│   └── Ambiguous  2    a part of an id fits several jobs or assets; nothing was done
├── Unreachable    3    no daemon answers, or one that must not be trusted does
├── Refused        4    the daemon answered with a problem document
├── BadAnswer      4    the daemon answered something that is not this protocol
├── JobNotDone     1    the job failed or was cancelled; `job` is that job
├── JobLost        1    the job is done, but its result cannot be written
├── NotDrained     1    the pause was lifted while jobs still ran
├── AssetsDamaged  1    assets have no whole file in the store
├── Unhealthy      1    the doctor found something that does not work
├── TimedOut     124    what was waited for has not come in the time that was given; a TimeoutError too
└── Interrupted  130    Ctrl-C; what was submitted goes on

Owns no printing: `cli` prints `str(error)` as the line that says what, and `hint` as the line that says what to do. `slug` is a
stable name for scripts and bug reports, shown with --verbose. What is wrong with a file of the caller's is an OSError, as ever;
errors of the HTTP client beneath get no further than `client.driver`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from nexusd.contract.jobs import Job


class ExitCode(IntEnum):
    """What the process says to the shell."""

    DONE = 0
    NOT_DONE = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    TIMED_OUT = 124  # what timeout(1) says
    INTERRUPTED = 130
    BROKEN_PIPE = 141  # 128 + SIGPIPE: what any program says whose reader went away
    TERMINATED = 143


class NexusctlError(Exception):
    """Root of the tree. `str(error)` is what happened, `hint` what to do; both are for people."""

    exit_code: ClassVar[ExitCode]
    slug: str

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(NexusctlError):
    """The caller can mend the command line; nothing was contacted."""

    exit_code = ExitCode.USAGE
    slug = "usage"


class Ambiguous(UsageError):
    """What was meant cannot be told; the hint lists what it may be."""

    slug = "ambiguous"


class Unreachable(NexusctlError):
    """No daemon answers."""

    exit_code = ExitCode.UNREACHABLE
    slug = "unreachable"


class Refused(NexusctlError):
    """The daemon said no; `slug` is that of its problem document, `status` the HTTP status."""

    exit_code = ExitCode.REFUSED

    def __init__(
        self,
        message: str,
        *,
        slug: str,
        status: int,
        hint: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.slug = slug
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class BadAnswer(NexusctlError):
    """What came back is not what this version of the protocol says."""

    exit_code = ExitCode.REFUSED
    slug = "bad-answer"


class JobNotDone(NexusctlError):
    """The job ended, but not `done`; `slug` is its errorCode, or `cancelled`."""

    exit_code = ExitCode.NOT_DONE

    def __init__(self, message: str, *, slug: str, hint: str | None = None, job: Job | None = None) -> None:
        super().__init__(message, hint=hint)
        self.slug = slug
        self.job = job


class JobLost(NexusctlError):
    """The job is done and its asset is safe in the daemon's store, but could not be written where it should go."""

    exit_code = ExitCode.NOT_DONE
    slug = "result-not-written"


class NotDrained(NexusctlError):
    """Somebody resumed what was to be drained, so there may be no end of the jobs that run."""

    exit_code = ExitCode.NOT_DONE
    slug = "not-drained"


class AssetsDamaged(NexusctlError):
    """The work is done, but for what is missing or not as its row says."""

    exit_code = ExitCode.NOT_DONE
    slug = "assets-damaged"


class Unhealthy(NexusctlError):
    """The examination is done, and something failed."""

    exit_code = ExitCode.NOT_DONE
    slug = "unhealthy"


class TimedOut(NexusctlError, TimeoutError):
    """The time that was given is over. What was waited for goes on."""

    exit_code = ExitCode.TIMED_OUT
    slug = "timed-out"


class Interrupted(NexusctlError):
    """Ctrl-C."""

    exit_code = ExitCode.INTERRUPTED
    slug = "interrupted"
