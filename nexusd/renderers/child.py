"""The child process of a built-in renderer: `python -I -m nexusd.renderers.child MODULE:FUNCTION`.

Owns the way from an exception to a log line and an exit code (see `job.py`). Leaves out what is rendered. Imports little, since
every job pays for it: the engine's module is imported by name, nothing of the daemon ever.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

from nexusd.renderers.job import (
    EXIT_DONE,
    EXIT_INVALID_INPUT,
    EXIT_OUT_OF_MEMORY,
    EXIT_RENDERER_FAILED,
    InvalidInput,
    RendererFailed,
    open_job,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from nexusd.renderers.job import ChildJob

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


def load(target: str) -> Callable[[ChildJob], None]:
    """Return the function that `MODULE:FUNCTION` names."""
    module, _, function = target.partition(":")
    engine: Callable[[ChildJob], None] = getattr(importlib.import_module(module), function)
    return engine


def say(text: str) -> None:
    """Write one message to the job's log."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
