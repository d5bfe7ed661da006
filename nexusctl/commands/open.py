"""`nexusctl open`: a result in the application that is meant for it."""

from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import refuse_empty

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Open a job's result, or an asset, in its application."
EXAMPLES = ("nexusctl open -", "nexusctl open ac120002", "NEXUSCTL_OPENER=evince nexusctl open -")


def run(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="JOB|ASSET",
            help="The id of a job that is done, or of an asset, or a part of it; - is the newest job.",
            show_default=False,
            callback=refuse_empty,
        ),
    ],
    print_only: Annotated[bool, typer.Option("--print", help="Only fetch it and print the path.")] = False,
) -> None:
    """Open a job's result, or an asset, in its application. Prints the path.

    The file is a private copy below $XDG_CACHE_HOME/nexusctl. The application is $NEXUSCTL_OPENER, the setting `opener`, or
    what xdg-open chooses; without a display, the path is all.
    """
    from nexusctl.commands.opening import fetch, find_asset, open_file

    session: Session = context.obj
    screen = session.screen()
    with session.connect(screen) as nexus:
        asset = find_asset(session, nexus, screen, what)
        path = fetch(nexus, asset)
    screen.write_at_once(str(path))
    if not print_only:
        open_file(path, session.opener, screen)
