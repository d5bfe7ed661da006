"""One slide of a storyboard, ready to be filmed: its picture, what is written over it, and how it moves.

Owns the choices a storyboard leaves open: where titles go, what is cut and what is shown whole, which ground lies behind.
A picture that is shown whole leaves room for the titles; one that covers the slide lies below them. Every error names the
slide: `slides/3/image: …`. Leaves out time: that is `film_frames`.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nexusd.renderers.colours import luminance
from nexusd.renderers.engines import film_pictures as pictures
from nexusd.renderers.engines.drawing import Drawing, Style, draw
from nexusd.renderers.engines.film_motion import Motion, read_motion
from nexusd.renderers.engines.film_pictures import Area, Canvas
from nexusd.renderers.engines.film_titles import Titles, draw_titles, set_titles
from nexusd.renderers.engines.painting import paint
from nexusd.renderers.engines.source import named_file
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PIL.Image import Image

    from nexusd.renderers.job import ChildJob

DARK: Final = 0.18  # luminance below which a ground counts as dark
EDGE: Final = 0.05  # of the shorter side, around what is drawn


class Prepared(NamedTuple):
    """A slide: its picture, larger than the film when it moves; the titles and their mask, and where they go."""

    picture: Image
    motion: Motion | None = None
    titles: Image | None = None
    mask: Image | None = None
    place: tuple[int, int] = (0, 0)


class Slides:
    """The slides of one film. Nothing is kept: whoever asks twice, pays twice."""

    def __init__(self, job: ChildJob, film: dict[str, Any], width: int, height: int) -> None:
        self._job, self._film = job, film
        self._width, self._height = width, height

    def check(self) -> None:
        """Raise InvalidInput for what can be seen at once, colours and images: better before an hour of work than after."""
        if self._film["background"]:
            pictures.plain(self._film["background"], "background")
        for number, slide in enumerate(self._film["slides"]):
            for name in ("color", "background"):
                if slide[name]:
                    pictures.plain(slide[name], f"slides/{number}/{name}")
            if slide["image"] is not None:
                with placed_errors(f"slides/{number}/image"):
                    path = self._path(slide["image"])
                    if not pictures.is_svg(path):
                        pictures.check_raster(path, self._job.caps)

    def prepare(self, number: int) -> Prepared:
        """Return a slide. Raises InvalidInput that names it."""
        slide = self._film["slides"][number]
        place = f"slides/{number}"
        motion = read_motion(slide["motion"])
        with placed_errors(f"{place}/title"):
            titles = set_titles(slide, title_place(slide), self._width, self._height)
        zoom = pictures.enlargement(self._width, self._height, motion.closest) if motion else 1.0
        kind = next(kind for kind in ("image", "diagram", "chart", "markdown", "color") if slide[kind] is not None)
        with placed_errors(f"{place}/{kind}"):
            picture = self._picture(number, slide, titles, zoom)
        ground = self.ground(slide) if kind == "color" or (titles and shows_whole(slide) and titles.place != "center") else None
        return self._titled(Prepared(picture, motion), titles, None if motion else ground)

    def ground(self, slide: dict[str, Any]) -> str:
        """Return the colour behind a slide, `#rrggbb`."""
        chosen = slide["color"] or slide["background"] or self._film["background"]
        return pictures.plain(chosen or ("white" if pictures.is_drawn(slide) else "black"), "background")

    def plain(self) -> Prepared:
        """Return what is there before the first slide comes."""
        from PIL import Image as images

        color = pictures.plain(self._film["background"] or "black", "background")
        return Prepared(images.new("RGB", (self._width, self._height), color))

    def _picture(self, number: int, slide: dict[str, Any], titles: Titles, zoom: float) -> Image:
        from PIL import Image as images

        canvas = Canvas(self._width, self._height, zoom)
        if slide["color"] is not None:
            return images.new("RGB", canvas.pixels, self.ground(slide))
        if slide["markdown"] is not None:
            return self._markdown(number, slide, canvas)
        area = self._area(slide, titles)
        cover = not shows_whole(slide)
        if slide["image"] is not None:
            found = self._image(slide, canvas, area, cover=cover)
        else:
            kind = "diagram" if slide["diagram"] is not None else "chart"
            found = self._painted(self._drawn(number, slide, kind), canvas, area, cover=cover)
        return pictures.fitted(found, canvas, area, cover=cover, background=self.ground(slide))

    def _area(self, slide: dict[str, Any], titles: Titles) -> Area:
        """Return where the picture goes: all of the slide, or what the titles leave when it is shown whole."""
        if not shows_whole(slide):
            return Area(0, 0, self._width, self._height)
        top, bottom = titles.room
        edge = EDGE * min(self._width, self._height) if pictures.is_drawn(slide) else 0.0
        first, last = top or edge, self._height - (bottom or (titles.margin if top else edge))
        return Area(edge, first, self._width - 2 * edge, max(last - first, self._height * 0.1))

    def _image(self, slide: dict[str, Any], canvas: Canvas, area: Area, *, cover: bool) -> Image:
        path = self._path(slide["image"])
        if not pictures.is_svg(path):
            return pictures.open_raster(path, self._job.caps, canvas.pixels)
        from nexusd.renderers.engines.svg_safety import make_safe
        from nexusd.renderers.engines.svg_size import to_drawing

        svg = make_safe(read_text(path, self._job.caps.source_max_bytes), name="picture.svg")
        return self._painted(to_drawing(svg, name="picture.svg", side_max=math.inf), canvas, area, cover=cover)

    def _drawn(self, number: int, slide: dict[str, Any], kind: str) -> Drawing:
        given = slide[kind]
        source = given["source"]
        is_json = isinstance(source, dict) and "$asset" not in source
        text = json.dumps(source, ensure_ascii=False) if is_json else self._text(source)
        ground = self.ground(slide)
        style = Style("dark" if luminance(ground) < DARK else "light", background=ground, caps=self._job.caps)
        return draw(given["language"], text, self._folder(number), style)

    def _painted(self, drawing: Drawing, canvas: Canvas, area: Area, *, cover: bool) -> Image:
        """Paint a drawing in just the size that is needed."""
        choose = max if cover else min
        scale = canvas.zoom * choose(area.width / drawing.width, area.height / drawing.height)
        return paint(drawing, scale=scale, pixels_max=self._job.caps.picture_max_pixels)

    def _markdown(self, number: int, slide: dict[str, Any], canvas: Canvas) -> Image:
        from PIL import Image as images

        from nexusd.renderers.engines.document import place_files
        from nexusd.renderers.engines.slides import set_slide

        given = slide["background"] or self._film["background"]
        dark = given is not None and luminance(pictures.plain(given, "background")) < DARK
        folder = self._folder(number)
        folder.parent.mkdir(parents=True, exist_ok=True)
        place_files(self._job, folder)
        png = set_slide(self._text(slide["markdown"]), folder, *canvas.pixels, dark=dark, caps=self._job.caps)
        return images.open(io.BytesIO(png)).convert("RGB")

    def _titled(self, prepared: Prepared, titles: Titles, ground: str | None) -> Prepared:
        """Paint the titles, and keep the part of them that shows. A slide that stands still carries them in its picture."""
        if not titles:
            return prepared
        drawing = Drawing(draw_titles(titles, ground=ground), titles.width, titles.height)
        painted = paint(drawing, pixels_max=self._job.caps.picture_max_pixels)
        box = painted.getchannel("A").getbbox()
        if box is None:
            return prepared
        part = painted.crop(box)
        mask = part.getchannel("A")
        if prepared.motion is None:
            prepared.picture.paste(part, box[:2], mask)
            return prepared
        return prepared._replace(titles=part.convert("RGB"), mask=mask, place=box[:2])

    def _folder(self, number: int) -> Path:
        """Return a folder of a slide's own. A slide that is prepared again gets it anew."""
        import shutil

        folder = self._job.workdir / "slides" / str(number)
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def _path(self, given: str | dict[str, Any]) -> Path:
        """Return the file of an asset, or of a path in `files`."""
        return named_file(self._job, given)

    def _text(self, given: str | dict[str, Any]) -> str:
        """Return a source: the text itself, or what the file of its asset holds."""
        return given if isinstance(given, str) else read_text(self._path(given), self._job.caps.source_max_bytes)


def read_text(path: Path, bytes_max: int) -> str:
    """Return the text of a file. Raises InvalidInput when it is too long, or none."""
    with path.open("rb") as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise InvalidInput(f"the source has more than {bytes_max:,} bytes (caps.source_max_bytes)")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the source is not UTF-8 text (byte {error.start})") from None


def shows_whole(slide: dict[str, Any]) -> bool:
    """Whether a slide's picture is shown whole, rather than cut to the shape of the film."""
    fit = slide["fit"] or ("cover" if slide["image"] is not None else "contain")
    return bool(fit == "contain" and slide["color"] is None and slide["markdown"] is None)


def title_place(slide: dict[str, Any]) -> str:
    """Return where title and subtitle go."""
    if slide["titlePlace"]:
        return str(slide["titlePlace"])
    if slide["color"] is not None:
        return "center"
    return "top" if shows_whole(slide) else "bottom"


@contextlib.contextmanager
def placed_errors(place: str) -> Iterator[None]:
    """Let an error about the input name the place in the storyboard."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error}") from None
