"""One invocation of nexusctl: which daemon, which company, how patient, how talkative.

Owns finding the daemon, starting it where that is allowed, and the commands that are suggested to the user. Which verbs
start a daemon: all that act on jobs or assets, for those outlive the daemon, which ends by itself when it is idle;
`status` does not, since it asks whether one runs.
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nexusctl.client.nexus import Nexus
    from nexusctl.output.screen import Screen


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
        # Imported here: the daemon is looked for before httpx is paid for.
        from nexusctl.client.autostart import Starter

        starter = Starter(self.socket.absolute(), allowed=may_start and not self.no_start, announce=screen.note)
        starter.ensure()
        from nexusctl.client.nexus import Nexus
        from nexusctl.client.patience import Patience

        with Nexus(self.socket, self.company, patience=Patience(revive=starter.revive, notice=screen.note)) as nexus:
            yield nexus

    def suggest(self, *arguments: str) -> str:
        """Return the command line that runs another verb against the same daemon."""
        return shlex.join(["nexusctl", *self.options, *arguments])
