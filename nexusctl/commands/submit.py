"""`nexusctl submit`: any job type, with any input."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from nexusctl.commands.options import Json, Quiet, SourceTask

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Submit a job and print its id."
EXAMPLES = (
    """nexusctl submit diagram --input '{"source": "a -> b"}'""",
    "nexusctl submit document --input @job.json --source-task task-7",
)
_KEY_MAX_LENGTH = 255


def run(
    context: typer.Context,
    job_type: Annotated[str, typer.Argument(metavar="JOB_TYPE", help="For example diagram or document.", show_default=False)],
    job_input: Annotated[
        str,
        typer.Option(
            "--input", metavar="INPUT", help="@file.json, - for standard input, or a JSON object.", show_default=False
        ),
    ],
    source_task: SourceTask = None,
    priority: Annotated[int | None, typer.Option("--priority", metavar="N", help="Higher starts first; default 0.")] = None,
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="SECONDS", help="For each attempt.")] = None,
    max_attempts: Annotated[int | None, typer.Option("--max-attempts", metavar="N", help="Default 3.")] = None,
    key: Annotated[
        str | None,
        typer.Option("--idempotency-key", metavar="KEY", help="The same key gives the same job. Default: a new one."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Submit a job and print its id. Does not wait for it: see `nexusctl watch`."""
    import uuid

    from nexusctl.commands.submission import make_submission
    from nexusctl.output.screen import Screen

    session: Session = context.obj
    screen = Screen(quiet=quiet)
    given = {
        "source_task_id": source_task,
        "priority": priority,
        "timeout_seconds": timeout,
        "max_attempts": max_attempts,
    }
    document = read_input(job_input)
    submission = make_submission(job_type, document, {name: value for name, value in given.items() if value is not None})
    if key is not None:
        check_key(key)
    with session.connect(screen) as nexus:
        from nexusctl.client import calls

        call = calls.submit(nexus.company, submission, key if key is not None else str(uuid.uuid4()))
        body = nexus.send(call)
        if as_json:
            screen.write_json(body)
        else:
            screen.write(call.parse(body).job_id)


def read_input(text: str) -> dict[str, Any]:
    """Return the object that `--input` names. Raises UsageError."""
    from nexusctl.errors import UsageError

    if text == "-":
        where, content = "standard input", sys.stdin.buffer.read()
    elif text.startswith("@"):
        where = text[1:]
        try:
            content = Path(where).read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"cannot read {where}: {reason}", hint="--input takes @FILE, - or a JSON object") from None
    else:
        where, content = "--input", text.encode("utf-8", "surrogateescape")
    try:
        value = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not JSON: {error}", hint="--input takes @FILE, - or a JSON object") from None
    if not isinstance(value, dict):
        raise UsageError(f"{where} holds no JSON object", hint="an input is an object: {…}")
    return value


def check_key(key: str) -> None:
    """Refuse a key that cannot be sent in a header. Raises UsageError."""
    from nexusctl.errors import UsageError

    if not (0 < len(key) <= _KEY_MAX_LENGTH and key.isascii() and key.isprintable() and key == key.strip()):
        raise UsageError(
            f"--idempotency-key must be 1 to {_KEY_MAX_LENGTH} printable ASCII characters, without spaces around it"
        )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
