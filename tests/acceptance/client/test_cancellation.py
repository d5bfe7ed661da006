"""What a cancellation leaves behind, on trio and on asyncio by their own means, and Ctrl-C under the synchronous client."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import anyio
import pytest
import trio

from nexusctl import AsyncNexus, JobNotDone, Nexus
from nexusd.contract.events import ProgressEvent
from tests.acceptance.client.faces import LOOPS
from tests.acceptance.client.sockets import connections_to
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import DONE, scripted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from tests.support.daemons import Program
    from tests.support.scripted import Gate

pytestmark = pytest.mark.slow

MOMENTS: Final = 400
LONGEST_SECONDS: Final = 0.02


def waiting(gate: Gate) -> dict[str, Any]:
    """The input of a job that says where it is and waits."""
    given: dict[str, Any] = scripted(("progress", 0.1, "here"), ("wait", gate.path), DONE)["input"]
    return given


def run(loop: str, story: Callable[[AsyncNexus], Awaitable[None]], socket: Path) -> None:
    """Run a story with a client, and check that it leaves no connection."""

    async def main() -> None:
        async with AsyncNexus(socket, start=False) as nexus:
            with anyio.fail_after(HANG_SECONDS):
                await story(nexus)

    anyio.run(main, backend=loop)
    assert connections_to(socket) == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_a_follow_that_is_cancelled_leaves_no_socket(loop: str, shared: Program, gate: Gate) -> None:
    async def story(nexus: AsyncNexus) -> None:
        accepted = await nexus.submit("scripted", waiting(gate))
        with anyio.CancelScope() as scope:
            async for event in nexus.follow(accepted):
                if isinstance(event.data, ProgressEvent):
                    scope.cancel()
        assert scope.cancelled_caught
        assert connections_to(shared.socket) <= 1  # an idle one is kept
        await nexus.status()
        with anyio.CancelScope() as scope, anyio.move_on_after(0.05):
            await nexus.wait(accepted)
        gate.let_through()
        assert (await nexus.wait(accepted)).status == "done"

    run(loop, story, shared.socket)


@asynccontextmanager
async def given_up(seconds: float, *, is_native: bool) -> AsyncGenerator[None, None]:
    """End the block after so long: by a scope, or by asyncio's own cancellation of its task."""
    if is_native:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                yield
    else:
        with anyio.move_on_after(seconds):
            yield


@pytest.mark.parametrize(("loop", "is_native"), [*((loop, False) for loop in LOOPS), ("asyncio", True)])
def test_a_cancellation_at_any_moment_leaves_no_socket(
    loop: str, is_native: bool, shared: Program, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(8 * 1024 * 1024)

    async def story(nexus: AsyncNexus) -> None:
        stored = await nexus.upload(big)
        for milliseconds in range(0, 40, 2):
            target = tmp_path / "target"
            async with given_up(milliseconds / 1000, is_native=is_native):
                await nexus.upload(big)
                await nexus.download(stored, target)
            assert set(os.listdir(tmp_path)) <= {"big", "target"}
            assert not target.exists() or target.stat().st_size == 8 * 1024 * 1024
        for number in range(MOMENTS):
            async with given_up(number * LONGEST_SECONDS / MOMENTS, is_native=is_native):
                while True:
                    await nexus.status()
        assert (await nexus.status()).pid == shared.pid
        assert connections_to(shared.socket) <= 1

    run(loop, story, shared.socket)
    assert caplog.records == []  # asyncio reports there what nobody took


@pytest.mark.parametrize("loop", LOOPS)
def test_who_is_cancelled_while_rendering_leaves_the_job_alone(loop: str, shared: Program, tmp_path: Path) -> None:
    (tmp_path / "a.d2").write_text("a -> b")
    found: list[str] = []

    async def story(nexus: AsyncNexus) -> None:
        with anyio.CancelScope() as scope:

            def take(event: Any) -> None:
                found.append(event.data.job_id)
                scope.cancel()

            await nexus.render(tmp_path / "a.d2", on_event=take)
        assert scope.cancelled_caught
        assert (await nexus.wait(found[0])).status == "done"

    run(loop, story, shared.socket)


def test_a_native_cancellation_of_asyncio_is_clean_too(shared: Program, gate: Gate) -> None:
    async def main() -> None:
        async with AsyncNexus(shared.socket, start=False) as nexus:
            accepted = await nexus.submit("scripted", waiting(gate))
            begun = asyncio.Event()

            async def follow() -> None:
                async for _ in nexus.follow(accepted):
                    begun.set()

            following = asyncio.create_task(follow())
            await begun.wait()
            following.cancel()
            with pytest.raises(asyncio.CancelledError):
                await following
            assert connections_to(shared.socket) <= 1
            gate.let_through()
            async with asyncio.timeout(60):
                await nexus.wait(accepted)

    asyncio.run(main())
    assert connections_to(shared.socket) == 0


async def test_any_number_of_tasks_share_a_client(shared: Program) -> None:
    ended: list[str] = []

    async def render(number: int) -> None:
        try:
            made = await nexus.render(f"a{number} -> b" if number else "a -> {", type="d2")
        except JobNotDone as error:
            ended.append(error.slug)
        else:
            ended.append(made.job.status.value)

    async with AsyncNexus(shared.socket, start=False) as nexus, trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(render, number)
    assert sorted(ended) == ["done"] * 5 + ["invalid_input"]
    assert connections_to(shared.socket) == 0


def test_ctrl_c_leaves_no_socket(shared: Program, gate: Gate) -> None:
    with Nexus(shared.socket, start=False) as nexus:
        accepted = nexus.submit("scripted", waiting(gate))
        events = nexus.follow(accepted)
        next(event for event in events if isinstance(event.data, ProgressEvent))
        sender = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
        sender.start()
        with pytest.raises(KeyboardInterrupt):
            next(events)
        sender.join()
        assert connections_to(shared.socket) <= 1
        gate.let_through()
        assert nexus.wait(accepted).status == "done"
