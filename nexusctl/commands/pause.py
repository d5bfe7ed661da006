"""`nexusctl pause`: let no more jobs start."""

from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import JobType, Json

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Let no more jobs start."
EXAMPLES = ("nexusctl pause", "nexusctl pause document --reason 'new fonts' --drain")


def run(
    context: typer.Context,
    job_type: JobType = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for those who wonder.")] = None,
    drain: Annotated[bool, typer.Option("--drain", help="Wait until no such job runs any more.")] = False,
    as_json: Json = False,
) -> None:
    """Let no more jobs start, of one job type or at all, until `nexusctl resume`; also after a restart.

    What runs goes on, and new jobs are taken. With --drain, Ctrl-C ends the waiting only.
    """
    from nexusctl.output.forms import Form

    session: Session = context.obj
    screen = session.screen()
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering
        from nexusctl.output.present import format_queue

        answering, call = Answering(nexus, screen, Form(as_json)), calls.pause_queue(job_type, reason)
        if drain:
            from nexusctl.commands.draining import drain as wait_drained

            nexus.call(call)
            wait_drained(session, nexus, screen, job_type)
            call = calls.queue()
        answering.answer(call, format_queue)
