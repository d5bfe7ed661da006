"""Problem documents.

Source: RFC 9457. `type` is `urn:nexusd:problem:{slug}`; the slug is stable, `detail` is for people.
"""

from __future__ import annotations

from typing import Final

from pydantic import Field

from nexusd.contract.base import Answer

PROBLEM_CONTENT_TYPE: Final = "application/problem+json"
PROBLEM_TYPE_PREFIX: Final = "urn:nexusd:problem:"


class InvalidParam(Answer):
    """`name` is an RFC 6901 pointer into the body (`/input/source`), or `?name` for a query parameter."""

    name: str
    reason: str


class Problem(Answer):
    """Every answer of status 400 and above."""

    type: str
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    invalid_params: list[InvalidParam] | None = None
    job_status: str | None = Field(default=None, description="With `already-finished` and `not-finished`: how the job stands.")
    job_id: str | None = Field(default=None, description="With `asset-in-use`: a job that needs the asset.")

    @property
    def slug(self) -> str:
        """The stable name of the problem."""
        return self.type.removeprefix(PROBLEM_TYPE_PREFIX)
