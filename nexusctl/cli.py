"""The command line: global options, the verbs, and what becomes of every error.

Owns parsing and exit codes. Only the module of the verb that was asked for is imported, all of them for `--help`.

Global options may stand anywhere (`nexusctl ls --company x` is what people type), so they are moved to the front before
parsing.

Invariant: whatever happens below, the process ends with a code of `errors.ExitCode` and at most a few lines on standard
error, never with a traceback.
"""

from __future__ import annotations

import functools
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from nexusctl.commands.session import Session
from nexusctl.errors import ExitCode, Interrupted, NexusctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

VERBS: Final = (
    "render",
    "submit",
    "ls",
    "show",
    "why",
    "logs",
    "watch",
    "cancel",
    "retry",
    "asset ls",
    "asset show",
    "asset get",
    "asset put",
    "asset rm",
    "asset pin",
    "asset unpin",
    "asset verify",
    "renderers",
    "renderers show",
    "pause",
    "resume",
    "gc",
    "backup",
    "restore",
    "status",
    "version",
)
GROUPS: Final = {
    "asset": "List, show, fetch, store, pin, delete and verify assets.",
    "renderers": "List what can be rendered, and show one renderer.",
}
ALIASES: Final = {"asset-get": "asset get"}
"""What a verb was called once. Not shown, not taken away."""
_FLAGS: Final = ("--verbose", "--no-start")
_VALUED: Final = ("--socket", "--company")
_EPILOG: Final = (
    "Exit codes: 0 done, 1 the job did not end done, 2 usage, 3 no daemon answers, 4 the daemon refused, 130 interrupted. "
    "Global options may stand before or after COMMAND."
)


def run(arguments: Sequence[str]) -> NoReturn:
    """Run one command line and exit."""
    signal.signal(signal.SIGTERM, _end_orderly)  # so that temporary files go and the terminal is put back
    ordered = hoist(arguments)
    app = build(ordered)
    typer.main.get_command(app).main(args=ordered, prog_name="nexusctl")
    sys.exit(ExitCode.DONE)


def hoist(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the global options in front; what follows `--` stays."""
    front: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            rest += [argument, *remaining]
        elif argument in _FLAGS or argument.startswith(tuple(f"{name}=" for name in _VALUED)):
            front.append(argument)
        elif argument in _VALUED:
            front += [argument, *(value for value in (next(remaining, None),) if value is not None)]
        else:
            rest.append(argument)
    return front + rest


def build(arguments: Sequence[str]) -> typer.Typer:
    """Return the application with the verb that the arguments ask for, or with all when they ask for none that exists."""
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        epilog=_EPILOG,
        context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 80},
    )
    app.callback()(_globals)
    groups: dict[str, typer.Typer] = {}
    for verb in _verbs_in(arguments):
        module = import_module(f"nexusctl.commands.{ALIASES.get(verb, verb).replace(' ', '_')}")
        group, _, name = verb.rpartition(" ")
        if group and group not in groups:
            groups[group] = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
            app.add_typer(groups[group], name=group, help=GROUPS[group])
        place = groups.get(group, app)
        place.command(name, short_help=module.SHORT_HELP, epilog=_epilog(module.EXAMPLES))(_guarded(module.run))
    return app


def _epilog(examples: Sequence[str]) -> str:
    shown = "".join(f"\n  {example}" for example in examples)
    # \b keeps the formatter from filling the lines of a paragraph.
    return f"\b\nExamples:{shown}\n\nGlobal options ({', '.join((*_VALUED, *_FLAGS))}) may stand here too."


def _verbs_in(arguments: Sequence[str]) -> Sequence[str]:
    """Return the verb that is asked for; all of its group when that alone is, and all there are when it is none of them."""
    words = _words_in(arguments)
    first, second = next(words, ""), next(words, "")
    for verb in (f"{first} {second}", first):
        if verb in VERBS or verb in ALIASES:
            return [verb]
    return [verb for verb in VERBS if verb.startswith(f"{first} ")] or VERBS


def _words_in(arguments: Sequence[str]) -> Iterator[str]:
    remaining = iter(arguments)
    for argument in remaining:
        if argument in _VALUED:
            next(remaining, None)
        elif not argument.startswith("-"):
            yield argument


def _globals(
    context: typer.Context,
    socket: Annotated[
        str | None,
        typer.Option("--socket", metavar="PATH", envvar="NEXUSCTL_SOCKET", help="The daemon's socket.", show_default=False),
    ] = None,
    company: Annotated[
        str, typer.Option("--company", metavar="COMPANY", envvar="NEXUSCTL_COMPANY", help="A company's slug or id.")
    ] = "default",
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the stable name of an error.")] = False,
    no_start: Annotated[bool, typer.Option("--no-start", help="Do not start nexusd when none answers: exit with 3.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """Control nexusd: render files, submit jobs, follow them, fetch what they made."""
    from pathlib import Path

    from nexusd.contract.paths import default_socket_path

    options: list[str] = []
    if socket is not None:
        options += ["--socket", socket]
    if company != "default":
        options += ["--company", company]
    context.obj = Session(Path(socket) if socket else default_socket_path(), company, verbose, no_start, tuple(options))


def _guarded(verb: Callable[..., None]) -> Callable[..., None]:
    """Return the verb with its errors turned into lines and exit codes."""

    @functools.wraps(verb)
    def guarded(context: typer.Context, *args: Any, **kwargs: Any) -> None:
        try:
            verb(context, *args, **kwargs)
            sys.stdout.flush()
        except NexusctlError as error:
            _exit_with(error, verbose=context.obj.verbose)
        except KeyboardInterrupt:
            _exit_with(Interrupted("interrupted"), verbose=context.obj.verbose)
        except BrokenPipeError:
            _leave_silently()

    return guarded


def _exit_with(error: NexusctlError, *, verbose: bool) -> NoReturn:
    from nexusctl.output.screen import write_error

    try:
        write_error(error, verbose=verbose)
    except BrokenPipeError:
        _leave_silently()
    sys.exit(error.exit_code)


def _leave_silently() -> NoReturn:
    from nexusctl.output.screen import silence

    silence()
    sys.exit(ExitCode.BROKEN_PIPE)


def _end_orderly(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(ExitCode.TERMINATED)
