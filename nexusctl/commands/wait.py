"""`nexusctl wait`: until jobs are over."""

from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import Format, JobIds

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Wait until jobs are over; the exit code says how they ended."
EXAMPLES = (
    "nexusctl wait - && nexusctl open -",
    "nexusctl ls -q --status running | xargs nexusctl wait --timeout 600",
    "nexusctl wait --any 01985c1e ac120002 --format '{id}'",
)


def run(
    context: typer.Context,
    jobs: JobIds,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", min=0, help="Give up then: exit code 124.")
    ] = None,
    first_only: Annotated[bool, typer.Option("--any", help="Only until one of them is over.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each job, as the API has it, on a line.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing: the exit code says it.")] = False,
    template: Format = None,
) -> None:
    """Wait until jobs are over, and print each as it ends.

    Exit code 0 when all are done, 1 when one failed or was cancelled; with --any that of the first. A daemon that restarts is
    waited for. Ctrl-C ends the waiting alone.
    """
    from nexusctl.commands.deadlines import Expired, deadline
    from nexusctl.errors import TimedOut, UsageError
    from nexusctl.output.forms import choose_form
    from nexusctl.output.templates import fields_of
    from nexusd.contract.jobs import Job

    if "" in jobs:
        raise UsageError("an id is empty")
    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    form = choose_form(fields_of(Job) if template else None, as_json=as_json, template=template)
    try:
        with deadline(timeout), session.connect(screen) as nexus:
            from nexusctl.commands.naming import name_jobs
            from nexusctl.commands.waiting import wait_jobs

            wait_jobs(session, nexus, screen, name_jobs(nexus, screen, jobs), form, first_only=first_only)
    except Expired:
        raise TimedOut("nexusd has not answered in time", hint=f"see whether it runs: {session.suggest('status')}") from None
