"""`nexusctl status`: what the daemon says about itself."""

from typing import TYPE_CHECKING

import typer

from nexusctl.commands.options import Format, Json

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Show whether nexusd runs, and what it does."
EXAMPLES = (
    "nexusctl status --json",
    "nexusctl status --timeout 10",
    "nexusctl status --format '{pid} {jobs.running}'",
)


def run(context: typer.Context, as_json: Json = False, template: Format = None) -> None:
    """Show whether nexusd runs, and what it does. Never starts one: exit code 3 when none answers.

    With --timeout, one that is about to start is waited for.
    """
    from nexusctl.output.forms import choose_form
    from nexusctl.output.templates import fields_of
    from nexusd.contract.status import Status

    session: Session = context.obj
    screen = session.screen()
    form = choose_form(fields_of(Status) if template else None, as_json=as_json, template=template)
    with session.connect(screen, may_start=False) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering
        from nexusctl.commands.versions import advise
        from nexusctl.output.present import format_status

        status = Answering(nexus, screen, form).answer(calls.status(), format_status)
        if (advice := advise(status.version)) is not None:
            screen.note(advice)
