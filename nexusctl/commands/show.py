"""`nexusctl show`: one job in full."""

from typing import TYPE_CHECKING

import typer

from nexusctl.commands.options import JobId, Json

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Show one job: status, error, attempts, assets."
EXAMPLES = ("nexusctl show 01985c1e-7f3a-7c52-9d43-0242ac120002",)


def run(context: typer.Context, job: JobId, as_json: Json = False) -> None:
    """Show one job: status, error, attempts, assets."""
    from nexusctl.output.screen import Screen

    session: Session = context.obj
    screen = Screen()
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.output.present import format_job

        call = calls.get_job(nexus.company, job)
        body = nexus.send(call)
        if as_json:
            screen.write_json(body)
        else:
            screen.write(format_job(call.parse(body), screen.style))
