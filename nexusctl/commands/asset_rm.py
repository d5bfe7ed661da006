"""`nexusctl asset rm`: assets that go."""

from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import Json

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Delete assets."
EXAMPLES = ("nexusctl asset rm 01985c1e-7f3a-7c52-9d43-0242ac120002",)


def run(
    context: typer.Context,
    assets: Annotated[
        list[str], typer.Argument(metavar="ASSET…", help="The assets' ids or parts of them.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Delete assets, each with its file. Prints the id of each that is gone, and ends at the first that cannot be deleted.

    All are found first: when one cannot be, none is deleted. With --json each is printed as it was, on a line.

    Refused for one that is pinned, and for one that the input of a job names which is not over.
    """
    import json

    from nexusctl.errors import Refused, UsageError

    if "" in assets:
        raise UsageError("an id is empty")
    session: Session = context.obj
    screen = session.screen()
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.naming import name_asset
        from nexusctl.output.text import clean_line

        for asset in [name_asset(nexus, screen, named) for named in assets]:
            body = nexus.send(calls.get_asset(nexus.company, asset)) if as_json else b"{}"
            try:
                nexus.send(calls.delete_asset(nexus.company, asset))
            except Refused as refused:
                if refused.slug == "asset-pinned":
                    refused.hint = f"let it go with: {session.suggest('asset', 'unpin', asset)}"
                raise
            screen.write_json_line(json.loads(body)) if as_json else screen.write(clean_line(asset))
