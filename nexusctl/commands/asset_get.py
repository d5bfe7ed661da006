"""`nexusctl asset get`: an asset's bytes, into a file or to standard output."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nexusctl.commands.options import AssetId, Json

if TYPE_CHECKING:
    from nexusctl.commands.session import Session
    from nexusctl.output.files import Target
    from nexusd.contract.assets import Asset

SHORT_HELP = "Fetch an asset into a file, or to standard output."
EXAMPLES = (
    "nexusctl asset get 01985c1e-7f3a-7c52-9d43-0242ac120002 -o flow.svg",
    "nexusctl asset get 01985c1e-7f3a-7c52-9d43-0242ac120002 -o - | less",
)


def run(
    context: typer.Context,
    asset: AssetId,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="OUT", help="Where it goes; - is standard output. Default: under its own name, here."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch an asset into a file, or to standard output. Prints the path.

    Without -o an existing file is never overwritten. With --json the asset's row is printed instead of the path.
    """
    from nexusctl.errors import UsageError
    from nexusctl.output.files import STDOUT, Target

    if as_json and out == STDOUT:
        raise UsageError("--json and -o - both want standard output", hint="name a file with -o FILE")
    session: Session = context.obj
    screen = session.screen()
    target = None if out is None else Target(None if out == STDOUT else Path(out))
    if target is not None:
        target.check()
    with session.connect(screen) as nexus:
        from nexusctl.client import calls
        from nexusctl.commands.naming import name_asset

        asset = name_asset(nexus, screen, asset)
        call = calls.get_asset(nexus.company, asset)
        body = nexus.send(call)
        row = call.parse(body)
        target = target or choose_target(row)
        target.save(nexus.download_asset(asset), sha256=row.sha256, byte_size=row.byte_size)
        if as_json:
            screen.write_json(body)
        elif target.path is not None:
            screen.write(str(target.path))


def choose_target(asset: "Asset") -> "Target":
    """Return a file under the asset's own name in the current folder. Raises UsageError when there is one already."""
    from nexusctl.errors import UsageError
    from nexusctl.output.files import Target

    path = Path(safe_name(asset.original_filename) or asset.id)
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} exists already", hint="say where the asset goes with -o FILE")
    target = Target(path)
    target.check()
    return target


def safe_name(name: str | None) -> str:
    """Return a file name of somebody else's as one that stays in this folder, is not hidden, and is no option of a program."""
    from nexusctl.output.text import clean_line

    return clean_line(name or "").replace("\\", "/").rpartition("/")[2].lstrip(".-").strip()
