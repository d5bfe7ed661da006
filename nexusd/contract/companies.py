"""Companies on the wire: the scope of every job and asset."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, StringConstraints

from nexusd.contract.base import Answer, Request, Timestamp

DEFAULT_COMPANY: Final = "default"
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]


class CompanyCreation(Request):
    """The body of `POST /v1/companies`."""

    model_config = ConfigDict(strict=True)

    slug: Slug
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None


class Company(Answer):
    """A company: addressed by its id or its slug."""

    id: str
    slug: str
    name: str
    created_at: Timestamp


class CompanyList(Answer):
    """A page of companies, oldest first."""

    items: list[Company]
    next_cursor: str | None = None
