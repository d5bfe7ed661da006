"""`nexusctl renderers`: what the daemon can render."""

from typing import TYPE_CHECKING

import typer

from nexusctl.commands.options import Json

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "List what can be rendered."
EXAMPLES = ("nexusctl renderers", "nexusctl renderers show diagram", "nexusctl renderers --json")


def run(context: typer.Context, as_json: Json = False) -> None:
    """List what can be rendered: job types, whether each can work here, what it makes, its version.

    `nexusctl renderers show JOB_TYPE` tells all of one: its options with their defaults, limits, examples, what to install.
    """
    session: Session = context.obj
    screen = session.screen()
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.output.renderers import format_problem, format_renderers

        call = calls.list_renderers()
        body = nexus.send(call)
        if as_json:
            screen.write_json(body)
            return
        found = call.parse(body)
        screen.write(format_renderers(found.items, screen.style))
        for problem in found.problems:
            screen.note(format_problem(problem))
