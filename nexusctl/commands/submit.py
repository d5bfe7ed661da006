"""`nexusctl submit`: any job type, with any input; one job, or many from a file of lines."""

from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import Json, SourceTask

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Submit a job, or many, and print their ids."
EXAMPLES = (
    """nexusctl submit diagram --input '{"source": "a -> b"}'""",
    "nexusctl submit diagram -F source=@flow.d2 -f format=png --wait",
    "nexusctl submit document --input @job.json --source-task task-7",
    "nexusctl submit - --source-task task-7 < jobs.ndjson",
)


def run(
    context: typer.Context,
    job_type: Annotated[
        str,
        typer.Argument(
            metavar="JOB_TYPE",
            help="For example diagram; - for jobs from standard input, one a line, @FILE for those of a file.",
            show_default=False,
        ),
    ],
    job_input: Annotated[
        str | None,
        typer.Option(
            "--input", metavar="INPUT", help="@file.json, - for standard input, or a JSON object.", show_default=False
        ),
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option("--field", "-F", metavar="NAME=VALUE", help="A field of the input: JSON, else text; @FILE for a file."),
    ] = None,
    texts: Annotated[
        list[str] | None, typer.Option("--raw-field", "-f", metavar="NAME=TEXT", help="A field of the input, always text.")
    ] = None,
    source_task: SourceTask = None,
    priority: Annotated[int | None, typer.Option("--priority", metavar="N", help="Higher starts first; default 0.")] = None,
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="SECONDS", help="For each attempt.")] = None,
    max_attempts: Annotated[int | None, typer.Option("--max-attempts", metavar="N", help="Default 3.")] = None,
    key: Annotated[
        str | None,
        typer.Option("--idempotency-key", metavar="KEY", help="The same key gives the same job. Default: a new one."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until all are over, as `nexusctl wait` does.")] = False,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Ids and errors only.")] = False,
) -> None:
    """Submit a job, or many, and print their ids. See them end with --wait or `nexusctl watch`.

    A line of many is what the API takes: {"jobType": "diagram", "input": {...}, "priority": 1}; the options say what a line
    leaves out. A thousand at a time are stored, all or none. With --json: one line for each job.
    """
    from nexusctl.commands.submission import Fields, read_batch
    from nexusctl.output.forms import Form

    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    said = {"source_task_id": source_task, "priority": priority, "timeout_seconds": timeout, "max_attempts": max_attempts}
    given = {name: value for name, value in said.items() if value is not None}
    batch = read_batch(job_type, Fields(job_input, fields or [], texts or []), given, key)
    with session.connect(screen) as nexus:
        from nexusctl.commands.submitting import submit_all

        ids = submit_all(nexus, screen, batch, as_json=as_json, silent=wait and not quiet)
        if wait:
            from nexusctl.commands.waiting import wait_jobs

            wait_jobs(session, nexus, screen, ids, Form(as_json))
