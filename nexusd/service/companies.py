"""Companies: made, listed, found by id or slug."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexusd.contract.base import utc_now
from nexusd.store import companies

if TYPE_CHECKING:
    from nexusd.contract.companies import Company, CompanyCreation, CompanyList
    from nexusd.store.database import Database


class CompanyService:
    """The companies of one database. Remembers those it found: a company never changes and never goes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Company] = {}

    async def get(self, id_or_slug: str) -> Company:
        """Return one company.

        Raises NotFound.
        """
        known = self._known.get(id_or_slug)
        if known is None:
            known = self._known[id_or_slug] = await self._database.read(companies.get, id_or_slug)
        return known

    async def list(self, limit: int, cursor: str | None) -> CompanyList:
        """Return a page of companies, oldest first."""
        return await self._database.read(companies.find, limit, cursor)

    async def create(self, creation: CompanyCreation) -> Company:
        """Add a company.

        Raises AlreadyExists.
        """
        return await self._database.write(companies.create, creation.slug, creation.name, utc_now())
