"""Conversation tasks: what came of each. They are outsiders' own; all we know of one is its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexusd.store import source_tasks

if TYPE_CHECKING:
    from nexusd.contract.source_tasks import SourceTask
    from nexusd.service.companies import CompanyService
    from nexusd.store.database import Database


class SourceTaskService:
    """The conversation tasks of all companies."""

    def __init__(self, database: Database, companies: CompanyService) -> None:
        self._database = database
        self._companies = companies

    async def get(self, company: str, source_task_id: str, limit: int, cursor: str | None) -> SourceTask:
        """Return a page of what a task asked for and got, newest first; nothing for one that nobody has named.

        Raises NotFound when there is no such company, InvalidRequest for a cursor that is none.
        """
        owner = await self._companies.get(company)
        return await self._database.read(source_tasks.get, owner.id, source_task_id, limit, cursor)
