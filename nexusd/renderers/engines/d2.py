"""D2 text to SVG, PNG or PDF.

D2 draws the SVG of every board; `svg` makes it safe, `picture` turns it into pixels or a page. PNG and PDF come from that same
SVG, because D2's own rasteriser fetches icons from the network and cannot be told not to.

D2 would import any `.d2` file and embed any file as an icon. A diagram has no files beside its source, so both are refused
here: imports by `refuse_imports`, icons by `svg.Cleaner` (what is embedded must stand in the source).

D2 embeds the fonts it measured in, and they stay in an SVG. `draw`, for pictures inside of others, lets D2 measure in Noto Sans
instead, which every painter here has.

Results: `diagram.svg`; a source with layers, scenarios or steps gives one picture for each board, `diagram_layers.detail.svg`
and so on, which sort after the main one; in PDF the boards are the pages of one file.
"""

from __future__ import annotations

import re
import signal
import subprocess
from typing import TYPE_CHECKING, Final, NamedTuple

from nexusd.renderers.engines.canvas import put_background
from nexusd.renderers.engines.drawing import Drawing, Style, too_large
from nexusd.renderers.engines.source import position, read_source
from nexusd.renderers.engines.svg import SVG, BoardCleaner, number, to_text
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
# A D2 lives shortly: collecting garbage less often saves a fifth of its time, as long as there is little of it.
ENVIRONMENT: Final = {"GOGC": "400", "GOMEMLIMIT": "512MiB"}
ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
PLACED: Final = re.compile(r"\bdiagram\.d2:\d+:\d+: ")
OUT_OF_MEMORY: Final = re.compile(r"out of memory|cannot allocate memory|pthread_create failed")
# Wherever D2 may read an import, one of these stands before the @; strings and text blocks match too and are sorted out later.
MAYBE_IMPORT: Final = re.compile(r"""(?:^|[:;{\[\],]|\.\.\.|["|])(?:\s|\\)*(@["']?)""", re.MULTILINE)
# Lines of nothing but names and arrows, and what may make text of such a line, or take its edges away.
PLAIN_EDGES: Final = re.compile(r"^[ \t]*+\w++(?:[ \t]*+(?:<->|->|<-|--)[ \t]*+\w++)++", re.MULTILINE)
ARROW: Final = re.compile("->|<-(?!>)|--(?!>)")
UNCOUNTED: Final = re.compile(r"""["'|\\]|\b(?:null|suspend)\b""", re.IGNORECASE)
PROBE: Final = "nexusd-probe-"
MARGIN: Final = 8  # pixels around a drawing inside another; D2's own 100 would make it small there

THEMES: Final = {
    "light": 0, "dark": 200, "neutral-default": 0, "neutral-grey": 1, "flagship-terrastruct": 3, "cool-classics": 4,
    "mixed-berry-blue": 5, "grape-soda": 6, "aubergine": 7, "colorblind-clear": 8, "vanilla-nitro-cola": 100,
    "orange-creamsicle": 101, "shirley-temple": 102, "earth-tones": 103, "everglade-green": 104, "buttered-toast": 105,
    "dark-mauve": 200, "dark-flagship-terrastruct": 201, "terminal": 300, "terminal-grayscale": 301, "origami": 302, "c4": 303,
}  # fmt: skip
FACE: Final = re.compile(r"@font-face\s*\{[^}]*\}")
FAMILY: Final = re.compile(r"""font-family:\s*"?d2-\d+-font-([a-z-]+)"?""")
FACE_OPTIONS: Final = {"regular": (False, False), "italic": (False, True), "bold": (True, False), "semibold": (True, False)}


class Look(NamedTuple):
    """How D2 draws. `appendix`: tooltips and links stand below. `inside` another picture: Noto Sans, a narrow margin."""

    style: Style = Style()
    layout: str | None = None
    sketch: bool = False
    appendix: bool = False
    inside: bool = False


def warm() -> None:
    """Load what a drawing needs, and let D2 draw once."""
    import tempfile
    from pathlib import Path

    import nexusd.renderers.engines.diagram  # noqa: F401 - writes what is drawn

    with tempfile.TemporaryDirectory() as folder:
        for tree in draw_boards("warm", Path(folder), Look()).values():
            to_text(tree)


