"""`nexusctl doctor`: looks at everything that may be wrong with nexusd here, and says what to do."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nexusctl.commands.settings import Given

SHORT_HELP = "Look for what is wrong with nexusd here, and say what to do."
EXAMPLES = (
    "nexusctl doctor",
    "nexusctl doctor --deep",
    "nexusctl doctor --json | jq '.checks[] | select(.outcome != \"ok\")'",
)


def run(
    context: typer.Context,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every stored file anew and compare its hash; may take long.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as one JSON document.")] = False,
) -> None:
    """Check settings, socket, versions, places, database, files, sandbox, renderers, disk, units, clock and leftovers.

    Starts no daemon, and mends nothing. Without a daemon it says what could not be checked. Exit code 1 when something failed.
    """
    from nexusctl.commands.diagnosis import examine
    from nexusctl.errors import Unhealthy
    from nexusctl.output.diagnosis import check_line
    from nexusctl.output.screen import Screen
    from nexusctl.output.text import clean

    given: Given = context.obj
    screen = Screen(colour=given.options.get("color", "auto"))
    diagnosis = examine(
        given, tell=lambda check: None if as_json else screen.write_at_once(check_line(check, screen.style)), deep=deep
    )
    if as_json:
        screen.write_json(diagnosis.model_dump_json(by_alias=True))
    failed = [check.name for check in diagnosis.checks if check.outcome == "failed"]
    if failed:
        raise Unhealthy(clean(f"not as it should be: {', '.join(failed)}"))
