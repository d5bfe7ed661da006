"""x"""

import typer

SHORT_HELP = "x."
EXAMPLES = ("nexusctl doctor",)


def run(context: typer.Context) -> None:
    """x"""
