"""`nexusctl company add`: one more company."""

from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import Json, Quiet, refuse_empty_if_given

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Add a company and print its id."
EXAMPLES = ("nexusctl company add acme --name 'Acme, Inc.'",)


def run(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="Small letters, digits and dashes: acme.", show_default=False)],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="For people. Default: the slug.", callback=refuse_empty_if_given),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Add a company and print its id. It is there for good: companies are neither renamed nor deleted."""
    from nexusctl.client.submitting import make_company
    from nexusctl.output.forms import Form

    creation = make_company(slug, name)
    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering

        Answering(nexus, screen, Form(as_json)).answer(calls.add_company(creation), lambda made, _style: made.id)
