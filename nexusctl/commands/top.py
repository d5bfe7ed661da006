"""`nexusctl top`: what the daemon does, live."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nexusctl.commands.session import Session

SHORT_HELP = "Watch the jobs of a company on a full screen, live."
EXAMPLES = ("nexusctl top", "nexusctl top --company acme", "nexusctl top --once")


def run(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Print what there is now, as text, and exit.")] = False,
) -> None:
    """Watch the jobs of a company on a full screen: what runs, what waits, what failed.

    Keys: j and k or the arrows choose a job; c cancels it after a question, r submits it once more, o opens its result,
    l follows its log; p pauses and resumes the queue; ? shows the keys, q leaves. The jobs go on.
    """
    session: Session = context.obj
    screen = session.screen()
    if not once:
        check_terminal()
    with session.connect(screen) as nexus:
        from nexusctl.commands.board_loop import print_board, run_board

        if once:
            print_board(nexus, screen)
        else:
            run_board(session, nexus, screen)


def check_terminal() -> None:
    """Refuse what cannot show a full screen. Raises UsageError."""
    import os
    import sys

    from nexusctl.errors import UsageError

    hint = "`nexusctl events -f` follows what happens, `nexusctl ls` lists jobs, `nexusctl top --once` prints what top shows"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("top needs a terminal to read keys from and to draw on", hint=hint)
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        raise UsageError("this terminal cannot show a full screen (TERM is dumb or not set)", hint=hint)
