"""`nexusctl why`: why a job does not run, or how it ended."""

from typing import TYPE_CHECKING

import typer

from nexusctl.commands.options import JobId, Json

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Say why a job does not run, or why it failed."
EXAMPLES = ("nexusctl why 01985c1e-7f3a-7c52-9d43-0242ac120002", "nexusctl why -")


def run(context: typer.Context, job: JobId, as_json: Json = False) -> None:
    """Say why a job does not run, or why it failed and what to do about it."""
    from nexusctl.output.forms import Form

    session: Session = context.obj
    screen = session.screen()
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering
        from nexusctl.commands.naming import name_job
        from nexusctl.output.reasons import format_why

        call = calls.explain_job(nexus.company, name_job(nexus, screen, job))
        Answering(nexus, screen, Form(as_json)).answer(call, format_why)
