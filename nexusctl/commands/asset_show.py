"""`nexusctl asset show`: one asset, and where it came from."""

from typing import TYPE_CHECKING

import typer

from nexusctl.commands.options import AssetId, Format, Json, NoPreview

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Show one asset: what it is, and where it came from."
EXAMPLES = (
    "nexusctl asset show 01985c1e-7f3a-7c52-9d43-0242ac120002",
    "nexusctl asset show - --format '{contentType} {provenance.width}'",
)


def run(
    context: typer.Context, asset: AssetId, as_json: Json = False, template: Format = None, no_preview: NoPreview = False
) -> None:
    """Show one asset: what it is, and where it came from.

    For what a job made: the job, its attempt and type, the versions of the renderer and its tools, and the sha256 of the input.
    A PNG is shown, where the terminal can.
    """
    from nexusctl.output.forms import choose_form
    from nexusctl.output.templates import fields_of
    from nexusd.contract.assets import Asset

    session: Session = context.obj.without_preview() if no_preview else context.obj
    screen = session.screen()
    form = choose_form(fields_of(Asset) if template else None, as_json=as_json, template=template)
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering
        from nexusctl.commands.naming import name_asset
        from nexusctl.output.assets import format_asset

        call = calls.get_asset(nexus.company, name_asset(nexus, screen, asset))
        shown = Answering(nexus, screen, form).answer(call, format_asset)
        if form.is_for_people:
            from nexusctl.commands.preview import show_preview_of

            show_preview_of(session, nexus, screen, shown)
