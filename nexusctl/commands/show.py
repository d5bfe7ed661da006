"""`nexusctl show`: one job in full."""

from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import Format, JobId, Json, NoPreview

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Show one job: status, error, attempts, assets."
EXAMPLES = (
    "nexusctl show 01985c1e-7f3a-7c52-9d43-0242ac120002",
    "nexusctl show - --input",
    "nexusctl show ac120002 --format '{status} {attempts.0.cpuSeconds}'",
)


def run(
    context: typer.Context,
    job: JobId,
    with_input: Annotated[bool, typer.Option("--input", help="Show the job's input too.")] = False,
    as_json: Json = False,
    template: Format = None,
    no_preview: NoPreview = False,
) -> None:
    """Show one job: status, error, attempts, assets.

    Of each attempt: how it ended, what it took of processor and memory, and how its process was held. Of each asset: what made
    it. With --json all of that and the input. A result that is a PNG is shown, where the terminal can.
    """
    from nexusctl.output.forms import choose_form
    from nexusctl.output.templates import fields_of
    from nexusd.contract.jobs import Job

    session: Session = context.obj.without_preview() if no_preview else context.obj
    screen = session.screen()
    form = choose_form(fields_of(Job) if template else None, as_json=as_json, template=template)
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.answering import Answering
        from nexusctl.commands.naming import name_job
        from nexusctl.output.present import format_job

        call = calls.get_job(nexus.company, name_job(nexus, screen, job))
        shown = Answering(nexus, screen, form).answer(
            call, lambda found, style: format_job(found, style, with_input=with_input)
        )
        if form.is_for_people:
            from nexusctl.commands.preview import show_preview

            show_preview(session, nexus, screen, shown.assets, shown.result_asset_id)
