"""What all wire models share: camelCase names, UTC times in RFC 3339 with milliseconds and `Z`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel


def format_time(moment: datetime) -> str:
    """Return an aware datetime as the API writes it: `2026-01-31T12:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[AwareDatetime, PlainSerializer(format_time, return_type=str, when_used="json")]
JsonObject = dict[str, Any]


class Answer(BaseModel):
    """Something the daemon says. A client must ignore fields it does not know."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class Request(BaseModel):
    """Something a client says. Unknown fields are refused: a misspelt option must not be lost in silence."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")
