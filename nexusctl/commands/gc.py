"""`nexusctl gc`: the garbage of the store is collected."""

from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import Quiet

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Delete stored files that no asset has."
EXAMPLES = ("nexusctl gc --dry-run", "nexusctl gc")


def run(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, delete nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each answer of the API on a line.")] = False,
    quiet: Quiet = False,
) -> None:
    """Delete stored files that no asset has, and bytes that no file has. Prints one line for each file.

    Such files are left by a crash or by a full disk. Only those go that are older than an hour.
    """
    import json

    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.output.present import format_size
        from nexusctl.output.text import clean_line

        files = freed = 0
        while True:
            call = calls.collect_garbage(dry_run=dry_run)
            body = nexus.send(call)
            report = call.parse(body)
            if as_json:
                screen.write_json_line(json.loads(body))
            else:
                for file in report.files:
                    screen.write(clean_line(f"{file.reason} {format_size(file.byte_size)} {file.object_key}"))
            files, freed = files + len(report.files), freed + report.bytes_freed
            if report.complete or dry_run or not report.files:
                break
        more = "" if report.complete else ", and there is more"
        screen.note(f"{files} files, {format_size(freed)} {'would be ' if dry_run else ''}freed{more}")
