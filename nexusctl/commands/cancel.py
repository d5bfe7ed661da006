"""`nexusctl cancel`: ask for a job's end."""

from typing import TYPE_CHECKING

import typer

from nexusctl.commands.options import JobId, Json

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Cancel one job."
EXAMPLES = ("nexusctl cancel 01985c1e-7f3a-7c52-9d43-0242ac120002",)


def run(context: typer.Context, job: JobId, as_json: Json = False) -> None:
    """Cancel one job. Prints `cancelled` when it is over, `cancelling` when its process is being ended."""
    from nexusctl.output.forms import Form

    session: Session = context.obj
    screen = session.screen()
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering
        from nexusctl.commands.naming import name_job
        from nexusctl.output.text import clean_line

        job = name_job(nexus, screen, job)
        asking = Answering(nexus, screen, Form(as_json))
        told = asking.answer(calls.cancel_job(nexus.company, job), lambda answer, _style: clean_line(answer.outcome))
        if not told.status.is_terminal:
            screen.note(f"see it end with: {session.suggest('watch', job)}")
