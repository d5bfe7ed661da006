"""`nexusctl watch`: follow one job until it ends."""

from typing import TYPE_CHECKING

import typer

from nexusctl.commands.options import JobId, Json, Quiet

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Follow one job until it ends."
EXAMPLES = ("nexusctl watch --json 01985c1e-7f3a-7c52-9d43-0242ac120002",)


def run(context: typer.Context, job: JobId, as_json: Json = False, quiet: Quiet = False) -> None:
    """Follow one job until it ends. Exit code 0 when it is done, 1 when it failed or was cancelled; Ctrl-C detaches.

    With --json: one line for each event, the event's data with `id` and `event` of its frame.
    """

    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    with session.connect(screen) as nexus:
        from nexusctl.commands.following import watch
        from nexusctl.commands.naming import name_job

        watch(session, nexus, screen, name_job(nexus, screen, job), as_json=as_json)
