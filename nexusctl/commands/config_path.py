"""`nexusctl config path`: where the configuration file is, or would be."""

import typer

SHORT_HELP = "Print where the configuration file is, or would be."
EXAMPLES = ("nexusctl config path", '"${EDITOR:-vi}" "$(nexusctl config path)"')


def run(context: typer.Context) -> None:
    """Print where the configuration file is, or would be. It need not exist."""
    from nexusctl.commands.settings import config_path
    from nexusctl.output.screen import Screen

    Screen().write(str(config_path()))