def draw(source: str, folder: Path, style: Style) -> Drawing:
    """Return the main board of a source as a picture. See `drawing`."""
    tree = next(iter(draw_boards(source, folder, Look(style=style, inside=True)).values()))
    use_painters_fonts(tree)
    return Drawing(to_text(tree), number(tree.get("width")), number(tree.get("height")))


def render(job: ChildJob) -> None:
    """Render the job's D2 source into `out/`."""
    from nexusd.renderers.engines.diagram import read_style, write_trees

    source = read_source(job, NAME)
    look = Look(
        style=read_style(job),
        layout=job.input.get("layout"),
        sketch=bool(job.input.get("sketch")),
        appendix=job.input["format"] != "svg",  # on paper nothing can be hovered over
    )
    trees = draw_boards(source, job.workdir, look)
    job.progress(0.5, "drawn")
    write_trees(job, trees)


def draw_boards(source: str, folder: Path, look: Look) -> dict[str, Element]:
    """Return the clean tree of each board by the name its picture gets, the main board first."""
    if not source.strip():
        raise InvalidInput(f"{NAME}: the source is empty, there is nothing to draw")
    check_source(source, look.style.caps.diagram_max_nodes)
    refuse_imports(source, folder)
    messages = run_d2(source, folder, "boards", arguments(look))
    if messages is not None:
        raise refusal(messages)
    output = folder / "boards"
    files = sorted(output.rglob("*.svg"), key=lambda path: (path.stem != "index", path.relative_to(output).parts))
    if not files:
        raise InvalidInput(f"{NAME}: the source holds no shape, there is nothing to draw")
    if len(files) > BOARDS_MAX_COUNT:
        raise InvalidInput(f"{NAME}: {len(files)} boards; at most {BOARDS_MAX_COUNT} can be rendered in one job")
    boards = {board_name(path.relative_to(output)): path for path in files}
    cleaner = BoardCleaner(source, {path: name for name, path in boards.items()})
    trees = {name: cleaner.clean(path) for name, path in boards.items()}
    check_count(list(trees.values()), look.style.caps.diagram_max_nodes)
    if look.style.background is not None:
        for tree in trees.values():
            replace_background(tree, look.style.background)
    return trees


def check_source(source: str, nodes_max: int) -> None:
    """Refuse what is surely too large to lay out: plain lines of edges are counted, where nothing can undo them."""
    if not UNCOUNTED.search(source) and sum(len(ARROW.findall(line)) for line in PLAIN_EDGES.findall(source)) > nodes_max:
        raise too_large(NAME, nodes_max)


def check_count(trees: list[Element], nodes_max: int) -> None:
    """Refuse too large a diagram. D2 tells what globs and boards made of its source only in the drawing."""
    classes = (element.get("class", "") for tree in trees for element in tree.iter())
    if sum(name == "shape" or name.startswith("connection ") for name in classes) > nodes_max:
        raise too_large(NAME, nodes_max)


def arguments(look: Look) -> list[str]:
    """Return D2's arguments for a look. Raises InvalidInput for a theme or a layout that it does not have."""
    given = ["--force-appendix"] if look.appendix else []
    name = look.style.theme.lower().replace(" ", "-")
    if name not in THEMES and name not in map(str, THEMES.values()):
        raise InvalidInput(f"theme {look.style.theme!r} is none of D2's: {', '.join(THEMES)}, or its number")
    theme = THEMES.get(name, name)
    given += [f"--theme={theme}"] if str(theme) != "0" else []  # else the source may choose
    if look.layout is not None:
        given.append(f"--layout={look.layout}")
    if look.sketch:
        given.append("--sketch")
    if look.inside:
        from nexusd.renderers.engines import fonts

        given.append(f"--pad={MARGIN}")
        for name, (bold, italic) in FACE_OPTIONS.items():
            file = fonts.face(bold=bold, italic=italic)
            given += [f"--font-{name}={file}", f"--font-mono{'' if name == 'regular' else f'-{name}'}={file}"]
    return given


