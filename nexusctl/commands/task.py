"""`nexusctl task`: what a conversation task asked for and got."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nexusctl.commands.options import Format, Ids, Json, Limit, refuse_empty

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "List the jobs and assets of a conversation task."
EXAMPLES = ("nexusctl task chat-42", "nexusctl task chat-42 --format '{kind} {job.id}{asset.id}'")


def run(
    context: typer.Context,
    task: Annotated[
        str,
        typer.Argument(metavar="SOURCE_TASK_ID", help="As its owner names it.", show_default=False, callback=refuse_empty),
    ],
    limit: Limit = 20,
    as_json: Json = False,
    quiet: Ids = False,
    template: Format = None,
) -> None:
    """List the jobs and the assets of a conversation task in one list, newest first. A task that nobody named has nothing."""
    from nexusctl.commands.asking import open_asker
    from nexusctl.output.forms import choose_form
    from nexusctl.output.templates import fields_of
    from nexusd.contract.source_tasks import SourceTask, SourceTaskItem

    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    form = choose_form(fields_of(SourceTaskItem) if template else None, as_json=as_json, ids=quiet, template=template)
    with open_asker(session, screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering
        from nexusctl.output.assets import format_source_task

        def make_call(count: int, cursor: str | None) -> Any:
            return calls.get_source_task(nexus.company, task, limit=count, cursor=cursor)

        answering = Answering(nexus, screen, form)
        answering.answer_list(make_call, limit, format_source_task, model=SourceTask, empty="no jobs and no assets")
