"""A renderer that does what a job's input says, step by step, and a gate that holds it where a test wants it.

["progress", 0.5, "half"]   report progress
["wait", "/path"]           wait until the gate there lets one through
["write", "a.txt", "text"]  leave a result
["stretch", "a.bin", 5]     leave a result of so many zeros, which takes no room
["say", "text"]             write to the log
["enlist", "/path"]         add a line to a roll: this pid, and which of the pids before it are still alive
["fork"]                    leave a grandchild behind in a session of its own, enlisted by the next step
["deafen"]                  ignore TERM
["exit", 3]                 end with that code
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from nexusd.contract.base import JsonObject, Request
from nexusd.renderers.spec import RendererSpec

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

CHILD: Final = """
import json, os, signal, sys, time

def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):  # before it was opened, and before it was read
        return False

pids = [os.getpid()]
with open("input.json") as file:
    steps = json.load(file)["steps"]
for verb, *rest in steps:
    if verb == "progress":
        line = json.dumps({"progress": rest[0], "message": rest[1]}) + "\\n"
        os.write(int(os.environ["NEXUSD_PROGRESS_FD"]), line.encode())
    elif verb == "wait":
        with open(rest[0], "rb", buffering=0) as gate:
            gate.read(1)
    elif verb == "write":
        with open("out/" + rest[0], "w") as file:
            file.write(rest[1])
    elif verb == "stretch":
        with open("out/" + rest[0], "wb") as file:
            file.truncate(rest[1])
    elif verb == "say":
        print(rest[0], flush=True)
    elif verb == "enlist":
        with open(rest[0], "a+") as roll:
            roll.seek(0)
            living = [pid for line in roll for pid in json.loads(line)["pids"] if is_alive(pid)]
            roll.write(json.dumps({"pids": pids, "living": living}) + "\\n")
    elif verb == "fork":
        pid = os.fork()
        if pid == 0:
            os.setsid()
            while True:
                time.sleep(60)
        pids.append(pid)
    elif verb == "deafen":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif verb == "exit":
        sys.exit(rest[0])
"""

DONE: Final = ("write", "a.txt", "done")


class ScriptedInput(Request):
    """What a scripted job does, and anything beside it."""

    steps: list[list[Any]]
    extra: JsonObject = Field(default_factory=dict)


def _spec(job_type: str) -> RendererSpec:
    return RendererSpec(
        job_type=job_type,
        description="Does what it is told.",
        input_model=ScriptedInput,
        outputs={".txt": "text/plain"},
        command=lambda _input: (sys.executable, "-I", "-S", "-c", CHILD),
    )


SCRIPTED: Final = _spec("scripted")
OTHER: Final = _spec("other")


def scripted(*steps: tuple[Any, ...], job_type: str = "scripted", **rest: Any) -> dict[str, Any]:
    """Return the body of a submission."""
    return {"jobType": job_type, "input": {"steps": [list(step) for step in steps]}, **rest}


class Gate:
    """A FIFO at which children wait. Open from the start, so that nobody waits for its other end."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path, 0o600)
        self.path = str(path)
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._descriptor)

    def let_through(self, count: int = 1) -> None:
        """Let so many children go on, those that come later included."""
        os.write(self._descriptor, b"x" * count)
