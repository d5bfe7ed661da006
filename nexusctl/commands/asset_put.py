"""`nexusctl asset put`: a file becomes an asset."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import Json, Quiet, SourceTask, refuse_empty_if_given

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Store a file as an asset."
EXAMPLES = (
    "nexusctl asset put logo.svg",
    "nexusctl asset put photo --name photo.jpg --content-type image/jpeg",
    "nexusctl asset put notes.md --source-task chat-42 --json",
)


def run(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file.", show_default=False)],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="What it is called. Default: as here.", callback=refuse_empty_if_given),
    ] = None,
    content_type: Annotated[
        str | None,
        typer.Option(
            "--content-type", metavar="TYPE", help="Its media type. Default: by its name.", callback=refuse_empty_if_given
        ),
    ] = None,
    namespace: Annotated[str, typer.Option("--namespace", metavar="NAME", help="Where it belongs.")] = "attachments",
    source_task: SourceTask = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Store a file as an asset. Prints its id, by which the input of a job can name it: {"$asset": "ID"}."""

    from nexusctl.errors import UsageError
    from nexusctl.output.forms import Form

    try:
        with file.open("rb"):
            pass
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {file}: {getattr(error, 'strerror', error)}") from None
    called = name or file.name
    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.client.bodies import type_of
        from nexusctl.commands.answering import Answering
        from nexusctl.output.text import clean_line

        call = calls.upload_asset(
            nexus.company,
            file,
            filename=called,
            content_type=content_type or type_of(called),
            source_task_id=source_task,
            namespace=namespace,
        )
        Answering(nexus, screen, Form(as_json)).answer(call, lambda made, _style: clean_line(made.id))
