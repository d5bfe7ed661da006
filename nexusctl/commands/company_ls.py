"""`nexusctl company ls`: the companies, oldest first."""

from typing import TYPE_CHECKING, Any

import typer

from nexusctl.commands.options import Format, Ids, Json, Limit

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "List companies, oldest first."
EXAMPLES = ("nexusctl company ls", "nexusctl company ls --format '{slug}\\t{name}'")


def run(context: typer.Context, limit: Limit = 100, as_json: Json = False, quiet: Ids = False, template: Format = None) -> None:
    """List companies, oldest first. Each has jobs and assets of its own, seen with --company."""
    from nexusctl.commands.asking import open_asker
    from nexusctl.output.forms import choose_form
    from nexusctl.output.templates import fields_of
    from nexusd.contract.companies import Company, CompanyList

    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    form = choose_form(fields_of(Company) if template else None, as_json=as_json, ids=quiet, template=template)
    with open_asker(session, screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering
        from nexusctl.output.companies import format_companies

        def make_call(count: int, cursor: str | None) -> Any:
            return calls.list_companies(limit=count, cursor=cursor)

        answering = Answering(nexus, screen, form)
        answering.answer_list(make_call, limit, format_companies, model=CompanyList, empty="no companies")
