"""The Graphviz program as a process: what it is given, and what its messages mean.

It sees an empty folder and an environment that forbids it to open files (`SERVER_NAME`, as on a web server), so `image=`,
`shapefile=` and `<img>` read nothing, wherever they point: they are refused by the message that says so.
Leaves out what is drawn.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines.source import position
from nexusd.renderers.job import InvalidInput, RendererFailed
from nexusd.renderers.tools import find_graphviz, missing_graphviz

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "diagram.dot"
NO_FILES: Final = {"SERVER_NAME": "nexusd"}
PLACED: Final = re.compile(r"<stdin>: (.*?) in line (\d+)(?: near '(.*)')?")
LABEL: Final = re.compile(
    r"Error: (.*?) in line \d+ ?\n\.\.\. ?(.*?) ?\.\.\.\nin label of (node|edge|graph|cluster) ?(.*)", re.DOTALL
)
FILE: Final = re.compile(r'Filename "(.*)" is unsafe|No or improper (?:image file|image|shapefile)="(.*?)"')
OUT_OF_MEMORY: Final = re.compile(r"memory allocation of|out of memory|Cannot allocate memory|capacity overflow")
# What concerns Graphviz's own installation and fonts, not the source.
UNINTERESTING: Final = re.compile(r"no hard-coded metrics|no value for width|file loading is disabled|_background|plugin")


def run_graphviz(source: str, folder: Path, *arguments: str) -> str:
    """Run Graphviz in `folder` and return what it printed. Raises InvalidInput, RendererFailed, MemoryError.

    What it warned about goes to the log. Source and drawing go through pipes: files cost more than a small graph.
    """
    program = find_graphviz()
    if program is None:
        raise RendererFailed(missing_graphviz() or "the Graphviz program is missing")
    argv = [str(program), *arguments]
    done = subprocess.run(argv, cwd=folder, env=NO_FILES, input=source.encode(), capture_output=True, check=False)
    said = done.stderr.decode("utf-8", "replace").strip()
    if found := FILE.search(said):
        raise InvalidInput(file_message(source, found[1] or found[2]))
    if done.returncode:
        raise failure(said, done.returncode, source)
    for line in warnings(said):
        sys.stderr.write(f"{NAME}: {line}\n")
    return done.stdout.decode("utf-8", "replace")


def warnings(said: str) -> list[str]:
    """Return the lines of Graphviz's warnings that are about the source, each once."""
    lines = [line.removeprefix("Warning: ").removeprefix("Warning: ") for line in said.splitlines() if line.strip()]
    return [line for line in dict.fromkeys(lines) if not UNINTERESTING.search(line)]


def failure(said: str, status: int, source: str) -> Exception:
    """Return the error that a failed run means."""
    if status == -signal.SIGKILL or OUT_OF_MEMORY.search(said):
        return MemoryError()  # killed alone, while this process lives: only the kernel does that, to get memory back
    if "stack overflow" in said or status in (-signal.SIGSEGV, -signal.SIGABRT):
        return InvalidInput(f"{NAME}: the graph is nested or chained too deeply for Graphviz")
    if found := PLACED.search(said):
        return InvalidInput(f"{NAME}:{place(source, int(found[2]), found[3] or '')}: {found[1]}{near(found[3])}")
    if found := LABEL.search(said):
        whose = f"{found[3]} {found[4].splitlines()[0]}".strip() if found[4] else found[3]
        return InvalidInput(f"{NAME}:{label_place(source, found[2], found[4].strip())}: HTML label of {whose}: {found[1]}")
    first = next((line for line in said.splitlines() if line.startswith("Error: ")), "")
    if first and status == 1:
        return InvalidInput(f"{NAME}: {first.removeprefix('Error: ').replace('<stdin>: ', '')}")
    return RendererFailed(said or f"Graphviz ended with status {status} and said nothing")


def near(token: str | None) -> str:
    """Return the words that name the token an error is near."""
    return f" near {token!r}" if token else ""


def place(source: str, line: int, token: str) -> str:
    """Return `LINE:COLUMN` of a token. Graphviz counts lines only; without a token it met the end of the line."""
    lines = source.splitlines()
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    column = text.rfind(token) if token else len(text)
    return f"{line}:{max(column, 0) + 1}"


def label_place(source: str, snippet: str, name: str) -> str:
    """Return `LINE:COLUMN` of an HTML label, as near as can be told: Graphviz names its owner and a piece of it."""
    piece = re.sub(r"^</?HTML>|</?HTML>$", "", snippet.strip()).strip()
    for wanted in (piece, name):
        if wanted and (at := source.find(wanted)) >= 0:
            return position(source, at)
    found = re.search(r"label\s*=\s*<", source)
    return position(source, found.start() if found else 0)


def file_message(source: str, name: str) -> str:
    """Return the refusal of a source that names a file."""
    at = source.find(name)
    where = f":{position(source, at)}" if at >= 0 else ""
    return f"{NAME}{where}: {name!r} names a file; a diagram has no files beside its source"
