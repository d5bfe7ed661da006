"""One life of a daemon, as a program that a test can kill: `python -m tests.integration.runner.life DIRECTORY [LEVEL]`.

Its one renderer makes a family, says `INPUT["word"]` in the command lines of its grandchildren, tells the FIFO `INPUT["fifo"]`,
if there is one, who is alive, and waits. Two of the family are in sessions of their own, one of them deaf to TERM; one more has
cleaned its environment, when there is a word.
"""

from __future__ import annotations

import sys
from pathlib import Path

import trio

from nexusd.runner.containment import Level, find_containment
from tests.support.renderers import python
from tests.support.runners import open_runner

FAMILY = """
word = INPUT.get("word", "sleep")
def sleep(environment=os.environ):
    os.execve("/bin/sleep", [word, "600"], environment)
pids = [os.getpid(), hide(session=False, do=sleep), hide(do=sleep), hide(do=lambda: [ignore_term(), sleep()])]
if "word" in INPUT:
    pids.append(hide(do=lambda: sleep({})))
if "fifo" in INPUT:
    with open(INPUT["fifo"], "w") as fifo:
        fifo.write(" ".join(map(str, pids)) + "\\n")
wait()
"""


async def live(directory: Path, level: Level) -> None:
    async with open_runner(directory, python(FAMILY), containment=await find_containment(level, Level.LIMITS)):
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(live, Path(sys.argv[1]), Level(sys.argv[2]) if len(sys.argv) > 2 else Level.LIMITS)