def use_painters_fonts(tree: Element) -> None:
    """Let the text be in Noto Sans by name, instead of in the pieces of it that D2 embedded."""
    from nexusd.renderers.engines.fonts import FALLBACK_FAMILY
    from nexusd.renderers.engines.fonts import FAMILY as PAINTED

    def named(found: re.Match[str]) -> str:
        bold, italic = "bold" in found[1], "italic" in found[1]
        family = f"""font-family:"{PAINTED}","{FALLBACK_FAMILY}",sans-serif"""
        return f"{family};font-weight:{'bold' if bold else 'normal'};font-style:{'italic' if italic else 'normal'}"

    for style in tree.iter(f"{{{SVG}}}style"):
        style.text = FAMILY.sub(named, FACE.sub("", style.text or ""))


def replace_background(tree: Element, colour: str) -> None:
    """Put a colour in place of the background that D2 drew: the first rectangle of its drawing."""
    inner = tree.find(f"{{{SVG}}}svg")
    rect = None if inner is None else inner.find(f"{{{SVG}}}rect")
    if inner is not None and rect is not None:
        inner.remove(rect)
        put_background(inner, colour)


def board_name(path: Path) -> str:
    """Return the name of a board's picture: `diagram`, or `diagram_layers.detail` for `diagram/layers/detail.svg`."""
    parts = [part for part in path.with_suffix("").parts[1:] if part != "index"]
    return "_".join(["diagram", re.sub(r"[^\w.-]+", "_", ".".join(parts))]) if parts else "diagram"


def run_d2(source: str, folder: Path, output: str, given: list[str]) -> str | None:
    """Draw `source` into the folder `output` in `folder`. Return None, or what D2 said when it failed.

    D2 gets an environment of its own: nothing of the user's configures it, and it finds no plug-in to run.
    """
    program = find_d2()
    if program is None:
        raise RendererFailed(missing_d2() or "the D2 program is missing")
    place = folder / "source"
    for needed in (place, folder / output):
        needed.mkdir(exist_ok=True)
    (place / NAME).write_text(source, "utf-8", newline="")
    argv = [str(program), *ARGUMENTS, *given, NAME, str(folder / output / "diagram.svg")]
    done = subprocess.run(argv, cwd=place, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode == 0:
        return None
    said = ANSI.sub("", (done.stdout + done.stderr).decode("utf-8", "replace"))
    if OUT_OF_MEMORY.search(said) or done.returncode == -signal.SIGKILL:
        # Killed alone, while this process lives: only the kernel does that, to get memory back.
        raise MemoryError
    return tidy(said, str(place)) or f"D2 ended with status {done.returncode} and said nothing"


def tidy(messages: str, folder: str) -> str:
    """Return D2's messages without the work directory and without what only D2's own users need."""
    lines = [line for line in messages.replace(f"{folder}/", "").splitlines() if not line.startswith(("success:", "info: "))]
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


def refuse_imports(source: str, folder: Path) -> None:
    """Raise InvalidInput when the source imports another file.

    Only D2 can tell an import from an @ in a text block. So when there may be one, D2 compiles the source once more with every
    such @ turned into the import of a file that does not exist: a true import fails by that name. Fails closed: whatever else
    goes wrong in this run would have gone wrong in the real one, or was meant to.
    """
    places = [match.span(1) for match in MAYBE_IMPORT.finditer(source)]
    if not places:
        return
    messages = run_d2(with_probes(source, places), folder, "probe", [])
    if messages is None:
        return
    found = re.search(rf"failed to import .*?{PROBE}(\d+)-", messages)
    if found is None:
        raise refusal(re.sub(rf"{PROBE}\d+-", "", messages))
    at = places[int(found[1])][0]
    raise InvalidInput(f"{NAME}:{position(source, at)}: imports are not possible: a diagram has no files beside its source")


def with_probes(source: str, places: list[tuple[int, int]]) -> str:
    """Return the source with a numbered, impossible path put behind each of these @ signs and its quote, if it has one."""
    parts, done = [], 0
    for index, (_, end) in enumerate(places):
        parts.append(f"{source[done:end]}{PROBE}{index}-")
        done = end
    return "".join([*parts, source[done:]])
