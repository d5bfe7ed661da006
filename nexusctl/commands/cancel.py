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
    from nexusctl.output.screen import Screen

    session: Session = context.obj
    screen = Screen()
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.output.text import clean_line

        call = calls.cancel_job(nexus.company, job)
        body = nexus.send(call)
        answer = call.parse(body)
        if as_json:
            screen.write_json(body)
        else:
            screen.write(clean_line(answer.outcome))
        if not answer.status.is_terminal:
            screen.note(f"see it end with: {session.suggest('watch', job)}")
