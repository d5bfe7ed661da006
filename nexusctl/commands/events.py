"""`nexusctl events`: what happened, and with --follow what happens."""

from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import Format, refuse_empty_if_given

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Print what happened to jobs and assets, or follow it."
EXAMPLES = (
    "nexusctl events --since 10m",
    "nexusctl events -f --types job.failed,job.cancelled",
    "nexusctl events -f --json | jq .job.status",
    "nexusctl events --job - --since 0",
)


def run(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens, until Ctrl-C.")] = False,
    types: Annotated[
        list[str] | None, typer.Option("--types", metavar="TYPES", help="Of these types only: content_job.done,asset.created.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="ID|TIME",
            help="After this event, or since: 10m, 2h, 2026-01-31T12:00Z.",
            callback=refuse_empty_if_given,
        ),
    ] = None,
    job: Annotated[
        str | None, typer.Option("--job", metavar="JOB", help="About this job only.", callback=refuse_empty_if_given)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event, as the API has it, on a line.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes: events and errors only.")] = False,
    template: Format = None,
) -> None:
    """Print what happened to the jobs and assets of a company: the last hundred events, or all --since.

    With --follow, what happens from now on, or --since; a daemon that restarts is waited for and nothing is lost. What the
    retention has deleted is told by a line `reset`. With --job and --follow it ends with the job.
    """
    from nexusctl.commands.event_log import Wanted, read_since, read_types
    from nexusctl.output.events import event_fields
    from nexusctl.output.forms import choose_form

    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    form = choose_form(event_fields() if template else None, as_json=as_json, template=template)
    wanted = Wanted(read_types(types), read_since(since), follow)
    with session.connect(screen) as nexus:
        from nexusctl.commands.event_log import print_events
        from nexusctl.commands.naming import name_job

        print_events(session, nexus, screen, form, wanted, None if job is None else name_job(nexus, screen, job))
