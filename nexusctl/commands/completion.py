"""`nexusctl completion`: the script by which a shell completes nexusctl's command lines.

What is completed is found by `completing`, which the scripts run as `nexusctl __complete`.
"""

from typing import Annotated

import typer

SHORT_HELP = "Print the script that completes command lines in a shell."
EXAMPLES = (
    'eval "$(nexusctl completion bash)"',
    "nexusctl completion zsh > ~/.zfunc/_nexusctl",
    "nexusctl completion fish | source",
)


def run(
    context: typer.Context,
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", show_default=False)],
) -> None:
    """Print the script that completes verbs, options, ids, job types, source tasks and names of files in a shell.

    Jobs and the like are asked of the daemon that runs; without one, or when it is slow, they are not completed.
    """
    from nexusctl.commands.completion_scripts import SCRIPTS
    from nexusctl.errors import UsageError
    from nexusctl.output.screen import Screen

    if shell not in SCRIPTS:
        raise UsageError(f"there is no completion for {shell}", hint=f"choose one of {', '.join(SCRIPTS)}")
    Screen().write(SCRIPTS[shell].rstrip("\n"))
