"""`nexusctl backup`: a copy of everything, while everything goes on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import Json, Quiet

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Make a backup of all jobs and assets."
EXAMPLES = ("nexusctl backup /mnt/disk/nexusd-monday", "nexusctl backup ~/backups/today --json")


def run(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or an empty folder.", show_default=False)],
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make a backup of all jobs and assets in a folder, while nexusd works on. Prints the folder's path.

    On the same disk the files are hard links and take no room; elsewhere they are copied. Logs of jobs are left out.
    Exit code 1: the backup is made, but some assets have no whole file that could be in it.
    `nexusctl restore` brings it back.
    """
    import uuid

    from nexusctl.errors import AssetsDamaged

    session: Session = context.obj
    screen = session.screen(quiet=quiet)
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.output.present import format_size
        from nexusctl.output.text import clean_line

        call = calls.back_up(str(directory.expanduser().absolute()), str(uuid.uuid4()))
        body = nexus.send(call)
        made = call.parse(body)
    if as_json:
        screen.write_json(body)
    else:
        screen.note(f"{made.jobs} jobs, {made.assets} assets ({format_size(made.asset_bytes)}), {made.copied} of them copied")
        screen.write(clean_line(made.directory))
    if made.elsewhere:
        screen.note(f"{made.elsewhere} assets lie with another provider and are not in the backup")
    if made.damaged:
        raise AssetsDamaged(
            f"{made.damaged} assets have no whole file in the store, so neither in the backup",
            hint="\n".join(clean_line(asset_id) for asset_id in made.damaged_ids[:10]),
        )
