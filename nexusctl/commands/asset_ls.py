"""`nexusctl asset ls`: the assets, newest first."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nexusctl.commands.options import Format, Ids, Json, Limit, refuse_empty_if_given

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "List assets, newest first."
EXAMPLES = (
    "nexusctl asset ls",
    "nexusctl asset ls --task chat-42",
    "nexusctl asset ls --namespace attachments --limit 5",
    "nexusctl asset ls --format '{id}\\t{byteSize}'",
    "nexusctl asset ls -q --job 01985c1e-7f3a-7c52-9d43-0242ac120002",
)


def run(
    context: typer.Context,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="ID", help="Of this conversation task only.", callback=refuse_empty_if_given),
    ] = None,
    job: Annotated[
        str | None, typer.Option("--job", metavar="JOB", help="Made by this job only.", callback=refuse_empty_if_given)
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", metavar="NAME", help="In this namespace only.", callback=refuse_empty_if_given),
    ] = None,
    limit: Limit = 20,
    as_json: Json = False,
    quiet: Ids = False,
    template: Format = None,
) -> None:
    """List assets, newest first: what jobs made and what was uploaded."""
    from nexusctl.output.forms import choose_form
    from nexusctl.output.templates import fields_of
    from nexusd.contract.assets import Asset, AssetList

    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    form = choose_form(fields_of(Asset) if template else None, as_json=as_json, ids=quiet, template=template)
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering
        from nexusctl.commands.naming import name_job
        from nexusctl.output.assets import format_assets

        job_id = None if job is None else name_job(nexus, screen, job)

        def make_call(count: int, cursor: str | None) -> Any:
            return calls.list_assets(
                nexus.company, source_task_id=task, job_id=job_id, namespace=namespace, limit=count, cursor=cursor
            )

        answering = Answering(nexus, screen, form)
        answering.answer_list(make_call, limit, format_assets, model=AssetList, empty="no assets")
