"""`nexusctl status`: what the daemon says about itself."""

from typing import TYPE_CHECKING

import typer

from nexusctl.commands.options import Json

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Show whether nexusd runs, and what it does."
EXAMPLES = ("nexusctl status --json",)


def run(context: typer.Context, as_json: Json = False) -> None:
    """Show whether nexusd runs, and what it does. Never starts one: exit code 3 when none answers."""
    from nexusctl.output.screen import Screen

    session: Session = context.obj
    screen = Screen()
    with session.connect(screen, may_start=False) as nexus:
        from nexusctl.client import calls
        from nexusctl.output.present import format_status

        call = calls.status()
        body = nexus.send(call)
        if as_json:
            screen.write_json(body)
        else:
            screen.write(format_status(call.parse(body), screen.style))
