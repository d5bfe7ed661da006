"""`nexusctl ls`: the jobs, newest first; of a conversation task, its assets too."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nexusctl.commands.options import Format, Json, Limit, refuse_empty_if_given

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "List jobs, newest first; of a conversation task, assets too."
EXAMPLES = (
    "nexusctl ls",
    "nexusctl ls --status failed --limit 5 --time iso",
    "nexusctl ls --task chat-42",
    "nexusctl ls -q | xargs nexusctl wait",
    "nexusctl ls --format '{id}\\t{jobType}\\t{errorCode}'",
)
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
    template: Format = None,
) -> None:
    """List jobs, newest first; of a conversation task, jobs and assets in one list, as `nexusctl task` does."""
    from nexusctl.commands.asking import open_asker
    from nexusctl.errors import UsageError
    from nexusctl.output.forms import choose_form
    from nexusctl.output.templates import fields_of
    from nexusd.contract.jobs import JobList, JobSummary

    if status is not None and status not in _STATUSES:
        raise UsageError(f"there is no status {status}", hint=f"choose one of {', '.join(_STATUSES)}")
    if task is not None and status is None and job_type is None and not quiet:
        from nexusctl.commands.task import run as run_task

        run_task(context, task, limit=limit, as_json=as_json, template=template)
        return
    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    form = choose_form(fields_of(JobSummary) if template else None, as_json=as_json, ids=quiet, template=template)
    with open_asker(session, screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering
        from nexusctl.output.present import format_jobs

        def make_call(count: int, cursor: str | None) -> Any:
            return calls.list_jobs(
                nexus.company, status=status, job_type=job_type, source_task_id=task, limit=count, cursor=cursor
            )

        Answering(nexus, screen, form).answer_list(make_call, limit, format_jobs, model=JobList, empty="no jobs")
