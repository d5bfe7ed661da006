"""What all wire models share: camelCase names, UTC times in RFC 3339 with milliseconds and `Z`.

What is an answer builds its validator when it is first used (`defer_build`): the daemon starts sooner, and `nexusctl` never
builds what it does not need.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel

from nexusd.domain.ids import PART_PATTERN


@lru_cache(maxsize=64)
def format_time(moment: datetime) -> str:
    """Return an aware datetime as the API writes it: `2026-01-31T12:00:00.000Z`.

    Remembered, since the rows and the events of one unit of work all tell the same moment.
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_now() -> datetime:
    """Return this moment, cut to the milliseconds that the API and the database keep."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


Timestamp = Annotated[AwareDatetime, PlainSerializer(format_time, return_type=str, when_used="json")]
JsonObject = dict[str, Any]
ForeignId = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""An id that somebody else gave: any text without control characters."""


class Answer(BaseModel):
    """Something the daemon says. A client must ignore fields it does not know."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, defer_build=True, extra="ignore")


class Request(BaseModel):
    """Something a client says. Unknown fields are refused: a misspelt option must not be lost in silence."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Query(Request):
    """What a client says behind the `?`. Only the names of the wire count, not those of Python beside them."""

    model_config = ConfigDict(populate_by_name=False)


IdPart = Annotated[
    str,
    Field(
        pattern=PART_PATTERN,
        description="A part of an id: how it begins, or with six digits and more how it ends, among the newest 20,000.",
    ),
]


class PageQuery(Query):
    """The query of every list: how many, and after what."""

    limit: int = Field(default=50, ge=1, le=500)
    cursor: str | None = Field(default=None, max_length=200, description="nextCursor of the page before.")
