"""`nexusd`: reads the command line and the settings, and runs the daemon in the foreground, or restores a backup.

Exit codes: 0 stopped in order, restored; 1 an error nobody expected (its traceback is in the log); 2 usage; 75 another daemon
is running; 78 the daemon cannot start as things are, or the backup cannot be restored, and it says why in one line; 130
interrupted while starting.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexusd import __version__
from nexusd.errors import AlreadyRunning, InvalidSettings, StartRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexusd.settings import Settings

logger = logging.getLogger("nexusd")

FAILPOINTS_VARIABLE: Final = "NEXUSD_FAILPOINTS"
EXIT_ERROR: Final = 1
EXIT_INTERRUPTED: Final = 130
EXIT_ALREADY_RUNNING: Final = 75
EXIT_REFUSED: Final = 78
PRIVATE_UMASK: Final = 0o077
UNIT_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon; return its exit code."""
    given = _parse(arguments)
    os.umask(PRIVATE_UMASK)
    try:
        return _run(given)
    except StartRefused as refused:
        print(f"nexusd: {refused}", file=sys.stderr)  # noqa: T201 - the log may not be set up yet
        return EXIT_ALREADY_RUNNING if isinstance(refused, AlreadyRunning) else EXIT_REFUSED
    except KeyboardInterrupt:  # before the daemon listens to signals itself
        return EXIT_INTERRUPTED
    except Exception:
        logger.critical("nexusd ends by an unexpected error", exc_info=True)
        return EXIT_ERROR


def _run(given: argparse.Namespace) -> int:
    if given.check:
        return _check(given)
    gc.disable()  # the imports make nothing but what stays; `daemon.run` sets the collector going
    import trio  # late, so that --version and --help are quick

    from nexusd import daemon, logs
    from nexusd.renderers.own import make_specs
    from nexusd.renderers.registry import Registry
    from nexusd.settings import load_settings

    settings: Settings = load_settings(
        socket=given.socket,
        state_directory=given.state_directory,
        idle_exit_seconds=given.idle_exit,
        log_level=given.log_level,
    )
    logs.configure(settings.log_level, settings.log_format)
    if given.verb == "restore":
        return _restore(given.directory, settings.state_directory, given.incomplete)
    _arm_failpoints(given.unsafe_failpoints)
    registry = Registry.load(make_specs(settings.renderers))
    with daemon.bind(settings) as listener:
        trio.run(daemon.run, settings, listener, registry)
    return 0


def _check(given: argparse.Namespace) -> int:
    """Say what a daemon would start with, as a document; 0 when its settings are right."""
    from nexusd.setup import describe_setup

    setup = describe_setup(socket=given.socket, state_directory=given.state_directory, idle_exit_seconds=given.idle_exit)
    print(setup.model_dump_json(by_alias=True))  # noqa: T201 - the answer
    return EXIT_REFUSED if setup.reason else 0


def _restore(directory: Path, state: Path, incomplete: bool) -> int:
    from nexusd.service.restoring import restore

    restored = restore(directory.absolute(), state, incomplete=incomplete)
    backup = restored.backup
    lost = f", {restored.lost} assets were lost" if restored.lost else ""
    print(  # noqa: T201 - the answer
        f"restored {backup.jobs} jobs and {backup.assets - restored.lost} assets of {backup.created_at:%Y-%m-%d %H:%M:%S} UTC "
        f"into {state}{lost}"
    )
    return 0


def _arm_failpoints(is_allowed: bool) -> None:
    from nexusd import failpoints

    wanted = os.environ.get(FAILPOINTS_VARIABLE, "")
    if not is_allowed:
        if wanted:
            logger.warning("failpoints are ignored without --unsafe-failpoints", extra={"variable": FAILPOINTS_VARIABLE})
        return
    try:
        failpoints.arm(wanted)
    except ValueError as error:
        raise InvalidSettings(f"{FAILPOINTS_VARIABLE}: {error}.") from None
    logger.warning("failpoints are armed: this daemon breaks on purpose", extra={"failpoints": failpoints.armed_names()})


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nexusd", description="Own and run content-generation jobs; serve them on a Unix socket."
    )
    parser.add_argument("--version", action="version", version=f"nexusd {__version__}")
    parser.add_argument(
        "--socket", type=Path, metavar="PATH", help="where to listen (default: $XDG_RUNTIME_DIR/nexusd/nexusd.sock)"
    )
    parser.add_argument(
        "--state-directory", type=Path, metavar="PATH", help="database, assets, logs (default: $XDG_STATE_HOME/nexusd)"
    )
    parser.add_argument("--idle-exit", type=_seconds, metavar="TIME", help="end after so long without work: 10m, 90s, 1h")
    parser.add_argument("--log-level", choices=["debug", "info", "warning", "error"])
    parser.add_argument(
        "--check", action="store_true", help="start nothing: check the settings and print, as JSON, what they come to"
    )
    parser.add_argument(
        "--unsafe-failpoints",
        action="store_true",
        help=f"for tests only: let {FAILPOINTS_VARIABLE} break this daemon on purpose; never on data you want to keep",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="", title="instead of being the daemon")
    restoring = verbs.add_parser(
        "restore",
        help="make the state directory of a backup",
        description="Make the state directory of what `nexusctl backup` made. It must be empty, and no daemon run in it.",
    )
    restoring.add_argument("directory", type=Path, metavar="DIRECTORY", help="the backup")
    restoring.add_argument("--incomplete", action="store_true", help="leave out the assets whose files are damaged or missing")
    restoring.add_argument(
        "--state-directory", type=Path, metavar="PATH", default=argparse.SUPPRESS, help="where it goes, if not the usual place"
    )
    return parser.parse_args(arguments)


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if found is None or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 90s, 10m or 1h")
    return float(found[1]) * UNIT_SECONDS[found[2]]


if __name__ == "__main__":
    sys.exit(main())
