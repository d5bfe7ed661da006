"""`nexusctl renderers show`: one renderer, with all that can be set."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import Json, refuse_empty

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Show one renderer: what it takes and makes, its options."
EXAMPLES = ("nexusctl renderers show diagram", "nexusctl renderers show chart --schema | jq .properties")


def run(
    context: typer.Context,
    job_type: Annotated[
        str, typer.Argument(metavar="JOB_TYPE", help="For example diagram.", show_default=False, callback=refuse_empty)
    ],
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the input, and nothing else.")] = False,
    as_json: Json = False,
) -> None:
    """Show one renderer: what it takes and makes, its options, limits and examples, and what to install if it cannot work.

    The options are set by `nexusctl render FILE --set KEY=VALUE`.
    """
    from nexusctl.errors import UsageError

    if schema and as_json:
        raise UsageError("--schema and --json both want standard output", hint="the document of --json holds the schema too")
    session: Session = context.obj
    screen = session.screen()
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.output.renderers import format_renderer

        call = calls.get_renderer(job_type)
        body = nexus.send(call)
        if as_json:
            screen.write_json(body)
        elif schema:
            screen.write_json(json.dumps(call.parse(body).input_schema))
        else:
            screen.write(format_renderer(call.parse(body), screen.style))
