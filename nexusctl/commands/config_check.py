"""`nexusctl config check`: all that is wrong in the configuration file."""

from typing import TYPE_CHECKING

import typer

from nexusctl.commands.options import Json

if TYPE_CHECKING:
    from nexusctl.commands.settings import File

SHORT_HELP = "Check the configuration file, and tell all that is wrong."
EXAMPLES = ("nexusctl config check", "nexusctl config check --json")


def run(context: typer.Context, as_json: Json = False) -> None:
    """Check the configuration file, and tell all that is wrong, by line and key. Exit code 2 when something is."""
    import json

    from nexusctl.commands.settings import config_path, read_file
    from nexusctl.errors import UsageError
    from nexusctl.output.screen import Screen
    from nexusctl.output.text import clean_line

    screen = Screen()
    file = read_file(config_path())
    if as_json:
        screen.write_json(json.dumps(as_document(file)))
    else:
        for wrong in file.wrong:
            place = f"{file.path}:{wrong.line}" if wrong.line else str(file.path)
            screen.write(clean_line(f"{place}: {f'{wrong.key}: ' if wrong.key else ''}{wrong.reason}"))
    if file.wrong:
        raise UsageError(f"{len(file.wrong)} things are wrong in {file.path}", hint="nothing is done with it as it is")
    screen.note("all as it should be" if file.exists else f"there is no {file.path}, and there need be none")


def as_document(file: "File") -> dict[str, object]:
    """Return what was found, for scripts."""
    wrong = [{"line": each.line or None, "key": each.key or None, "reason": each.reason} for each in file.wrong]
    return {"path": str(file.path), "exists": file.exists, "wrong": wrong}
