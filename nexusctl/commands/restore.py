"""`nexusctl restore`: a backup becomes the state directory again. Runs `nexusd restore`: no daemon may be there to ask."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Restore a backup, when no nexusd runs and nothing is there."
EXAMPLES = ("nexusctl restore /mnt/disk/nexusd-monday", "nexusctl restore --incomplete ~/backups/damaged")


def run(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The backup.", show_default=False)],
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Leave out the assets whose files are damaged or missing.")
    ] = False,
) -> None:
    """Restore a backup into the state directory, which must be empty. nexusd must not run.

    Every file is read and compared with its row. Jobs that ran when the backup was made run again.
    """
    import subprocess
    import sys

    from nexusctl.errors import Refused
    from nexusctl.output.text import clean

    session: Session = context.obj
    command = [sys.executable, "-P", "-m", "nexusd", "restore", str(directory.expanduser().absolute())]
    done = subprocess.run(
        [*command, *(["--incomplete"] if incomplete else [])],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    said = clean(done.stderr).strip().removeprefix("nexusd: ")
    if done.returncode:
        raise Refused(said or f"nexusd ended with {done.returncode}", slug="restore-refused", status=0, hint=_hint(session))
    session.screen().write(clean(done.stdout).strip())


def _hint(session: "Session") -> str | None:
    """Return which process is in the way, if one is."""
    from nexusctl.errors import NexusctlError

    try:
        with session.connect(session.screen(quiet=True), may_start=False) as nexus:
            return f"nexusd runs as process {nexus.status().pid}: end that first"
    except NexusctlError:
        return None
