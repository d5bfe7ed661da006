"""`nexusctl retry`: a job that is over, once more as a new job."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import JobId, Json, Quiet

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Submit a job that is over once more."
EXAMPLES = (
    "nexusctl retry 01985c1e-7f3a-7c52-9d43-0242ac120002",
    "nexusctl retry --follow 01985c1e-7f3a-7c52-9d43-0242ac120002",
)


def run(
    context: typer.Context,
    job: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the new job until it ends, as `watch` does.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Submit a job that is over once more, done or not: a new job with the same input. Prints the new id.

    With --follow and --json: one line for the new job, then one line for each event.
    """
    import uuid

    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.naming import name_job

        call = calls.retry_job(nexus.company, name_job(nexus, screen, job), str(uuid.uuid4()))
        body = nexus.send(call)
        new_id = call.parse(body).job_id
        if not follow:
            if as_json:
                screen.write_json(body)
            else:
                screen.write(new_id)
            return
        from nexusctl.commands.following import watch

        if as_json:
            screen.write_json_line(json.loads(body))
        else:
            screen.write_at_once(new_id)
        watch(session, nexus, screen, new_id, as_json=as_json)
