"""`nexusctl resume`: let jobs start again."""

from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import JobType, Json

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Let jobs start again."
EXAMPLES = ("nexusctl resume", "nexusctl resume document", "nexusctl resume --all")


def run(
    context: typer.Context,
    job_type: JobType = None,
    every: Annotated[bool, typer.Option("--all", help="Lift every pause there is.")] = False,
    as_json: Json = False,
) -> None:
    """Lift the pause of one job type; without one, that of the whole queue. Those of single job types then stay."""
    from nexusctl.errors import UsageError
    from nexusctl.output.forms import Form

    if every and job_type is not None:
        raise UsageError("--all lifts every pause", hint="leave out either --all or the job type")
    session: Session = context.obj
    screen = session.screen()
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering
        from nexusctl.output.present import format_queue

        Answering(nexus, screen, Form(as_json)).answer(calls.resume_queue(job_type, every=every), format_queue)
