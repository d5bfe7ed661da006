"""One invocation of nexusctl: which daemon, which company, how patient, how talkative.

Owns finding the daemon, starting it or waiting for it where that is allowed, telling that it is of another version when it is
not understood, and the commands that are suggested to the user. Which verbs start a daemon: all that act on jobs, assets or the
queue, for those outlive the daemon, which ends by itself when it is idle; `status` does not, since it asks whether one runs.
"""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from nexusctl.errors import BadAnswer, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.settings import Given
    from nexusctl.output.screen import Screen


# httpx and httpcore import these when they are there, for uses that this program has not: half of what importing httpx costs.
_NOT_NEEDED: Final = ("trio", "anyio", "h2", "socksio", "httpx._main")

_LEAST_ANSWER_SECONDS: Final = 1.0
"""What a daemon that is there always has for an answer."""
_SUGGESTED: Final = ("profile", "socket", "company")
"""The options that say which daemon and whose jobs: a command that is suggested must have them too."""


@dataclass(frozen=True, slots=True)
class Session:
    """The global options."""

    socket: Path
    company: str
    verbose: bool = False
    no_start: bool = False
    options: tuple[str, ...] = ()
    timeout_seconds: float | None = None
    colour: str = "auto"
    time: str = "relative"
    opener: str | None = None
    preview: str = "auto"

    def without_preview(self) -> Session:
        """Return the same session, in which no picture is shown."""
        return replace(self, preview="never")

    def screen(self, *, quiet: bool = False) -> Screen:
        """Return the two streams, in the colours and the times that are wanted."""
        from nexusctl.output.screen import Screen

        return Screen(quiet=quiet, colour=self.colour, time=self.time)

    @contextmanager
    def connect(self, screen: Screen, *, may_start: bool = True) -> Iterator[Nexus]:
        """Give a client of a daemon that answers. Raises Unreachable, UsageError.

        When the daemon is of another version, and that explains what went wrong inside the block, the error says so.
        """
        from nexusctl.client.autostart import START_TIMEOUT_SECONDS, Starter

        may_start = may_start and not self.no_start
        timeout_seconds = START_TIMEOUT_SECONDS if self.timeout_seconds is None else self.timeout_seconds
        starter = Starter(self.socket.absolute(), allowed=may_start, announce=screen.note, timeout_seconds=timeout_seconds)
        if self.timeout_seconds is not None and not may_start:
            from nexusctl.client.arrival import wait_answering

            wait_answering(self.socket.absolute(), self.timeout_seconds)
        starter.ensure()
        with _hidden(_NOT_NEEDED):
            import_module("httpcore")  # httpx would import it later, when nothing is hidden any more
            from nexusctl.client.nexus import Nexus
        from nexusctl.client.patience import ANSWER_SECONDS, PATIENCE_SECONDS, Patience

        seconds, answer_seconds = PATIENCE_SECONDS, ANSWER_SECONDS
        if self.timeout_seconds is not None:
            seconds, answer_seconds = self.timeout_seconds, max(self.timeout_seconds, _LEAST_ANSWER_SECONDS)
        patience = Patience(seconds, revive=starter.revive, notice=screen.note, answer_seconds=answer_seconds)
        with Nexus(self.socket, self.company, patience=patience) as nexus:
            try:
                yield nexus
            except (BadAnswer, Refused) as error:
                from nexusctl.commands.versions import explain

                explain(nexus, error)
                raise

    def suggest(self, *arguments: str) -> str:
        """Return the command line that runs another verb against the same daemon."""
        return shlex.join(["nexusctl", *self.options, *arguments])


def open_session(given: Given) -> Session:
    """Return the session that the options, the environment and the file ask for. Raises UsageError."""
    from nexusctl.commands.settings import resolve, with_defaults

    found = {key: setting.value for key, setting in with_defaults(resolve(given)).items()}
    named = [part for key, value in given.options.items() if key in _SUGGESTED for part in (f"--{key}", value)]
    return Session(
        found["socket"],
        found["company"],
        given.verbose,
        given.no_start,
        tuple(named),
        found.get("timeout"),
        found["color"],
        found["time"],
        found.get("opener"),
        found["preview"],
    )


@contextmanager
def _hidden(names: Sequence[str]) -> Iterator[None]:
    """Let imports of these modules fail inside the block, where they have not been imported yet.

    Only this program does it, which owns its process; who uses `nexusctl.client` as a library imports it as it is.
    """
    hidden = [name for name in names if name not in sys.modules]
    modules = cast("dict[str, object]", sys.modules)  # None is what the import system takes for "there is none"
    for name in hidden:
        modules[name] = None
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]
