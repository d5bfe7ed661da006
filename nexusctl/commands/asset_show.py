"""`nexusctl asset show`: one asset, and where it came from."""

from typing import TYPE_CHECKING

import typer

from nexusctl.commands.options import AssetId, Json

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Show one asset: what it is, and where it came from."
EXAMPLES = ("nexusctl asset show 01985c1e-7f3a-7c52-9d43-0242ac120002",)


def run(context: typer.Context, asset: AssetId, as_json: Json = False) -> None:
    """Show one asset: what it is, and where it came from.

    For what a job made: the job, its attempt and type, the versions of the renderer and its tools, and the sha256 of the input.
    """
    from nexusctl.output.screen import Screen

    session: Session = context.obj
    screen = Screen()
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.output.assets import format_asset

        call = calls.get_asset(nexus.company, asset)
        body = nexus.send(call)
        if as_json:
            screen.write_json(body)
        else:
            screen.write(format_asset(call.parse(body), screen.style))
