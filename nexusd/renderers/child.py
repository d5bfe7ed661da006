"""The child process of a built-in renderer: `python -I -m nexusd.renderers.child MODULE:FUNCTION [--spare]`.

Owns the way from an exception to a log line and an exit code (see `job.py`). Leaves out what is rendered. Imports little, since
every job pays for it: the engine's module is imported by name, nothing of the daemon ever.

With `--spare` it gets ready before there is a job: it imports the engine's module, calls the `warm()` that this may have, says
so with an empty line on the progress descriptor, and waits for a line on the descriptor that `NEXUSD_JOB_FD` names. Then the
work directory holds the job, which it renders as any other; when there is no line but the end, it ends.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from nexusd.renderers.job import (
    EXIT_DONE,
    EXIT_INVALID_INPUT,
    EXIT_OUT_OF_MEMORY,
    EXIT_RENDERER_FAILED,
    JOB_FD_VARIABLE,
    PROGRESS_FD_VARIABLE,
    InvalidInput,
    RendererFailed,
    open_job,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from nexusd.renderers.job import ChildJob

SPARE = "--spare"
OUR_OWN = "nexusd."
TRACEBACK_FRAMES = -4  # the innermost four


def run(target: str) -> int:
    """Render the job in the current directory with the function that `MODULE:FUNCTION` names; return the exit code."""
    try:
        load(target)(open_job())
    except InvalidInput as error:
        say(str(error))
        return EXIT_INVALID_INPUT
    except RendererFailed as error:
        say(str(error))
        return EXIT_RENDERER_FAILED
    except MemoryError:
        say("the render needs more memory than a job may use")
        return EXIT_OUT_OF_MEMORY
    except Exception:
        import traceback  # costs every other job 3 ms

        say(traceback.format_exc(limit=TRACEBACK_FRAMES).rstrip())
        return EXIT_RENDERER_FAILED
    return EXIT_DONE


def wait_job(target: str) -> bool:
    """Get everything ready that a job of this engine will need, and wait for one; tell whether one came."""
    engine = load(target)
    warm: Callable[[], None] | None = getattr(sys.modules[engine.__module__], "warm", None)
    if warm is not None:
        warm()
    os.write(int(os.environ[PROGRESS_FD_VARIABLE]), b"\n")
    return os.read(int(os.environ[JOB_FD_VARIABLE]), 1) == b"\n"


def load(target: str) -> Callable[[ChildJob], None]:
    """Return the function that `MODULE:FUNCTION` names."""
    module, _, function = target.partition(":")
    engine: Callable[[ChildJob], None] = getattr(importlib.import_module(module), function)
    return engine


def say(text: str) -> None:
    """Write one message to the job's log."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def leave(target: str, code: int) -> NoReturn:
    """End this process. Our own engines leave nothing open: with them the end of the interpreter, 15 to 30 ms, is passed by."""
    if not target.startswith(OUR_OWN):
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    if SPARE in sys.argv[2:] and not wait_job(sys.argv[1]):
        leave(sys.argv[1], EXIT_DONE)
    leave(sys.argv[1], run(sys.argv[1]))
