"""The command line: global options, the verbs, and what becomes of every error.

Owns parsing and exit codes. Only the module of the verb that was asked for is imported, all of them for `--help`.

Global options may stand anywhere (`nexusctl ls --company x` is what people type), so they are moved to the front before
parsing; but what stands behind a verb that has such an option of its own (`OWN`) is that verb's.

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

from nexusctl.commands.session import Session, open_session
from nexusctl.errors import ExitCode, Interrupted, NexusctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType, ModuleType

    from nexusctl.commands.settings import Given

VERBS: Final = (
    "render",
    "submit",
    "ls",
    "task",
    "show",
    "why",
    "logs",
    "watch",
    "wait",
    "events",
    "top",
    "open",
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
    "company ls",
    "company show",
    "company add",
    "pause",
    "resume",
    "gc",
    "backup",
    "restore",
    "config show",
    "config path",
    "config check",
    "status",
    "doctor",
    "completion",
    "version",
)
GROUPS: Final = {
    "asset": "List, show, fetch, store, pin, delete and verify assets.",
    "renderers": "List what can be rendered, and show one renderer.",
    "company": "List, show and add companies.",
    "config": "Show and check what nexusctl itself is told.",
}
ALIASES: Final = {"asset-get": "asset get"}
"""What a verb was called once. Not shown, not taken away."""
_FLAGS: Final = ("--verbose", "--no-start")
_VALUED: Final = ("--socket", "--company", "--profile", "--timeout", "--time", "--color")
OWN: Final = {"submit": ("--timeout",), "wait": ("--timeout",)}
"""Verbs that have an option of the name of a global one: behind the verb it is theirs."""
UNSETTLED: Final = ("config show", "config path", "config check", "completion", "doctor", "version")
"""Verbs that work although the settings are wrong: they get what is given, not a session."""
_EPILOG: Final = (
    "Exit codes: 0 done, 1 the job did not end done, 2 usage, 3 no daemon answers, 4 the daemon refused, 124 timed out, 130 "
    "interrupted. Global options may stand before or after COMMAND."
)


def run(arguments: Sequence[str]) -> NoReturn:
    """Run one command line and exit."""
    signal.signal(signal.SIGTERM, _end_orderly)  # so that temporary files go and the terminal is put back
    ordered = hoist(arguments)
    app = build(ordered)
    typer.main.get_command(app).main(args=ordered, prog_name="nexusctl")
    sys.exit(ExitCode.DONE)


def hoist(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the global options in front; what follows `--` stays, and what is the verb's own."""
    front: list[str] = []
    rest: list[str] = []
    own: tuple[str, ...] | None = None
    remaining = iter(arguments)
    for argument in remaining:
        name = argument.partition("=")[0]
        if argument == "--":
            rest += [argument, *remaining]
        elif name in (own or ()) or not (argument in _FLAGS or name in _VALUED):
            if own is None and not argument.startswith("-"):  # the verb
                own = OWN.get(argument, ())
            rest.append(argument)
        elif argument in _VALUED:
            front += [argument, *(value for value in (next(remaining, None),) if value is not None)]
        else:
            front.append(argument)
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
        module = _module_of(verb)
        group, _, name = verb.rpartition(" ")
        if group and group not in groups:
            groups[group] = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
            app.add_typer(groups[group], name=group, help=GROUPS[group])
        place = groups.get(group, app)
        place.command(name, short_help=module.SHORT_HELP, epilog=_epilog(verb, module.EXAMPLES))(
            _guarded(module.run, settled=verb not in UNSETTLED)
        )
    return app


def _epilog(verb: str, examples: Sequence[str]) -> str:
    shown = "".join(f"\n  {example}" for example in examples)
    # \b keeps the formatter from filling the lines of a paragraph.
    options = ", ".join(option for option in (*_VALUED, *_FLAGS) if option not in OWN.get(verb, ()))
    return f"\b\nExamples:{shown}\n\nGlobal options ({options}) may stand here too."


def _verbs_in(arguments: Sequence[str]) -> Sequence[str]:
    """Return the verb that is asked for; all of its group when that alone is, and all there are when it is none of them."""
    if verb := find_verb(arguments):
        return [verb]
    first = next(words_in(arguments), "")
    return [verb for verb in VERBS if verb.startswith(f"{first} ")] or VERBS


