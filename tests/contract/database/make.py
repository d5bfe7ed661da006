"""Makes the frozen database of a revision: `python -m tests.contract.database.make FILE`. Run once for each revision."""

from __future__ import annotations

import gzip
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from nexusd.contract.assets import Provenance
from nexusd.domain.retry import Cancelled, Done, Failed, Stopped
from nexusd.domain.states import ErrorCode, JobStatus
from nexusd.store import assets, companies, jobs, pauses
from nexusd.store.jobs import ProcessIdentity, Usage
from nexusd.store.submissions import Idempotency
from tests.support.stores import NOON, make_asset, new_job, open_store

if TYPE_CHECKING:
    from nexusd.domain.retry import Outcome
    from tests.support.stores import Store

KEY: Final = Idempotency("content-jobs", "the key", "a" * 64)
PROVENANCE: Final = Provenance(
    job_type="document", renderer_version="1", tools={"typst": "0.13"}, input_sha256="c" * 64, width=3, height=4, pages=1
)
DELETED: Final = "2026-01-02T13:00:00.000Z"
STATUSES: Final = (
    JobStatus.DONE,
    JobStatus.FAILED,
    JobStatus.CANCELLED,
    JobStatus.RUNNING,
    JobStatus.QUEUED,
)


async def fill(store: Store) -> None:
    """Put a row into every table, and a job into every state."""
    picture = await store.add_asset(original_filename="ü.png", source_task_id="task", created_by_user_id="u", sha256="b" * 64)
    gone = await store.add_asset(created_by_agent_id="agent")
    acme = (await store.database.write(companies.create, "acme", "Acme & Söhne", NOON)).id
    await store.database.write(assets.add, make_asset(acme))
    await store.submit(new_job("diagram", input='{"source": "a -> b"}'), company_id=acme)
    document = {"input": '{"source": "# Ü", "files": {}}', "source_task_id": "task", "priority": 3, "timeout_seconds": 1.5}
    [done] = await store.submit(new_job("document", **document, references=[("/input/files/a", picture.id)]), key=KEY)
    others = await store.submit(*(new_job(input='{"n": 1}', max_attempts=5) for _ in STATUSES[1:]))
    outcomes: list[tuple[str, list[Outcome]]] = [
        (done, [Stopped(), Done()]),
        (others[0], [Failed(ErrorCode.KILLED, "killed"), Failed(ErrorCode.INVALID_INPUT, "line 3: no")]),
        (others[1], [Cancelled()]),
    ]
    for job_id, ends in outcomes:
        for outcome in ends:
            claim = await store.claim(job_id)
            await store.database.write(jobs.report_progress, claim, 0.5, "half", NOON)
            made = {"job_id": job_id, "source_task_id": "task", "attempt": claim.job.attempt, "provenance": PROVENANCE}
            results = [make_asset(store.company_id, **made)] if outcome == Done() else []
            usage = Usage(exit_code=0, peak_memory_bytes=1, cpu_seconds=0.25)
            await store.database.write(jobs.settle, claim, outcome, usage, results, 0.5, NOON)
    claim = await store.claim(others[2])
    process = ProcessIdentity("an old boot", 2**22 + 1, 1)
    await store.database.write(jobs.record_process, claim.attempt_id, process, "limits")
    await store.database.write(jobs.request_cancel, store.company_id, others[2], NOON)
    await store.database.write(pauses.pause, "document", "Ü", NOON)
    store.ask("UPDATE assets SET deleted_at = ? WHERE id = ?", DELETED, gone.id)
    store.ask("UPDATE assets SET pinned_at = created_at WHERE id = ?", picture.id)
    store.ask("DELETE FROM events WHERE id <= 2")
    store.ask("UPDATE event_retention SET pruned_through = 2")


async def make(path: Path) -> None:
    async with open_store(path) as store:
        await fill(store)


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "nexusd.db")
        trio.run(make, path)
        with gzip.GzipFile(target, "xb", mtime=0) as file:
            file.write(path.read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
