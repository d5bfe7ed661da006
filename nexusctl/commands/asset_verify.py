"""`nexusctl asset verify`: whether everything that is stored is as its row says."""

from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import Quiet, refuse_empty_if_given

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Read all assets anew and tell what is damaged."
EXAMPLES = ("nexusctl asset verify", "nexusctl asset verify --after 01985c1e-7f3a-7c52-9d43-0242ac120002")


def run(
    context: typer.Context,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="ASSET", help="Go on after this asset.", callback=refuse_empty_if_given),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each page of the API's JSON on a line.")] = False,
    quiet: Quiet = False,
) -> None:
    """Read all assets of all companies anew, behind everybody else's reads. Prints a line for each that is not right.

    Exit code 1 when there is one: its file is missing or torn, or a file is foreign. Ctrl-C says how to go on.
    """
    from nexusctl.commands.verification import verify

    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    with session.connect(screen) as nexus:
        from nexusctl.commands.naming import name_asset

        last = None if after is None else name_asset(nexus, screen, after)
        verify(session, nexus, screen, last, as_json=as_json)
