"""One invocation of nexusctl: which daemon, which company, how patient, how talkative.

Owns finding the daemon, starting it where that is allowed, and the commands that are suggested to the user. Which verbs
start a daemon: all that act on jobs, assets or the queue, for those outlive the daemon, which ends by itself when it is idle;
`status` does not, since it asks whether one runs.
"""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from nexusctl.client.nexus import Nexus
    from nexusctl.output.screen import Screen


# httpx and httpcore import these when they are there, for uses that this program has not: half of what importing httpx costs.
_NOT_NEEDED: Final = ("trio", "anyio", "h2", "socksio", "httpx._main")


@dataclass(frozen=True, slots=True)
class Session:
    """The global options."""

    socket: Path
    company: str
    verbose: bool = False
    no_start: bool = False
    options: tuple[str, ...] = ()

    @contextmanager
    def connect(self, screen: Screen, *, may_start: bool = True) -> Iterator[Nexus]:
        """Give a client of a daemon that answers. Raises Unreachable, UsageError."""
        from nexusctl.client.autostart import Starter

        starter = Starter(self.socket.absolute(), allowed=may_start and not self.no_start, announce=screen.note)
        starter.ensure()
        with _hidden(_NOT_NEEDED):
            import_module("httpcore")  # httpx would import it later, when nothing is hidden any more
            from nexusctl.client.nexus import Nexus
        from nexusctl.client.patience import Patience

        with Nexus(self.socket, self.company, patience=Patience(revive=starter.revive, notice=screen.note)) as nexus:
            yield nexus

    def suggest(self, *arguments: str) -> str:
        """Return the command line that runs another verb against the same daemon."""
        return shlex.join(["nexusctl", *self.options, *arguments])


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
