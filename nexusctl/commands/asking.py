"""Questions that a daemon answers at once, asked without httpx; whatever is not answered so is asked with all patience.

For verbs that ask a question or two and change nothing: importing httpx would take longer than all the rest of them. Owns the
choice between the two ways. A daemon that is not there is started, waited for and complained about as by every other verb.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlencode

from nexusctl.client.quick import NoAnswer, get

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nexusctl.client.calls import Call
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session
    from nexusctl.output.screen import Screen

QUICK_SECONDS: Final = 2.0
"""How long a plain answer may take before it is asked for with patience."""


class Sender(Protocol):
    """Whoever can send a call and return the body of its answer."""

    def send(self, call: Call[Any], /) -> bytes:
        """Send a call. Raises NexusctlError."""
        ...


class Asker:
    """Sends calls that only ask. Made by `open_asker`."""

    def __init__(self, session: Session, screen: Screen, stack: ExitStack) -> None:
        self.company = session.company
        self._session = session
        self._screen = screen
        self._stack = stack
        self._nexus: Nexus | None = None

    def send(self, call: Call[Any], /) -> bytes:
        """Send a call and return the body of its answer. Raises Refused, BadAnswer or Unreachable."""
        if self._nexus is None:
            try:
                return get(self._session.socket.absolute(), _target(call), time.monotonic() + QUICK_SECONDS)
            except NoAnswer:
                self._nexus = self._stack.enter_context(self._session.connect(self._screen))
        return self._nexus.send(call)


@contextmanager
def open_asker(session: Session, screen: Screen) -> Iterator[Asker]:
    """Give somebody to ask; nothing is contacted before the first question."""
    with ExitStack() as stack:
        yield Asker(session, screen, stack)


def _target(call: Call[Any]) -> str:
    return f"{call.path}?{urlencode(call.params)}" if call.params else call.path
