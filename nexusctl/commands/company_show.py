"""`nexusctl company show`: one company."""

from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import Format, Json, refuse_empty_if_given

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Show one company."
EXAMPLES = ("nexusctl company show acme", "nexusctl company show --format '{id}'")


def run(
    context: typer.Context,
    company: Annotated[
        str | None,
        typer.Argument(
            metavar="COMPANY",
            help="Its slug or id. Default: that of --company.",
            show_default=False,
            callback=refuse_empty_if_given,
        ),
    ] = None,
    as_json: Json = False,
    template: Format = None,
) -> None:
    """Show one company: its id, its slug, its name."""
    from nexusctl.output.forms import choose_form
    from nexusctl.output.templates import fields_of
    from nexusd.contract.companies import Company

    session: Session = context.obj
    screen = session.screen()
    form = choose_form(fields_of(Company) if template else None, as_json=as_json, template=template)
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering
        from nexusctl.output.companies import format_company

        Answering(nexus, screen, form).answer(calls.get_company(company or nexus.company), format_company)
