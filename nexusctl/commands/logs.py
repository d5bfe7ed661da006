"""`nexusctl logs`: what the process of an attempt wrote, and with --follow what it writes."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import JobId, Json

if TYPE_CHECKING:
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session
    from nexusctl.output.screen import Screen

SHORT_HELP = "Print what a job's process wrote."
EXAMPLES = (
    "nexusctl logs 01985c1e-7f3a-7c52-9d43-0242ac120002",
    "nexusctl logs --follow 01985c1e-7f3a-7c52-9d43-0242ac120002",
    "nexusctl logs --attempt 1 01985c1e-7f3a-7c52-9d43-0242ac120002",
)


def run(
    context: typer.Context,
    job: JobId,
    attempt: Annotated[int | None, typer.Option("--attempt", metavar="N", min=1, help="Default: the latest.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as it is written, to the end of the job or of --attempt.")
    ] = False,
    raw: Annotated[bool, typer.Option("--raw", help="The bytes as they are, with what may steer a terminal.")] = False,
    as_json: Json = False,
) -> None:
    """Print what a job's process wrote to stdout and stderr: up to now, or with --follow until it ends.

    Terminal escapes and control characters are left out, unless you ask for --raw. With --json: one line for each part.
    --follow waits for a job that is queued, goes on with later attempts, and survives a restart of the daemon.
    """
    from nexusctl.errors import UsageError

    if raw and as_json:
        raise UsageError("--raw and --json exclude each other", hint="JSON cannot hold any bytes: choose one")
    session: Session = context.obj
    screen = session.screen()
    with session.connect(screen) as nexus:
        from nexusctl.commands.naming import name_job

        job = name_job(nexus, screen, job)
        if follow:
            from nexusctl.commands.log_following import follow_log

            follow_log(session, nexus, screen, job, attempt, raw=raw, as_json=as_json)
        elif raw:
            for chunk in nexus.read_raw_log(job, attempt=attempt):
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        elif as_json:
            for body, _ in nexus.read_log(job, attempt=attempt):
                screen.write_json_line(json.loads(body))
        else:
            print_log(nexus, screen, job, attempt)


def print_log(nexus: "Nexus", screen: "Screen", job: str, attempt: int | None) -> None:
    """Print a log as clean text, a page at a time."""
    from nexusctl.output.text import Cleaner

    cleaner = Cleaner()
    is_empty = True
    for _, page in nexus.read_log(job, attempt=attempt):
        is_empty = is_empty and not page.text
        screen.write_part(cleaner.feed(page.text))
    screen.write_part(cleaner.close())
    if is_empty:
        screen.note("nothing was written" if page.complete else "nothing was written yet")
