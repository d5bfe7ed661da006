"""D2 text to SVG, PNG or PDF.

D2 draws the SVG of every board; `svg` makes it safe, `picture` turns it into pixels or a page. PNG and PDF come from that same
SVG, because D2's own rasteriser fetches icons from the network and cannot be told not to.

D2 would import any `.d2` file and embed any file as an icon. A diagram has no files beside its source, so both are refused
here: imports by `refuse_imports`, icons by `svg.Cleaner` (what is embedded must stand in the source).

Results: `diagram.svg`; a source with layers, scenarios or steps gives one picture for each board, `diagram_layers.detail.svg`
and so on, which sort after the main one; in PDF the boards are the pages of one file.
"""

from __future__ import annotations

import re
import signal
import subprocess
from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines.source import read_source
from nexusd.renderers.engines.svg import Cleaner
from nexusd.renderers.job import InvalidInput, RendererFailed
from nexusd.renderers.tools import find_d2, missing_d2

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from nexusd.renderers.job import ChildJob

NAME: Final = "diagram.d2"
BOARDS_MAX_COUNT: Final = 200
ARGUMENTS: Final = (
    "--bundle=false",
    "--scale=1",
    "--omit-version",
    "--timeout=86400",
)  # the runner's timeout is the one that counts
ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
PLACED: Final = re.compile(r"\bdiagram\.d2:\d+:\d+: ")
OUT_OF_MEMORY: Final = re.compile(r"out of memory|cannot allocate memory|pthread_create failed")
# Wherever D2 may read an import, one of these stands before the @; strings and text blocks match too and are sorted out later.
MAYBE_IMPORT: Final = re.compile(r"""(?:^|[:;{\[\],]|\.\.\.|["|])(?:\s|\\)*(@["']?)""", re.MULTILINE)
PROBE: Final = "nexusd-probe-"


def render(job: ChildJob) -> None:
    """Render the job's D2 source into `out/`."""
    source = read_source(job, NAME)
    if not source.strip():
        raise InvalidInput(f"{NAME}: the source is empty, there is nothing to draw")
    refuse_imports(job, source)
    boards = draw_boards(job, source)
    job.progress(0.5, "drawn")
    cleaner = Cleaner(source, {path: name for name, path in boards.items()})
    trees = {name: cleaner.clean(path) for name, path in boards.items()}
    write(job, trees)


def write(job: ChildJob, trees: dict[str, Element]) -> None:
    """Write the pictures in the format that was asked for."""
    # Imported here: for SVG, Typst is not loaded.
    if job.input["format"] == "svg":
        from nexusd.renderers.engines.svg import write_svg

        for name, tree in trees.items():
            write_svg(tree, job.out / f"{name}.svg")
        return
    from nexusd.renderers.engines.picture import Pages

    pages = Pages(job.workdir / "pages", list(trees.values()))
    if job.input["format"] == "pdf":
        pages.write_pdf(job.out / "diagram.pdf")
        return
    for number, name in enumerate(trees):
        pages.write_png(number, job.out / f"{name}.png")
        job.progress(0.5 + 0.5 * (number + 1) / len(trees), "painted")


def draw_boards(job: ChildJob, source: str) -> dict[str, Path]:
    """Let D2 draw; return the SVG file of each board by the name its picture gets, the main board first."""
    folder = job.workdir / "boards"
    messages = run_d2(job, source, folder)
    if messages is not None:
        raise refusal(messages)
    files = sorted(folder.rglob("*.svg"), key=lambda path: (path.stem != "index", path.relative_to(folder).parts))
    if not files:
        raise InvalidInput(f"{NAME}: the source holds no shape, there is nothing to draw")
    if len(files) > BOARDS_MAX_COUNT:
        raise InvalidInput(f"{NAME}: {len(files)} boards; at most {BOARDS_MAX_COUNT} can be rendered in one job")
    return {board_name(path.relative_to(folder)): path for path in files}


