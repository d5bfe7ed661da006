"""The synchronous client: the operations, carried out in the thread that calls.

What an operation does is `operations`'; how it is carried out is `driver`'s. `async_nexus` is the asynchronous client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from nexusctl.client import submitting
from nexusctl.client.driver import Driver
from nexusctl.client.methods import Synchronous
from nexusctl.client.rendered import Rendered
from nexusctl.client.verb_names import VerbNames

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from nexusctl.client.driver import Stream
    from nexusctl.client.steps import Plan, Telling
    from nexusctl.client.submitting import RenderOptions

ResultT = TypeVar("ResultT")
ToldT = TypeVar("ToldT")


class Nexus(VerbNames, Synchronous):
    """One daemon, seen as one company. Use as a context manager; not for use by several threads at once.

    `socket`: where it listens, else $NEXUSCTL_SOCKET, else where it listens by default. `start`: start a daemon when none
    answers. `patience`: for how many seconds one that is away or busy is tried again. `notice`: is told, in a line, that it was
    started or lost. `answer_seconds`: after how long without an answer a daemon is given up that is there. `silence_seconds`:
    after how long a stream without a byte is taken for dead and opened again.
    """

    def _connect(self) -> None:
        self._driver = Driver(self.socket, self.patience.sleep)

    def __enter__(self) -> Self:
        try:
            self.run(self._open())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, those of streams too."""
        self._driver.close()

    def run(self, plan: Plan[ResultT]) -> ResultT:
        """Carry a plan out and return its result."""
        return self._driver.run(plan)

    def iterate(self, plan: Telling[ToldT]) -> Stream[ToldT]:
        """Return what a plan tells, carried out as far as it is wanted."""
        return self._driver.iterate(plan)

    def render(self, source: str | bytes | os.PathLike[str] | None, **options: Unpack[RenderOptions]) -> Rendered:
        """Render a file, or with `type` a text or bytes, and return what came of it once it is done.

        None is for job types that can do without a source. The local files that a source names are sent along. Raises
        JobNotDone, OSError when a file cannot be read. Ctrl-C only ends the waiting; the job goes on.
        """
        return Rendered(self.run(submitting.render(self, source, options)), self)
