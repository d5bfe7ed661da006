"""One life of a daemon, as a program that a test can kill: `python -m tests.integration.runner.life DIRECTORY`.

Its one renderer tells the FIFO `DIRECTORY/told` who is alive, and waits.
"""

from __future__ import annotations

import sys
from pathlib import Path

import trio

from tests.support.renderers import python
from tests.support.runners import open_runner

FAMILY = """
pids = [os.getpid(), hide(session=False), hide(), hide(do=lambda: [ignore_term(), wait()])]
with open(INPUT["fifo"], "w") as fifo:
    fifo.write(" ".join(map(str, pids)) + "\\n")
wait()
"""


async def live(directory: Path) -> None:
    async with open_runner(directory, python(FAMILY)):
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(live, Path(sys.argv[1]))
