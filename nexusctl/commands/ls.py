"""`nexusctl ls`: the jobs, newest first."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nexusctl.commands.options import Json

if TYPE_CHECKING:
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session

SHORT_HELP = "List jobs, newest first."
EXAMPLES = ("nexusctl ls", "nexusctl ls --status failed --limit 5", "nexusctl ls -q")
PAGE_MAX = 100
_STATUSES = ("queued", "running", "done", "failed", "cancelled")


def run(
    context: typer.Context,
    status: Annotated[str | None, typer.Option("--status", metavar="STATUS", help=", ".join(_STATUSES) + ".")] = None,
    job_type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Of this job type only.")] = None,
    task: Annotated[str | None, typer.Option("--task", metavar="ID", help="Asked for by this conversation task only.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = 20,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Ids only.")] = False,
) -> None:
    """List jobs, newest first."""
    from nexusctl.errors import UsageError
    from nexusctl.output.screen import Screen

    if status is not None and status not in _STATUSES:
        raise UsageError(f"there is no status {status}", hint=f"choose one of {', '.join(_STATUSES)}")
    session: Session = context.obj
    screen = Screen(quiet=quiet)
    with session.connect(screen) as nexus:
        document = fetch_jobs(nexus, limit=limit, status=status, job_type=job_type, source_task_id=task)
    if as_json:
        screen.write_json(json.dumps(document))
        return
    from nexusctl.output.present import format_jobs
    from nexusctl.output.text import clean_line
    from nexusd.contract.jobs import JobList

    jobs = JobList.model_validate(document).items
    if quiet:
        for job in jobs:
            screen.write(clean_line(job.id))
    elif jobs:
        screen.write(format_jobs(jobs, screen.style))
    else:
        screen.note("no jobs")


def fetch_jobs(nexus: "Nexus", *, limit: int, **filters: str | None) -> dict[str, Any]:
    """Return up to `limit` jobs as one document, from as many pages as that takes; `nextCursor` is the last page's."""
    from nexusctl.client import calls

    items: list[Any] = []
    cursor: str | None = None
    while True:
        call = calls.list_jobs(nexus.company, limit=min(limit - len(items), PAGE_MAX), cursor=cursor, **filters)
        body = nexus.send(call)
        page = call.parse(body)
        document: dict[str, Any] = json.loads(body)
        items += document["items"]
        cursor = page.next_cursor
        if cursor is None or not page.items or len(items) >= limit:
            return {**document, "items": items}
