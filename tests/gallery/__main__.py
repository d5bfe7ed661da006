"""`python -m tests.gallery DIRECTORY [FAMILY…]`: render the gallery into a new folder, with contact sheets to look at."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import av
from PIL import Image, ImageDraw

from tests.gallery.exhibits import FAMILIES, Gallery, cases
from tests.support.daemons import Program, make_home

if TYPE_CHECKING:
    from tests.gallery.exhibits import Exhibit

TILE: Final = (400, 300)
COLUMNS: Final = 4
ROWS: Final = 3
LABEL: Final = 18
PICTURES: Final = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".tiff", ".ico"}
FITTING: Final = '<body style="margin: 0"><img src="{name}" style="width: 100vw; height: 100vh; object-fit: contain">'


def main() -> None:
    """Render the families that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.gallery", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("families", nargs="*", default=FAMILIES)
    given = parser.parse_args()
    given.directory.mkdir(parents=True)
    with make_home() as home, Program(home, module="nexusd", environment={"NEXUSD_SANDBOX": "auto"}) as program:
        program.start()
        with program.client() as client:
            gallery = Gallery(client, given.directory.absolute())
            wanted = [case for case in cases() if case.job_type in given.families]
            jobs = [gallery.submit(case) for case in wanted]
            tiles = [tile for case, job in zip(wanted, jobs, strict=True) for tile in show(gallery.fetch(case, job))]
    size = COLUMNS * ROWS
    for number, start in enumerate(range(0, len(tiles), size)):
        sheet(tiles[start : start + size]).save(given.directory / f"sheet-{number:02}.png")


def show(exhibit: Exhibit) -> list[Image.Image]:
    """Return a tile for every result that can be seen."""
    name = f"{exhibit.case.job_type}: {exhibit.case.name}"
    return [tile(f"{name} ({file.name})", seen) for file in exhibit.files for seen in see(file)]


def see(file: Path) -> list[Image.Image]:
    """Return what a file looks like: nothing, a picture, or some frames."""
    if file.suffix in PICTURES:
        return [Image.open(file).convert("RGBA")]
    if file.suffix in {".mp4", ".webm"}:
        with av.open(str(file)) as film:
            frames: list[Image.Image] = [frame.to_image() for frame in film.decode(video=0)]  # type: ignore[no-untyped-call]
        return [frames[len(frames) // 4], frames[len(frames) * 3 // 4]]
    painted = file.with_suffix(".seen.png")
    if file.suffix == ".pdf":
        subprocess.run(["pdftoppm", "-r", "70", "-l", "1", "-singlefile", "-png", file, painted.with_suffix("")], check=True)
    elif file.suffix in {".svg", ".html"}:
        page = file
        if file.suffix == ".svg":  # alone it would be shown at its own size, and cut
            page = file.with_suffix(".seen.html")
            page.write_text(FITTING.format(name=quote(file.name)), encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1200,900", f"--screenshot={painted}"]
        subprocess.run(["chromium", *options, page.as_uri()], check=True, capture_output=True)
    else:
        return []
    return [Image.open(painted).convert("RGBA")]


def tile(label: str, picture: Image.Image) -> Image.Image:
    """Return one tile: the picture, as large as fits, over its name."""
    found = Image.new("RGB", (TILE[0], TILE[1] + LABEL), "#d0d0d0")
    picture = picture.convert("RGBA")
    picture.thumbnail(TILE)
    found.paste(picture, ((TILE[0] - picture.width) // 2, (TILE[1] - picture.height) // 2), picture)
    ImageDraw.Draw(found).text((4, TILE[1] + 3), label, fill="black")
    return found


def sheet(tiles: list[Image.Image]) -> Image.Image:
    """Return a contact sheet."""
    width, height = tiles[0].size
    found = Image.new("RGB", (COLUMNS * (width + 4), -(-len(tiles) // COLUMNS) * (height + 4)), "white")
    for number, one in enumerate(tiles):
        found.paste(one, (number % COLUMNS * (width + 4), number // COLUMNS * (height + 4)))
    return found


if __name__ == "__main__":
    main()
