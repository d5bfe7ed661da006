"""`nexusctl ls`: the jobs, newest first; of a conversation task, its assets too."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nexusctl.commands.options import Json, Limit, refuse_empty_if_given

if TYPE_CHECKING:
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session
    from nexusctl.output.screen import Screen

SHORT_HELP = "List jobs, newest first; of a conversation task, assets too."
EXAMPLES = ("nexusctl ls", "nexusctl ls --status failed --limit 5", "nexusctl ls --task chat-42", "nexusctl ls -q")
_STATUSES = ("queued", "running", "done", "failed", "cancelled")


def run(
    context: typer.Context,
    status: Annotated[str | None, typer.Option("--status", metavar="STATUS", help=", ".join(_STATUSES) + ".")] = None,
    job_type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Of this job type only.")] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="ID",
            help="What this conversation task asked for: jobs and assets; with --status, --type or -q its jobs only.",
            callback=refuse_empty_if_given,
        ),
    ] = None,
    limit: Limit = 20,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Ids of jobs only.")] = False,
) -> None:
    """List jobs, newest first; of a conversation task, jobs and assets in one list."""
    from nexusctl.errors import UsageError
    from nexusctl.output.screen import Screen

    if status is not None and status not in _STATUSES:
        raise UsageError(f"there is no status {status}", hint=f"choose one of {', '.join(_STATUSES)}")
    session: Session = context.obj
    screen = Screen(quiet=quiet)
    if task is not None and status is None and job_type is None and not quiet:
        _list_task(session, screen, task, limit, as_json)
        return
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


def _list_task(session: "Session", screen: "Screen", task: str, limit: int, as_json: bool) -> None:
    from nexusctl.commands.paging import fetch_pages

    with session.connect(screen) as nexus:
        from nexusctl.client import calls

        def make_call(count: int, cursor: str | None) -> Any:
            return calls.get_source_task(nexus.company, task, limit=count, cursor=cursor)

        document = fetch_pages(nexus, make_call, limit)
    if as_json:
        screen.write_json(json.dumps(document))
        return
    from nexusctl.output.assets import format_source_task
    from nexusd.contract.source_tasks import SourceTask

    items = SourceTask.model_validate(document).items
    if items:
        screen.write(format_source_task(items, screen.style))
    else:
        screen.note("no jobs and no assets")


def fetch_jobs(nexus: "Nexus", *, limit: int, **filters: str | None) -> dict[str, Any]:
    """Return up to `limit` jobs as one document."""
    from nexusctl.client import calls
    from nexusctl.commands.paging import fetch_pages

    def make_call(count: int, cursor: str | None) -> Any:
        return calls.list_jobs(nexus.company, limit=count, cursor=cursor, **filters)

    return fetch_pages(nexus, make_call, limit)