def board_name(path: Path) -> str:
    """Return the name of a board's picture: `diagram`, or `diagram_layers.detail` for `diagram/layers/detail.svg`."""
    parts = [part for part in path.with_suffix("").parts[1:] if part != "index"]
    return "_".join(["diagram", re.sub(r"[^\w.-]+", "_", ".".join(parts))]) if parts else "diagram"


def run_d2(job: ChildJob, source: str, output: Path) -> str | None:
    """Draw `source` into the folder `output`. Return None, or what D2 said when it failed.

    D2 gets an empty environment: nothing of the user's configures it, and it finds no plug-in to run.
    """
    program = find_d2()
    if program is None:
        raise RendererFailed(missing_d2() or "the D2 program is missing")
    folder = job.workdir / "source"
    for needed in (folder, output):
        needed.mkdir(exist_ok=True)
    (folder / NAME).write_text(source, "utf-8", newline="")
    # On paper nothing can be hovered over: D2 lists tooltips and links below the drawing.
    appendix = () if job.input["format"] == "svg" else ("--force-appendix",)
    argv = [str(program), *ARGUMENTS, *appendix, NAME, str(output / "diagram.svg")]
    done = subprocess.run(argv, cwd=folder, env={}, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode == 0:
        return None
    said = ANSI.sub("", (done.stdout + done.stderr).decode("utf-8", "replace"))
    if OUT_OF_MEMORY.search(said) or done.returncode == -signal.SIGKILL:
        # Killed alone, while this process lives: only the kernel does that, to get memory back.
        raise MemoryError
    return tidy(said, str(folder)) or f"D2 ended with status {done.returncode} and said nothing"


def tidy(messages: str, folder: str) -> str:
    """Return D2's messages without the work directory and without what only D2's own users need."""
    lines = [line for line in messages.replace(f"{folder}/", "").splitlines() if not line.startswith("success:")]
    text = "\n".join(line.removeprefix("err: ").replace(f"failed to compile {NAME}: ", "") for line in lines).strip()
    return text.replace(folder, ".")


def refusal(messages: str) -> InvalidInput | RendererFailed:
    """Return the error that D2's messages mean: a place in the source, or a feature it does not have, is the input's fault."""
    icons = re.search(r"failed to bundle local images: \[(.*)\]", messages)
    if icons:
        return InvalidInput(f"{NAME}: the icon {icons[1]} names a file; a diagram has no files, use a data: URI")
    if messages.startswith("bad usage: "):
        # The only usage a source can get wrong is its own `d2-config`.
        return InvalidInput(f"{NAME}: d2-config: {messages.splitlines()[0].removeprefix('bad usage: ')}")
    if PLACED.search(messages) or messages.startswith(("native Markdown", "failed to", "scene:", "board ")):
        return InvalidInput(messages if messages.startswith(NAME) else f"{NAME}: {messages}")
    return RendererFailed(messages)


def refuse_imports(job: ChildJob, source: str) -> None:
    """Raise InvalidInput when the source imports another file.

    Only D2 can tell an import from an @ in a text block. So when there may be one, D2 compiles the source once more with every
    such @ turned into the import of a file that does not exist: a true import fails by that name. Fails closed: whatever else
    goes wrong in this run would have gone wrong in the real one, or was meant to.
    """
    places = [match.span(1) for match in MAYBE_IMPORT.finditer(source)]
    if not places:
        return
    messages = run_d2(job, with_probes(source, places), job.workdir / "probe")
    if messages is None:
        return
    found = re.search(rf"failed to import .*?{PROBE}(\d+)-", messages)
    if found is None:
        raise refusal(re.sub(rf"{PROBE}\d+-", "", messages))
    at = places[int(found[1])][0]
    line, column = source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)
    raise InvalidInput(f"{NAME}:{line}:{column}: imports are not possible: a diagram has no files beside its source")


def with_probes(source: str, places: list[tuple[int, int]]) -> str:
    """Return the source with a numbered, impossible path put behind each of these @ signs and its quote, if it has one."""
    parts, done = [], 0
    for number, (_, end) in enumerate(places):
        parts.append(f"{source[done:end]}{PROBE}{number}-")
        done = end
    return "".join([*parts, source[done:]])
