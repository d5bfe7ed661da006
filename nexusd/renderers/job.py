"""The child protocol as an engine sees it: what it gets, what it may say, how it ends.

The runner starts a child with the private work directory as its current directory. `input.json` is the validated input, in
which every `{"$asset": id}` carries the `path` of its file; results go to `out/`; progress goes, one JSON object a line, to the
descriptor that `NEXUSD_PROGRESS_FD` names; stdout and stderr are the job's log, whose tail becomes the job's error message.

Exit codes: 0 with files in `out/` = done; 65 (EX_DATAERR) = the input is wrong, trying again is useless; 71 (EX_OSERR) =
out of memory; anything else = the renderer failed.

`NEXUSD_CAPS` holds the bounds of `domain.caps` as a JSON object: an engine refuses what is above them as invalid input.

Leaves out limits, timeouts and termination: those are the runner's. Standard library only.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final, NamedTuple

from nexusd.domain.caps import Caps

EXIT_DONE: Final = 0
EXIT_RENDERER_FAILED: Final = 1
EXIT_INVALID_INPUT: Final = 65
EXIT_OUT_OF_MEMORY: Final = 71
INPUT_NAME: Final = "input.json"
OUT_NAME: Final = "out"
ASSETS_NAME: Final = "assets"
TEMPORARY_NAME: Final = "tmp"
PROGRESS_FD_VARIABLE: Final = "NEXUSD_PROGRESS_FD"
CAPS_VARIABLE: Final = "NEXUSD_CAPS"
JOB_FD_VARIABLE: Final = "NEXUSD_JOB_FD"
"""Of a spare: see `child`."""
PROGRAM_VARIABLE: Final = "NEXUSD_PROGRAM"
"""Tells `engines.program` which program of the settings to run, and how: a JSON object."""
SOURCE_STEM: Final = "source"
"""The name of a source's file there, without its extension."""


class InvalidInput(Exception):
    """The input cannot be rendered, whoever tries. The message is all the user sees: name the place, say what to do."""


class RendererFailed(Exception):
    """The tool failed for a reason that is not the input's. The message goes to the log without a traceback."""


class ChildJob(NamedTuple):
    """One job inside its child process. `workdir` is private to this attempt and vanishes after it."""

    input: dict[str, Any]
    workdir: Path
    out: Path
    progress_fd: int | None = None
    caps: Caps = Caps()

    def progress(self, fraction: float, message: str | None = None) -> None:
        """Say how far the job is, from 0 to 1. Does nothing when nobody listens."""
        if self.progress_fd is None:
            return
        said = {"progress": min(max(fraction, 0.0), 1.0), "message": message}
        line = json.dumps({key: value for key, value in said.items() if value is not None}) + "\n"
        try:
            os.write(self.progress_fd, line.encode())
        except OSError:
            # Progress is a courtesy: a reader that has gone, or a pipe that is full, must not end the render.
            return


def open_job() -> ChildJob:
    """Return the job that the current directory holds. Creates `out/` when it is missing."""
    workdir = Path.cwd()
    out = workdir / OUT_NAME
    out.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.environ.get(PROGRESS_FD_VARIABLE, "")
    content = json.loads((workdir / INPUT_NAME).read_text("utf-8"))
    return ChildJob(
        input=content,
        workdir=workdir,
        out=out,
        progress_fd=int(descriptor) if descriptor.isdigit() else None,
        caps=Caps(**json.loads(os.environ.get(CAPS_VARIABLE, "{}"))),
    )
