"""All the checks of `nexusctl doctor`, in the order in which one thing rests on another.

Owns which checks there are, whom they may ask, and that one that breaks does not end the others. What each looks at is in
`diagnosis_*`. Starts no daemon, mends nothing, writes nothing.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from nexusctl.commands import diagnosis_daemon, diagnosis_database, diagnosis_places, diagnosis_units
from nexusctl.commands.findings import failed, ok, skipped
from nexusctl.commands.session import Session, open_session
from nexusctl.commands.settings import config_path, read_file
from nexusctl.errors import NexusctlError, UsageError
from nexusd import __version__
from nexusd.contract.doctor import Check, Diagnosis, Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.settings import Given

SETUP_SECONDS: Final = 30.0


def examine(given: Given, *, tell: Callable[[Check], None], deep: bool) -> Diagnosis:
    """Carry out every check, and `tell` of each as it is done."""
    found: list[Check] = []

    def take(checks: Iterable[Check]) -> None:
        for check in checks:
            found.append(check)
            tell(check)

    setup = _ask_setup()
    session, refusal = _open_session(given)
    take(_configuration(refusal))
    take(_settings(setup))
    socket = None if session is None else session.socket.absolute()
    with ExitStack() as stack:
        nexus = None
        if session is not None and socket is not None:
            take(_guard("socket", diagnosis_places.look_at_socket(socket)))
            if found[-1].outcome == "ok":  # the last that is said of a socket is whether somebody there is well
                nexus = stack.enter_context(session.connect(session.screen(quiet=True), may_start=False))
        take(_all_others(nexus, setup, deep=deep))
    healthy = not any(check.outcome == "failed" for check in found)
    return Diagnosis(version=__version__, socket=None if socket is None else str(socket), checks=found, healthy=healthy)


def _all_others(nexus: Nexus | None, setup: Setup | None, *, deep: bool) -> Iterator[Check]:
    status = None if nexus is None else diagnosis_daemon.ask_status(nexus)
    examination = None if nexus is None else diagnosis_daemon.ask_examination(nexus)
    state = diagnosis_places.find_state(status, setup)
    if nexus is not None:
        yield from _guard("version", diagnosis_daemon.compare_versions(status))
    yield from _guard("state directory", diagnosis_places.look_at_state(state))
    holder = None if state is None else diagnosis_places.find_holder(state)
    if nexus is None:
        yield from _guard("daemon", diagnosis_places.look_for_hidden_daemon(holder))
        yield from _guard("database", diagnosis_database.look_at_file(state, setup, holder))
    else:
        yield from _guard("database", diagnosis_daemon.look_at_database(examination, status))
    yield from _guard("stored files", diagnosis_daemon.compare_files(nexus, deep=deep))
    yield from _guard("sandbox", diagnosis_daemon.look_at_sandbox(status))
    yield from _guard("renderers", diagnosis_daemon.look_at_renderers(nexus))
    yield from _guard("disk", diagnosis_places.look_at_disk(setup, examination))
    yield from _guard("units", diagnosis_units.look_at_units())
    yield from _guard(
        "leftovers", diagnosis_places.look_for_leftovers(state, has_daemon=nexus is not None or holder is not None)
    )


def _guard(name: str, checks: Iterable[Check]) -> Iterator[Check]:
    """Yield the checks; one that cannot be carried out has failed."""
    try:
        yield from checks
    except NexusctlError as error:
        yield failed(name, f"cannot be checked: {error}", error.hint)
    except OSError as error:
        yield failed(name, f"cannot be checked: {error.filename or ''} {error.strerror}".replace("  ", " "))


def _open_session(given: Given) -> tuple[Session | None, UsageError | None]:
    try:
        return open_session(given), None
    except UsageError as error:
        return None, error


def _configuration(refusal: UsageError | None) -> Iterator[Check]:
    if refusal is not None:
        yield failed("configuration", str(refusal), refusal.hint)
        yield skipped("socket", "it is not known which one is meant")
        return
    file = read_file(config_path())
    yield ok("configuration", f"{file.path} is right" if file.exists else f"there is no {file.path}, and there need be none")


def _ask_setup() -> Setup | None:
    """Ask the nexusd that is installed beside us what it would start with; None when it does not say."""
    command = [sys.executable, "-P", "-m", "nexusd", "--check"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SETUP_SECONDS, check=False, cwd="/"
        )
        return Setup.model_validate_json(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def _settings(setup: Setup | None) -> Iterator[Check]:
    if setup is None:
        yield failed("settings", "nexusd --check does not answer", "install nexusd anew, in the environment of this nexusctl")
    elif setup.reason is not None:
        yield failed("settings", setup.reason, "put that right: nexusd does not start with it")
    else:
        yield ok("settings", f"nexusd can start with what the environment and {setup.config_file} say")
