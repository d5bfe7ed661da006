"""The program `nexusctl`.

Owns the very first and last moments: streams that can print anything, the cheap answer to `version`, completions, an interrupt
while modules are being imported, and a standard output that went away. Everything else is `cli`.
"""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn

COMPLETE = "__complete"
"""The hidden verb that the scripts of `nexusctl completion` run."""


def main() -> NoReturn:
    """Run nexusctl on this process's arguments."""
    try:
        _main()
    except KeyboardInterrupt:
        sys.stderr.write("nexusctl: interrupted\n")
        sys.exit(130)
    except BrokenPipeError:
        from nexusctl.output.screen import silence

        silence()
        sys.exit(141)


def _main() -> NoReturn:
    _open_streams()
    arguments = sys.argv[1:]
    if arguments in (["version"], ["--version"]):
        from nexusd import __version__

        sys.stdout.write(f"nexusctl {__version__}\n")
        sys.stdout.flush()
        sys.exit(0)
    if arguments[:1] == [COMPLETE]:
        from nexusctl.completing import main as complete

        complete(arguments[1:])
        sys.exit(0)
    from nexusctl.cli import run

    run(arguments)


def _open_streams() -> None:
    """Make the three standard streams usable, whatever we were started with.

    A closed one (`>&-`) is opened on nothing, else the next file or socket would get its number; what cannot be encoded is
    escaped, so that printing never fails.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - for the life of the process
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115 - for the life of the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
