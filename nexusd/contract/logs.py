"""The log of an attempt on the wire: what its process wrote to stdout and stderr, in pages or followed as it grows."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from nexusd.contract.base import Answer, Query
from nexusd.domain.states import JobStatus

LOG_PAGE_BYTES: Final = 1024 * 1024
LOG_PAGE_MAX_BYTES: Final = 8 * 1024 * 1024
CHARACTER_MAX_BYTES: Final = 4
OFFSET_MAX: Final = 2**63 - 1
ATTEMPT_SHIFT: Final = 40
"""The id of a frame of a followed log is an offset, plus 2^40 for each attempt before its own: a number that JSON can hold."""


class LogQuery(Query):
    """The query of `GET …/log`. Offsets and limits count the bytes of the log as it was written."""

    attempt: int | None = Field(default=None, ge=1, description="Default: the latest.")
    offset: int = Field(default=0, ge=0, le=OFFSET_MAX, description="`X-Log-Next-Offset` of the page before.")
    limit: int = Field(
        default=LOG_PAGE_BYTES,
        ge=CHARACTER_MAX_BYTES,
        le=LOG_PAGE_MAX_BYTES,
        description="At most so many bytes; at least one character's.",
    )
    raw: bool = Field(default=False, description="The bytes as they are, whatever they are.")
    follow: bool = Field(
        default=False,
        description="Go on as the log grows: to the end of the attempt that is named, else through all attempts to the end of "
        "the job. `limit` has no say then.",
    )


class LogPage(Answer):
    """A part of a log. `attempt` is null while there was none; `text` is UTF-8, what is none became U+FFFD."""

    job_id: str
    attempt: int | None
    offset: int
    next_offset: int = Field(description="Where to go on. The same as `offset`: there is nothing more yet.")
    complete: bool = Field(description="The attempt has ended, and this is the end of its log.")
    text: str


class LogEvent(Answer):
    """Data of `log`: a piece of a log that is followed, from `offset` to `nextOffset` of that attempt's bytes."""

    attempt: int
    offset: int
    next_offset: int
    text: str


class LogEndEvent(Answer):
    """Data of `end`: all was told. `attempt` is null when there never was one."""

    attempt: int | None
    status: JobStatus = Field(description="Of the job.")
    complete: bool = True


def to_position(attempt: int, offset: int) -> int:
    """Return the id of the place at `offset` of an attempt's log."""
    return (attempt - 1 << ATTEMPT_SHIFT) + offset


def split_position(position: int) -> tuple[int, int]:
    """Return the attempt and the offset that an id names."""
    before, offset = divmod(position, 1 << ATTEMPT_SHIFT)
    return before + 1, offset