def find_verb(arguments: Sequence[str]) -> str:
    """Return the verb on a command line, finished or not; "" when there is none."""
    words = words_in(arguments)
    first, second = next(words, ""), next(words, "")
    return next((verb for verb in (f"{first} {second}", first) if verb in VERBS or verb in ALIASES), "")


def words_in(arguments: Sequence[str]) -> Iterator[str]:
    """Yield what is neither an option nor the value of a global one: the verb first."""
    remaining = iter(arguments)
    for argument in remaining:
        if argument in _VALUED:
            next(remaining, None)
        elif not argument.startswith("-"):
            yield argument


def given_in(arguments: Sequence[str]) -> Given:
    """Return the global options with a value that stand on a command line, finished or not."""
    from nexusctl.commands.settings import Given

    given: dict[str, str] = {}
    remaining = iter(hoist(arguments))
    for argument in remaining:
        name, sign, value = argument.partition("=")
        if name not in _VALUED:
            break
        given[name.removeprefix("--")] = value if sign else next(remaining, "")
    return Given(given)


def short_help(verb: str) -> str:
    """Return what a verb does, on one line."""
    module = _module_of(verb)
    return str(module.SHORT_HELP)


def _module_of(verb: str) -> ModuleType:
    return import_module(f"nexusctl.commands.{ALIASES.get(verb, verb).replace(' ', '_')}")


def _globals(
    context: typer.Context,
    socket: Annotated[str | None, typer.Option("--socket", metavar="PATH", help="The daemon's socket.")] = None,
    company: Annotated[str | None, typer.Option("--company", metavar="COMPANY", help="A company's slug or id.")] = None,
    profile: Annotated[str | None, typer.Option("--profile", metavar="NAME", help="A profile of the configuration.")] = None,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="SECONDS", help="How long a daemon may be away, busy or silent; default 30."),
    ] = None,
    time: Annotated[str | None, typer.Option("--time", metavar="STYLE", help="relative, iso or unix.")] = None,
    color: Annotated[str | None, typer.Option("--color", metavar="WHEN", help="auto, always or never.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the stable name of an error.")] = False,
    no_start: Annotated[bool, typer.Option("--no-start", help="Do not start nexusd when none answers: exit with 3.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """Control nexusd: render files, submit jobs, follow them, fetch what they made.

    Options with a value may also be given as NEXUSCTL_SOCKET and so on, or in the file that `nexusctl config path` names.
    A job or an asset may be named by any beginning of its id, by an ending of six characters or more, or by - for the newest.
    """
    from nexusctl.commands.settings import Given

    given = {"socket": socket, "company": company, "profile": profile, "timeout": timeout, "time": time, "color": color}
    context.obj = Given({name: value for name, value in given.items() if value is not None}, verbose, no_start)


def _guarded(verb: Callable[..., None], *, settled: bool = True) -> Callable[..., None]:
    """Return the verb with its errors turned into lines and exit codes; a `settled` one is given a session."""

    @functools.wraps(verb)
    def guarded(context: typer.Context, *args: Any, **kwargs: Any) -> None:
        try:
            if settled and not isinstance(context.obj, Session):
                context.obj = open_session(context.obj)
            verb(context, *args, **kwargs)
            sys.stdout.flush()
        except NexusctlError as error:
            _exit_with(error, context.obj)
        except KeyboardInterrupt:
            _exit_with(Interrupted("interrupted"), context.obj)
        except BrokenPipeError:
            _leave_silently()

    return guarded


def _exit_with(error: NexusctlError, told: Session | Given) -> NoReturn:
    from nexusctl.output.screen import write_error

    try:
        write_error(error, verbose=told.verbose, colour=told.colour if isinstance(told, Session) else "auto")
    except BrokenPipeError:
        _leave_silently()
    sys.exit(error.exit_code)


def _leave_silently() -> NoReturn:
    from nexusctl.output.screen import silence

    silence()
    sys.exit(ExitCode.BROKEN_PIPE)


def _end_orderly(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(ExitCode.TERMINATED)
