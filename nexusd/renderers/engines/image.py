"""One picture to another: the job of the renderer `image`.

Owns the order of the steps and which of several frames or pages are used. An SVG is made safe, then painted in the size it is
needed in; into a PDF it goes as it is when it is neither cropped nor turned nor cut. All else is done to pixels, a frame at a
time. Results: `image.EXTENSION`, the same bytes for the same input.
"""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Any, Final

from nexusd.renderers.engines.framing import apply, plan
from nexusd.renderers.engines.raster import HEAD_BYTES, kind_of
from nexusd.renderers.engines.source import asset_file, read_source
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from PIL.Image import Image

    from nexusd.renderers.engines.drawing import Drawing
    from nexusd.renderers.job import ChildJob

SVG_NAME: Final = "image.svg"
SVG_STARTS: Final = (b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
ORIENTATION: Final = 0x0112
EXIF_FOLDERS: Final = (0x8769, 0x8825, 0xA005)
Colour = tuple[int, int, int, int]


def render(job: ChildJob) -> None:
    """Render the job's picture into `out/`."""
    source = job.input["source"]
    if isinstance(source, str):
        render_svg(job)
        return
    with asset_file(job, source).open("rb") as file:
        head = file.read(HEAD_BYTES)
        if kind_of(head) is None and head.lstrip().startswith(SVG_STARTS):
            render_svg(job)
            return
        file.seek(0)
        render_raster(job, file)


def render_svg(job: ChildJob) -> None:
    """Render an SVG."""
    from nexusd.renderers.engines.svg_safety import make_safe
    from nexusd.renderers.engines.svg_size import to_drawing

    drawing = to_drawing(make_safe(read_source(job, SVG_NAME), name=SVG_NAME), name=SVG_NAME)
    job.progress(0.2, "read")
    options = job.input
    if options["frame"]:
        raise InvalidInput("frame: an SVG has one, number 0")
    if options["format"] == "pdf" and stays_vector(options):
        write_vector_pdf(job, drawing)
    elif options["format"] == "ico":
        write_icon(job, lambda side: painted(job, drawing, icon_options(options, side)), None)
    elif options["format"] == "png" and stays_vector(options) and options["fit"] != "fill":
        write_painted(job, drawing)
    else:
        write_pictures(job, lambda _index: painted(job, drawing, options), 1, {})


def stays_vector(options: dict[str, Any]) -> bool:
    """Whether a page can show the drawing itself."""
    return not (options["crop"] or options["rotate"] % 360 or options["flip"] or options["fit"] in ("cover", "contain"))


def write_vector_pdf(job: ChildJob, drawing: Drawing) -> None:
    """Write the drawing as a page."""
    from nexusd.renderers.engines.framing import resized
    from nexusd.renderers.engines.picture_pdf import drawing_to_pdf

    size = drawing.width, drawing.height
    if any(job.input[name] for name in ("width", "height", "scale", "thumbnail")):
        size = resized((max(1, round(size[0])), max(1, round(size[1]))), job.input)[0]
    background = colour_of(job.input["background"])
    written = f"#{bytes(background).hex()}" if background else None
    content = drawing_to_pdf(drawing, job.workdir / "page", size, written, job.caps.picture_max_pixels)
    (job.out / "image.pdf").write_bytes(content)
    job.progress(1.0, "written")


def write_painted(job: ChildJob, drawing: Drawing) -> None:
    """Write the drawing as the painter's own PNG: nothing is to be done to its pixels."""
    from nexusd.renderers.engines.painting import paint_png

    steps = plan((max(1, round(drawing.width)), max(1, round(drawing.height))), job.input)
    refuse_large(steps, job)
    scale = max(steps.inner[0] / steps.turned[0], steps.inner[1] / steps.turned[1])
    background = colour_of(job.input["background"])
    written = f"#{bytes(background).hex()}" if background else None
    content = paint_png(drawing, scale=scale, background=written, pixels_max=job.caps.picture_max_pixels)
    (job.out / "image.png").write_bytes(content)
    job.progress(1.0, "written")


def painted(job: ChildJob, drawing: Drawing, options: dict[str, Any]) -> Image:
    """Return the drawing as pixels, after all steps."""
    from nexusd.renderers.engines.painting import paint

    size = max(1, round(drawing.width)), max(1, round(drawing.height))
    first = plan(size, options)
    refuse_large(first, job)
    scale = max(first.inner[0] / first.turned[0], first.inner[1] / first.turned[1])
    picture = paint(drawing, scale=scale, pixels_max=job.caps.picture_max_pixels)
    steps = plan(picture.size, options, scaled=scale)
    return finished(picture, steps._replace(inner=first.inner, outer=first.outer), options)


def render_raster(job: ChildJob, file: IO[bytes]) -> None:
    """Render a picture made of pixels."""
    from nexusd.renderers.engines.raster import frame_count, open_raster

    picture = open_raster(file, job.caps, "the source")
    job.progress(0.1, "opened")
    options, count = job.input, frame_count(picture)
    start = options["frame"] or 0
    if start >= count:
        raise InvalidInput(f"frame: there is no number {start}; the picture has {count:,}, from 0")
    wanted = count if options["frame"] is None and keeps_all(picture, options["format"]) else 1
    if count > 1 and wanted == 1 and options["frame"] is None:
        sys.stderr.write(f"the source has {count:,} frames; {options['format']} shows the first, `frame` chooses another\n")
    if options["format"] == "ico":
        whole = decoded(picture, start, options)
        write_icon(job, lambda side: squared(whole, icon_options(options, side)), max(whole.size))
        return

    furthest = -1

    def make(index: int) -> Image:
        nonlocal furthest
        made = prepared(job, picture, start + index)
        if index > furthest:  # an encoder may come back to the first
            furthest = index
            job.progress(0.1 + 0.8 * (index + 1) / wanted, f"frame {index + 1} of {wanted}")
        return made

    write_pictures(job, make, wanted, kept_metadata(picture, options))


def keeps_all(picture: Image, form: str) -> bool:
    """Whether the format can hold all frames or pages of this picture."""
    from nexusd.renderers.engines import picture_files, raster

    return (picture.format in raster.ANIMATED and form in picture_files.ANIMATED) or (
        picture.format in raster.PAGED and form in picture_files.PAGED
    )


def prepared(job: ChildJob, picture: Image, index: int) -> Image:
    """Return one frame or page after all steps."""
    from nexusd.renderers.engines.raster import refusing

    options = job.input
    with refusing("the source"):
        picture.seek(index)
        if picture.width * picture.height > job.caps.picture_max_pixels:  # a page of a TIFF has a size of its own
            raise InvalidInput(f"the source: page {index} has too many pixels (caps.picture_max_pixels)")
    size = upright_size(picture)
    steps = plan(size, options)
    refuse_large(steps, job)
    if picture.format == "JPEG" and steps.crop is None and steps.rotate % 90 == 0:
        # The decoder makes it smaller as it reads, if that is at least twice what is wanted.
        picture.draft(picture.mode, (2 * max(steps.inner), 2 * max(steps.inner)))
    return finished(decoded(picture, index, options), steps, options)


def decoded(picture: Image, index: int, options: dict[str, Any]) -> Image:
    """Return one frame or page upright, in plain colours."""
    from nexusd.renderers.engines.pixels import plain
    from nexusd.renderers.engines.raster import refusing

    with refusing("the source"):
        picture.seek(index)
        picture.load()
    duration = picture.info.get("duration")
    deep = options["format"] in ("png", "tiff") and options["rotate"] % 90 == 0 and not options["background"]
    keeps_profile = options["metadata"] == "keep" and picture.mode != "CMYK"
    whole = plain(picture, convert_profile=not keeps_profile, keep_deep=deep and options["fit"] != "contain")
    turned = upright(whole, orientation(picture))
    if turned is picture:
        turned = picture.copy()  # a frame that the next one must not overwrite
    turned.info = {} if duration is None else {"duration": duration}
    return turned


def finished(picture: Image, steps: Any, options: dict[str, Any]) -> Image:
    """Return the picture after the steps, on its background, as its format can hold it."""
    from nexusd.renderers.engines import picture_files
    from nexusd.renderers.engines.pixels import flattened

    background = colour_of(options["background"])
    duration = picture.info.get("duration")
    done = apply(picture, steps, background)
    if background is not None:
        done = flattened(done, background)
    if duration is not None:
        done.info["duration"] = duration
    form = options["format"]
    return picture_files.fitting(done, "png" if form == "pdf" else form, dithered=duration is None)


def squared(picture: Image, options: dict[str, Any]) -> Image:
    """Return the picture in the square of an icon."""
    return finished(picture, plan(picture.size, options), options)


def icon_options(options: dict[str, Any], side: int) -> dict[str, Any]:
    """Return the options that make a square of a picture."""
    return {**options, "width": side, "height": side, "fit": "contain"}


def write_icon(job: ChildJob, make: Any, side_max: int | None) -> None:
    """Write an ICO; a picture made of pixels is not enlarged for it."""
    from nexusd.renderers.engines.picture_files import ICON_SIDES
    from nexusd.renderers.engines.picture_files import write_icon as write

    sides = sorted(set(job.input["sizes"] or ICON_SIDES))
    if job.input["sizes"] is None and side_max is not None:
        sides = [side for side in sides if side <= side_max] or sides[:1]
    write([make(side) for side in sides], job.out / "image.ico")
    job.progress(1.0, "written")


def write_pictures(job: ChildJob, make: Any, count: int, metadata: dict[str, bytes]) -> None:
    """Write one picture, an animation, or pages."""
    from nexusd.renderers.engines.picture_files import EXTENSIONS, Sequence, Writing, write

    form = job.input["format"]
    if form == "pdf":
        write_pixel_pdf(job, make, count)
        return
    picture = Sequence(make, count) if count > 1 else make(0)
    writing = Writing(form, job.input["quality"], job.input["lossless"], metadata)
    write(picture, job.out / f"image.{EXTENSIONS.get(form, form)}", writing)
    job.progress(1.0, "written")


def write_pixel_pdf(job: ChildJob, make: Any, count: int) -> None:
    """Write pages of pixels, without loss: a JPEG too is written anew, since whole it would bring its EXIF along."""
    from nexusd.renderers.engines.picture_pdf import pages_to_pdf

    folder = job.workdir / "page"
    folder.mkdir()
    pages = []
    for index in range(count):
        picture = make(index)
        picture.save(folder / f"{index}.png", "PNG")
        pages.append((f"{index}.png", (float(picture.width), float(picture.height))))
    (job.out / "image.pdf").write_bytes(pages_to_pdf(folder, pages, None))
    job.progress(1.0, "written")


def refuse_large(steps: Any, job: ChildJob) -> None:
    """Raise InvalidInput when a step would make too many pixels."""
    most = job.caps.picture_max_pixels
    if steps.is_larger_than(most):
        width, height = max((steps.turned, steps.inner, steps.outer), key=lambda size: size[0] * size[1])
        limit = f"at most {most:,} can be painted (caps.picture_max_pixels)"
        raise InvalidInput(f"the picture would have {width:,} x {height:,} pixels; {limit}")


def orientation(picture: Image) -> int:
    """Return how a camera held the picture, 1 to 8 as EXIF has it; 1 when that cannot be read."""
    from nexusd.renderers.engines.raster import REFUSALS

    if picture.format == "TIFF":  # Pillow turns it itself
        return 1
    try:
        found = picture.getexif().get(ORIENTATION, 1)
    except REFUSALS:
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def upright_size(picture: Image) -> tuple[int, int]:
    """Return the size of a picture once it is upright."""
    return (picture.height, picture.width) if orientation(picture) >= 5 else picture.size


def upright(picture: Image, held: int) -> Image:
    """Return the picture as it was seen."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return picture.transpose(turns[held]) if held in turns else picture


def kept_metadata(picture: Image, options: dict[str, Any]) -> dict[str, bytes]:
    """Return what stays of a picture's notes in a file of the format that is asked for."""
    from PIL import Image as images

    from nexusd.renderers.engines.picture_files import EXIF, XMP
    from nexusd.renderers.engines.raster import REFUSALS

    if options["metadata"] != "keep":
        return {}
    form, kept = options["format"], {}
    try:
        exif = images.Exif()
        exif.load(picture.getexif().tobytes())  # a copy: what is decoded later needs its own
        # A TIFF keeps the plain notes: Pillow cannot write folders of them through libtiff.
        for tag in (ORIENTATION, *(EXIF_FOLDERS if form == "tiff" else ())):
            exif.pop(tag, None)
        if form in EXIF and len(exif):
            kept["exif"] = exif.tobytes()
    except REFUSALS:
        sys.stderr.write("the source's EXIF cannot be read and is left out\n")
    if form in XMP and isinstance(xmp := picture.info.get("xmp"), bytes):
        kept["xmp"] = xmp
    if form in EXIF and picture.mode != "CMYK" and (profile := picture.info.get("icc_profile")):
        kept["icc_profile"] = profile
    return kept


def colour_of(text: str | None) -> Colour | None:
    """Return a CSS colour. Raises InvalidInput when it is none."""
    if text is None:
        return None
    if text.strip().lower() == "transparent":
        return 0, 0, 0, 0
    from PIL import ImageColor

    try:
        found = ImageColor.getrgb(text.strip())
    except ValueError:
        raise InvalidInput(f"background: {text!r} is no colour; write #rrggbb, say, or a CSS name") from None
    return (*found[:3], found[3] if len(found) > 3 else 255)


def warm() -> None:
    """Load the painter with its fonts, and the readers and writers of the usual formats."""
    import importlib

    from nexusd.renderers.engines import painting, raster

    for module in ("picture_files", "pixels", "svg_safety", "svg_size"):
        importlib.import_module(f"nexusd.renderers.engines.{module}")
    for kind in ("PNG", "JPEG", "WEBP", "GIF"):
        importlib.import_module(f"PIL.{raster.FORMATS[kind]}")
    painting.warm()
