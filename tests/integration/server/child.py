"""The sample server as a process: `python -m tests.integration.server.child SOCKET DESCRIPTORS`; ends on SIGTERM."""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

import trio

from nexusd.server import Activity, BoundListener, Limits, bind_unix, serve
from tests.integration.server.support import SampleApplication


async def run(listener: BoundListener) -> None:
    """Serve until SIGTERM."""
    stopping = trio.Event()

    async def announce(task_status: trio.TaskStatus[None]) -> None:
        await serve(
            SampleApplication(),
            [listener],
            limits=Limits(),
            admit=lambda peer: True,
            activity=Activity(),
            stopping=stopping,
            task_status=task_status,
        )

    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            await nursery.start(announce)
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            async for _ in signals:
                stopping.set()
                return


if __name__ == "__main__":
    descriptors = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    with bind_unix(Path(sys.argv[1])) as bound:
        trio.run(run, bound)
