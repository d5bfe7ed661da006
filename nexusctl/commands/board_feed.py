"""What `top` hears of a daemon and asks of it: two threads beside the one that draws, each with a client of its own.

One follows the events of the company, for ever and over restarts. The other asks for what no event tells (the daemon's status,
pauses, estimates of the jobs that are to be seen), every ASK_SECONDS while somebody looks, and does what the keys ask for. Both
only say what came; the picture is changed by the thread that draws, which takes it from `take`.

Invariants: what was heard is said in the order it came; a daemon that is away is told of, never waited for by who draws. The
threads end with the program: they may be waiting for the daemon, and leave nothing behind.
"""

from __future__ import annotations

import queue
import shutil
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from nexusctl.client import calls
from nexusctl.client.autostart import Starter
from nexusctl.client.nexus import Nexus
from nexusctl.client.patience import FOR_EVER, Patience
from nexusctl.errors import NexusctlError, Refused, Unreachable
from nexusd.contract.events import EventType, SnapshotEndEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import TracebackType

    from nexusctl.client.frames import StreamEvent
    from nexusctl.commands.session import Session
    from nexusctl.output.board import Board
    from nexusctl.output.board_view import View
    from nexusd.contract.jobs import Job

ASK_SECONDS: Final = 2.0
ABSENT_SECONDS: Final = 1.0
"""How long a key may wait for a daemon that is away, before it is said that it is."""

ESTIMATES_MAX: Final = 10
OVER_LIMIT: Final = 20
_TYPES: Final = tuple(kind for kind in EventType if kind.value.startswith("content_job."))
_KEPT_MAX: Final = 1000


class Feed:
    """The threads. `wake` is called whenever there is something to take."""

    def __init__(self, session: Session, wake: Callable[[], None]) -> None:
        self._session = session
        self._wake = wake
        self._heard: queue.Queue[Callable[[Board, View], None]] = queue.Queue(_KEPT_MAX)
        self._asked: queue.SimpleQueue[Callable[[Nexus], None]] = queue.SimpleQueue()
        self._is_seen = threading.Event()
        self._is_seen.set()
        self.wanted: Sequence[str] = ()
        """The jobs whose estimates are asked for: replaced as a whole."""

    def __enter__(self) -> Self:
        for work, name in ((self._follow, "events"), (self._ask, "answers")):
            threading.Thread(target=self._run, args=(work,), name=name, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self._is_seen.clear()

    def take(self) -> Iterator[Callable[[Board, View], None]]:
        """Return what was heard since the last time, as changes of the picture."""
        with suppress(queue.Empty):
            for _ in range(_KEPT_MAX):
                yield self._heard.get_nowait()

    def look(self, is_seen: bool) -> None:
        """Say whether somebody looks: else nothing is asked for."""
        (self._is_seen.set if is_seen else self._is_seen.clear)()

    def do(self, work: Callable[[Nexus], str]) -> None:
        """Do something with the daemon, then say what became of it, and look at its status anew."""

        def done(nexus: Nexus) -> None:
            try:
                text, is_error = work(nexus), False
            except NexusctlError as error:
                text, is_error = f"{error}. {error.hint or ''}", True
            self._say(lambda _board, view: view.tell(text, is_error=is_error))

        self._asked.put(done)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._say(_breaker(error))

    def _say(self, change: Callable[[Board, View], None]) -> None:
        self._heard.put(change)
        self._wake()

    def _say_trouble(self, reason: str) -> None:
        told = reason.removesuffix("; trying again")  # which is said in other words
        self._say(lambda board, _view: setattr(board, "trouble", told))

    def _follow(self) -> None:
        session = self._session
        starter = Starter(session.socket.absolute(), allowed=not session.no_start, announce=self._say_trouble)

        def revive(silent_seconds: float) -> bool:
            try:
                return starter.revive(silent_seconds)
            except Unreachable as error:
                self._say_trouble(str(error))
                return False

        patience = Patience(FOR_EVER, revive=revive, notice=self._say_trouble)
        with Nexus(session.socket.absolute(), session.company, patience=patience) as nexus:
            for event in nexus.follow_company(types=_TYPES, snapshot=True):
                self._say(_taker(event))
                if isinstance(event.data, SnapshotEndEvent):  # what ended before it is in the lists alone
                    self._asked.put(self._list_over)

    def _ask(self) -> None:
        while True:
            patience = Patience(ABSENT_SECONDS, notice=self._say_trouble)
            with Nexus(self._session.socket.absolute(), self._session.company, patience=patience) as nexus:
                try:
                    self._answer(nexus)
                except (Unreachable, Refused) as error:  # refused is what a daemon does that stops
                    self._say_trouble(str(error))

    def _answer(self, nexus: Nexus) -> None:
        while True:
            self._is_seen.wait()
            change = ask(nexus, self.wanted)
            self._say(change)
            with suppress(queue.Empty):
                self._asked.get(timeout=ASK_SECONDS)(nexus)

    def _list_over(self, nexus: Nexus) -> None:
        self._say(list_over(nexus))


def ask(nexus: Nexus, wanted: Iterable[str]) -> Callable[[Board, View], None]:
    """Ask for the status and some estimates; return the change of the picture. Raises Unreachable."""
    status = nexus.status()
    free_bytes = None
    with suppress(OSError):  # the daemon is on this machine, but its folder may be closed to us
        free_bytes = shutil.disk_usage(status.state_directory).free
    estimated: list[Job] = []
    for job_id in list(wanted)[:ESTIMATES_MAX]:
        with suppress(NexusctlError):
            estimated.append(nexus.get_job(job_id))

    def change(board: Board, _view: View) -> None:
        board.take_answers(status, estimated)
        board.free_bytes = free_bytes

    return change


def list_over(nexus: Nexus) -> Callable[[Board, View], None]:
    """Ask for the jobs that ended last; return the change of the picture. Raises Unreachable."""
    pages = [
        nexus.call(calls.list_jobs(nexus.company, status=status, limit=OVER_LIMIT))
        for status in ("failed", "done", "cancelled")
    ]
    return lambda board, _view: board.take_over(job for page in pages for job in page.items)


def _taker(event: StreamEvent) -> Callable[[Board, View], None]:
    return lambda board, _view: board.take(event.name, event.data)


def _breaker(error: Exception) -> Callable[[Board, View], None]:
    def change(_board: Board, _view: View) -> None:
        raise error

    return change
