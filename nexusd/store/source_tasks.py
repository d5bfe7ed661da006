"""The query about conversation tasks: jobs and assets in one list.

Ids are in the order of creation whatever they are of, so one id says where a page of both ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nexusd.contract.source_tasks import SourceTask, SourceTaskItem
from nexusd.store.rows import SUMMARY_COLUMNS, decode_cursor, next_cursor, select_live_assets, to_asset, to_summary
from nexusd.store.tables import ASSETS, JOBS

if TYPE_CHECKING:
    from sqlalchemy import Connection


def get(connection: Connection, company_id: str, source_task_id: str, limit: int, cursor: str | None) -> SourceTask:
    """Return a page of the jobs and the assets of one conversation task, newest first."""
    jobs = select(*SUMMARY_COLUMNS).where(JOBS.c.company_id == company_id, JOBS.c.source_task_id == source_task_id)
    assets = select_live_assets().where(ASSETS.c.company_id == company_id, ASSETS.c.source_task_id == source_task_id)
    if cursor is not None:
        last_id = decode_cursor(cursor)
        jobs, assets = jobs.where(JOBS.c.id < last_id), assets.where(ASSETS.c.id < last_id)
    # a page of each is enough, whichever of them has the newer ones
    found = [
        SourceTaskItem(kind="job", job=to_summary(row))
        for row in connection.execute(jobs.order_by(JOBS.c.id.desc()).limit(limit + 1))
    ]
    found += [
        SourceTaskItem(kind="asset", asset=to_asset(row))
        for row in connection.execute(assets.order_by(ASSETS.c.id.desc()).limit(limit + 1))
    ]
    page = sorted(found, key=lambda item: item.id, reverse=True)
    return SourceTask(source_task_id=source_task_id, items=page[:limit], next_cursor=next_cursor(page, limit))
