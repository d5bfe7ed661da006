"""`nexusctl config show`: what counts, and who said it."""

from typing import TYPE_CHECKING

import typer

from nexusctl.commands.options import Json

if TYPE_CHECKING:
    from nexusctl.commands.settings import Given

SHORT_HELP = "Show every setting, and who said it."
EXAMPLES = ("nexusctl config show", "nexusctl config show --profile work --json")


def run(context: typer.Context, as_json: Json = False) -> None:
    """Show every setting that counts, and who said it: an option, a variable, a profile, the file, or nobody.

    Contacts nothing.
    """
    import json

    from nexusctl.commands.settings import resolve, with_defaults
    from nexusctl.output.present import format_fields
    from nexusctl.output.screen import Screen
    from nexusctl.output.text import clean_line

    given: Given = context.obj
    screen = Screen()
    found = with_defaults(resolve(given))
    told = {key: {"value": _plain(setting.value), "origin": setting.origin} for key, setting in found.items()}
    if as_json:
        screen.write_json(json.dumps(told))
    else:
        lines = [(key, clean_line(f"{setting['value']} ({setting['origin']})")) for key, setting in told.items()]
        screen.write(format_fields(lines, screen.style))


def _plain(value: object) -> object:
    return value if isinstance(value, int | float | str) else str(value)
