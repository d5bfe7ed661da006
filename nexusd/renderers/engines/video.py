"""A storyboard to a film, to an animated picture, or to one picture of it.

Owns the order of the work, the bound on frames, and the progress, which counts them. Frames are made and encoded one by one:
memory hangs on the size of a frame, never on how many there are. The same job gives the same bytes, with the same versions
of the encoders on the same kind of processor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines import film_timeline as timeline
from nexusd.renderers.engines.film_frames import Frames
from nexusd.renderers.engines.film_motion import read_motion
from nexusd.renderers.engines.film_slides import Slides, placed_errors
from nexusd.renderers.engines.film_storyboard import read_storyboard, timings, transition_kinds
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.frame import AudioFrame

    from nexusd.renderers.engines.film_encoding import Film
    from nexusd.renderers.engines.film_gif import Gif
    from nexusd.renderers.engines.film_timeline import Span
    from nexusd.renderers.job import ChildJob

DEFAULT_CODECS: Final = {"mp4": "h264", "webm": "vp9"}
NAME: Final = "video"


def render(job: ChildJob) -> None:
    """Render the job's storyboard into `out/video.mp4`, `.webm`, `.gif` or `.png`."""
    film = read_storyboard(job)
    width, height = film["width"], film["height"]
    spans = timeline.plan(timings(film), film["fps"])
    check_spans(job, film, spans)
    slides = Slides(job, film, width, height)
    slides.check()
    frames = Frames(slides, transition_kinds(film), width, height)
    if job.input["format"] == "png":
        write_poster(job, film["fps"], spans, frames)
        return
    total = timeline.total_frames(spans)
    with open_output(job, film, (width, height), total) as output:
        for number, moment in enumerate(timeline.moments(spans), 1):
            output.add(frames.at(moment))
            job.progress(number / total, f"frame {number} of {total}")


def check_spans(job: ChildJob, film: dict[str, Any], spans: list[Span]) -> None:
    """Raise InvalidInput when a slide is never seen, or there are more frames than may be."""
    total = timeline.total_frames(spans)
    if film["width"] * film["height"] > job.caps.picture_max_pixels:
        limit = f"at most {job.caps.picture_max_pixels:,} can be painted (caps.picture_max_pixels)"
        raise InvalidInput(f"a frame would have {film['width']} x {film['height']} pixels; {limit}")
    if total > job.caps.video_max_frames:
        limit = f"at most {job.caps.video_max_frames:,} can be made (caps.video_max_frames)"
        raise InvalidInput(f"the film would have {total:,} frames; {limit}")
    for number, span in enumerate(spans):
        if span.frames == 0:
            seconds = f"{film['slides'][number]['durationSeconds']:g} s at {film['fps']} frames a second"
            raise InvalidInput(f"slides/{number}/durationSeconds: {seconds} is less than one frame: nobody would see it")
    if job.input["format"] != "gif":
        return
    pictures = timeline.pictures(spans, [read_motion(slide["motion"]) is not None for slide in film["slides"]])
    if pictures > job.caps.picture_max_frames:
        limit = f"at most {job.caps.picture_max_frames:,} can be made (caps.picture_max_frames): choose mp4, or fewer fps"
        raise InvalidInput(f"the gif would have {pictures:,} different frames; {limit}")


def write_poster(job: ChildJob, fps: int, spans: list[Span], frames: Frames) -> None:
    """Write one frame of the film."""
    seconds = job.input["posterSeconds"]
    middle = spans[0].transition + (spans[0].frames - spans[0].transition) // 2
    wanted = middle if seconds is None else timeline.frame_at(timeline.micro(seconds), fps)
    frames.at(timeline.moment_at(spans, wanted)).save(job.out / f"{NAME}.png", "PNG")
    job.progress(1.0, "painted")


def open_output(job: ChildJob, film: dict[str, Any], size: tuple[int, int], total: int) -> Film | Gif:
    """Return what the frames are written to."""
    form = job.input["format"]
    path = job.out / f"{NAME}.{form}"
    if form == "gif":
        from nexusd.renderers.engines.film_gif import Gif

        return Gif(path, size=size, fps=film["fps"])
    from nexusd.renderers.engines.film_encoding import Film

    codec = job.input["codec"] or DEFAULT_CODECS[form]
    return Film(path, codec=codec, size=size, fps=film["fps"], sound=open_sound(job, film, total))


def open_sound(job: ChildJob, film: dict[str, Any], total: int) -> Iterator[AudioFrame] | None:
    """Return the sound of the film, of which the start is decoded, or None when it has none."""
    given = film["audio"]
    if given is None:
        return None
    from nexusd.renderers.engines.film_sound import RATE, Wanted, soundtrack
    from nexusd.renderers.engines.source import named_file

    fade = round(film["audioFadeSeconds"] * RATE)
    wanted = Wanted(round(total * RATE / film["fps"]), film["audioVolume"], fade, film["audioLoop"])
    return opened(soundtrack(named_file(job, given), wanted))


def opened(sound: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    """Return the same sound when its start can be played. Errors in it name it."""
    from itertools import chain

    named = placed(sound)
    return chain([next(named)], named)


def placed(sound: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    """Return the same sound; errors in it say that it is the sound."""
    with placed_errors("audio"):
        yield from sound


def warm() -> None:
    """Load what every film needs, and use it once on something tiny."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from PIL import Image as images

    from nexusd.renderers.engines.drawing import Drawing
    from nexusd.renderers.engines.film_encoding import Film
    from nexusd.renderers.engines.painting import paint

    text = '<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"><text y="20">a</text></svg>'
    frame = images.new("RGB", (32, 32))
    frame.paste(paint(Drawing(text, 32, 32), pixels_max=32 * 32))
    with TemporaryDirectory() as folder, Film(Path(folder, "warm.mp4"), codec="h264", size=(32, 32), fps=1, sound=None) as film:
        film.add(frame)
