"""`nexusctl version`. `__main__` answers the plain form without importing even this."""

import typer

from nexusctl.commands.options import Json

SHORT_HELP = "Print the version of nexusctl."
EXAMPLES = ("nexusctl version",)


def run(context: typer.Context, as_json: Json = False) -> None:
    """Print the version of nexusctl. Contacts nothing; `nexusctl status` tells the daemon's."""
    from nexusctl.output.screen import Screen
    from nexusd import __version__

    screen = Screen()
    if as_json:
        screen.write_json(f'{{"version":"{__version__}"}}')
    else:
        screen.write(f"nexusctl {__version__}")
