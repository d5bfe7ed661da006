"""`nexusctl asset ls`: the assets, newest first."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nexusctl.commands.options import Json, Limit, refuse_empty_if_given

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "List assets, newest first."
EXAMPLES = (
    "nexusctl asset ls",
    "nexusctl asset ls --task chat-42",
    "nexusctl asset ls --namespace attachments --limit 5",
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Ids only.")] = False,
) -> None:
    """List assets, newest first: what jobs made and what was uploaded."""
    from nexusctl.commands.paging import fetch_pages
    from nexusctl.output.screen import Screen

    session: Session = context.obj
    screen = Screen(quiet=quiet)
    with session.connect(screen) as nexus:
        from nexusctl.client import calls

        def make_call(count: int, cursor: str | None) -> Any:
            return calls.list_assets(
                nexus.company, source_task_id=task, job_id=job, namespace=namespace, limit=count, cursor=cursor
            )

        document = fetch_pages(nexus, make_call, limit)
    if as_json:
        screen.write_json(json.dumps(document))
        return
    from nexusctl.output.assets import format_assets
    from nexusctl.output.text import clean_line
    from nexusd.contract.assets import AssetList

    assets = AssetList.model_validate(document).items
    if quiet:
        for asset in assets:
            screen.write(clean_line(asset.id))
    elif assets:
        screen.write(format_assets(assets, screen.style))
    else:
        screen.note("no assets")
