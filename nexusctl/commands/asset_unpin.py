"""`nexusctl asset unpin`: an asset like any other again."""

from typing import TYPE_CHECKING

import typer

from nexusctl.commands.options import AssetId, Json

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Let an asset be deleted again."
EXAMPLES = ("nexusctl asset unpin 01985c1e-7f3a-7c52-9d43-0242ac120002",)


def run(context: typer.Context, asset: AssetId, as_json: Json = False) -> None:
    """Let an asset that was pinned be deleted again. Doing it twice changes nothing."""
    from nexusctl.output.forms import Form

    session: Session = context.obj
    screen = session.screen()
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering
        from nexusctl.commands.naming import name_asset
        from nexusctl.output.present import asset_line

        call = calls.unpin_asset(nexus.company, name_asset(nexus, screen, asset))
        Answering(nexus, screen, Form(as_json)).answer(call, lambda found, _style: asset_line(found))
