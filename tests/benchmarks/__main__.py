"""`python -m tests.benchmarks [NAME …] [--seconds N] [--rounds N]`: runs the benchmarks and prints their table."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from tests.benchmarks import (
    assets,
    batches,
    cancelling,
    dispatch,
    drain,
    hello,
    idle,
    machine,
    renderers,
    startup,
    streams,
    submissions,
    verbs,
)
from tests.benchmarks.programs import open_daemon, open_hello, open_scratch
from tests.benchmarks.report import Line, render_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.benchmarks.programs import Scratch

BENCHMARKS: Final[dict[str, Callable[[Scratch, int, float], Iterator[Line]]]] = {
    "hello": hello.run,
    "submissions": submissions.run,
    "batches": batches.run,
    "dispatch": dispatch.run,
    "drain": drain.run,
    "cancelling": cancelling.run,
    "assets": assets.run,
    "streams": streams.run,
    "renderers": renderers.run,
    "startup": startup.run,
    "idle": idle.run,
    "verbs": verbs.run,
}


def main() -> int:
    """Run what was asked for; return 0 when every target is met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure the daemon beside its floors.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each load (default: 1)")
    parser.add_argument("--rounds", type=int, default=5, help="of each figure (default: 5)")
    given = parser.parse_args()
    if unknown := set(given.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    about = machine.describe()
    lines: list[Line] = []
    with open_scratch() as scratch:
        warm_up(scratch)
        for name in given.names or BENCHMARKS:
            began = time.monotonic()
            lines += BENCHMARKS[name](scratch, given.rounds, given.seconds)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(render_table(f"{about}; {given.rounds} rounds", lines))
    return 0 if all(line.is_met is not False for line in lines) else 1


def warm_up(scratch: Scratch) -> None:
    """Compile the bytecode of every program."""
    with open_daemon(scratch, scratch.make_home()):
        pass
    for which in ("ours", "stock"):
        with open_hello(scratch, which, machine.server_cores()):
            pass


if __name__ == "__main__":
    sys.exit(main())
