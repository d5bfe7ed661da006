"""What an earlier life of the daemon left behind, set right before the pool starts.

The state directory's lock makes sure that this daemon is the only one; so every `running` row is an orphan at once. Its old
processes are proven dead first, then the job is settled as crashed. Safe to be killed at any point and run again.
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

import trio

from nexusd import failpoints
from nexusd.contract.base import utc_now
from nexusd.runner import tree, workdir
from nexusd.store import jobs, queries

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from nexusd.store.database import Database

logger = logging.getLogger("nexusd.runner")


async def recover(database: Database, work_directory: Path) -> int:
    """Settle every orphan and remove every old work directory; return how many jobs were orphans."""
    orphans = await database.read(queries.find_orphans)
    for orphan in orphans:
        await failpoints.reach("recovery.kill.before")
        if not await trio.to_thread.run_sync(tree.kill_orphans, orphan.claim.attempt_id, orphan.process):
            logger.error("an old child does not die", extra={"job": orphan.claim.job.id, "identity": orphan.process})
        await failpoints.reach("recovery.kill.after")
    claims = [orphan.claim for orphan in orphans]
    await failpoints.reach("recovery.settle.before")
    await database.write(jobs.settle_orphans, claims, [random.random() for _ in claims], utc_now())
    await failpoints.reach("recovery.settle.after")
    await trio.to_thread.run_sync(_clear, work_directory, {orphan.claim.attempt_id for orphan in orphans})
    await failpoints.reach("recovery.clear.after")
    if orphans:
        logger.warning("jobs were running when the daemon died; they go on", extra={"jobs": len(orphans)})
    return len(orphans)


def _clear(directory: Path, known: Collection[str]) -> None:
    """Remove the work directories, and kill the spares of which nothing else is left: they are marked with its name."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for entry in directory.iterdir():
        if entry.name not in known and not tree.kill_tree(entry.name, None):
            logger.error("an old spare does not die", extra={"spare": entry.name})
        workdir.remove(entry)
