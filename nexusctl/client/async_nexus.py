"""The asynchronous client: the operations, carried out with an event loop, trio's or asyncio's.

What an operation does is `operations`'; how it is carried out is `async_driver`'s. `nexus` is the synchronous client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from nexusctl.client import submitting
from nexusctl.client.async_driver import AsyncDriver
from nexusctl.client.methods import Asynchronous
from nexusctl.client.operations import Operations
from nexusctl.client.rendered import AsyncRendered

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from nexusctl.client.async_driver import AsyncStream
    from nexusctl.client.steps import Plan, Telling
    from nexusctl.client.submitting import RenderOptions

ResultT = TypeVar("ResultT")
ToldT = TypeVar("ToldT")


class AsyncNexus(Operations, Asynchronous):
    """One daemon, seen as one company, for any number of tasks of one event loop. Use as an async context manager.

    Its arguments are those of `Nexus`.
    """

    def _connect(self) -> None:
        self._driver = AsyncDriver(self.socket)

    async def __aenter__(self) -> Self:
        try:
            await self.run(self._open())
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, those of streams too."""
        await self._driver.aclose()

    async def run(self, plan: Plan[ResultT]) -> ResultT:
        """Carry a plan out and return its result."""
        return await self._driver.run(plan)

    def iterate(self, plan: Telling[ToldT]) -> AsyncStream[ToldT]:
        """Return what a plan tells, carried out as far as it is wanted."""
        return self._driver.iterate(plan)

    async def render(self, source: str | bytes | os.PathLike[str] | None, **options: Unpack[RenderOptions]) -> AsyncRendered:
        """Render as `Nexus.render` does. Cancellation: the job goes on, if it was submitted."""
        return AsyncRendered(await self.run(submitting.render(self, source, options)), self)
