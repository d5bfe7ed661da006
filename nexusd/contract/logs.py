"""The log of an attempt on the wire: what its process wrote to stdout and stderr."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from nexusd.contract.base import Answer, Query

LOG_PAGE_BYTES: Final = 1024 * 1024
LOG_PAGE_MAX_BYTES: Final = 8 * 1024 * 1024
CHARACTER_MAX_BYTES: Final = 4
OFFSET_MAX: Final = 2**63 - 1


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


class LogPage(Answer):
    """A part of a log. `attempt` is null while there was none; `text` is UTF-8, what is none became U+FFFD."""

    job_id: str
    attempt: int | None
    offset: int
    next_offset: int = Field(description="Where to go on. The same as `offset`: there is nothing more yet.")
    complete: bool = Field(description="The attempt has ended, and this is the end of its log.")
    text: str
