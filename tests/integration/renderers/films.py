"""Pictures and sounds that go into films, and what comes out of them, read by PyAV and Pillow."""

from __future__ import annotations

import array
import io
import math
import wave
from typing import TYPE_CHECKING, Any, NamedTuple

import av
from PIL import Image

from nexusd.domain.caps import Caps
from nexusd.renderers.assets import place
from nexusd.renderers.job import ChildJob
from nexusd.renderers.video import VIDEO
from tests.integration.renderers.children import Ended, render

if TYPE_CHECKING:
    from pathlib import Path

SMALL: dict[str, Any] = {"width": 160, "height": 90, "fps": 10}
RATE = 48_000
Rgb = tuple[int, int, int]


class Film(NamedTuple):
    """A decoded film. `sound` is what one ear hears, from -1 to 1, RATE times a second."""

    frames: list[Image.Image]
    codecs: list[str]
    sound: list[float]
    seconds: float


def film(
    workdir: Path, *slides: dict[str, Any], assets: dict[str, bytes] | None = None, memory: int | None = None, **options: Any
) -> Ended:
    """Render slides of a second, small and slow. `memory` is what fresh memory is filled with, to find who reads it."""
    given = {**SMALL, **options, "slides": [{"durationSeconds": 1, **slide} for slide in slides]}
    filled = {} if memory is None else {"MALLOC_PERTURB_": str(memory)}
    return render(VIDEO, given, workdir, assets, {**VIDEO.environment, **filled})


def made(ended: Ended) -> bytes:
    """Return the one file of a render that went well and said nothing."""
    assert (ended.code, ended.log) == (0, "")
    [content] = ended.files.values()
    return content


def read(content: bytes) -> Film:
    """Decode a film."""
    with av.open(io.BytesIO(content), "r") as source:
        decoded: Any = source.decode(video=0)
        frames = [frame.to_image() for frame in decoded]
        codecs = [stream.codec_context.codec.canonical_name for stream in source.streams]
        seconds = (source.duration or 0) / 1_000_000
    return Film(frames, codecs, listen(content), seconds)


def listen(content: bytes) -> list[float]:
    """Decode the sound of a film."""
    heard: list[float] = []
    with av.open(io.BytesIO(content), "r") as source:
        if not source.streams.audio:
            return heard
        resampler = av.AudioResampler(format="flt", layout="stereo", rate=RATE)
        for frame in source.decode(audio=0):
            for part in resampler.resample(frame):
                start = len(heard) if part.time is None else round(part.time * RATE)
                heard.extend([0.0] * (start - len(heard)))
                values = array.array("f", bytes(part.planes[0])[: part.samples * 8])
                heard.extend(values[::2])
    return heard


def loudness(sound: list[float], start: float, end: float) -> float:
    """Return the loudest moment between two times in seconds."""
    return max((abs(value) for value in sound[round(start * RATE) : round(end * RATE)]), default=0.0)


def is_near(pixel: Any, color: Rgb, tolerance: int = 24) -> bool:
    """Whether a pixel has about this colour; films lose a little of it."""
    return all(abs(one - other) <= tolerance for one, other in zip(pixel, color, strict=False))


def wav(seconds: float, *, rate: int = 44_100, channels: int = 1, hertz: float = 440.0, start: float = 0.0) -> bytes:
    """Return a tone; silence up to `start`."""
    values = array.array("h")
    for step in range(round(seconds * rate)):
        value = 0 if step < start * rate else round(16_000 * math.sin(2 * math.pi * hertz * step / rate))
        values.extend([value] * channels)
    with io.BytesIO() as content, wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(values.tobytes())
        file.close()
        return content.getvalue()


def encoded(tone: bytes, form: str, codec: str, *, picture: bool = False) -> bytes:
    """Return a WAV in another format; `picture` puts a film of one black frame beside it."""
    content = io.BytesIO()
    with av.open(io.BytesIO(tone), "r") as source, av.open(content, "w", format=form) as target:
        if picture:
            seen = target.add_stream("libx264", rate=1)
            seen.width, seen.height, seen.pix_fmt = 64, 64, "yuv420p"
        heard: Any = target.add_stream(codec, rate=RATE, layout="stereo")
        if picture:
            target.mux(seen.encode(av.VideoFrame(64, 64, "yuv420p")))
            target.mux(seen.encode(None))
        resampler = av.AudioResampler(format=heard.codec_context.format, layout="stereo", rate=RATE)
        for frame in source.decode(audio=0):
            for part in resampler.resample(frame):
                target.mux(heard.encode(part))
        target.mux(heard.encode(None))
    return content.getvalue()


def picture(color: str | Rgb, size: tuple[int, int] = (160, 90), form: str = "PNG") -> bytes:
    """Return a plain picture."""
    return saved(Image.new("RGB", size, color), form)


def saved(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """Return a picture as a file."""
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def a_job(workdir: Path, given: dict[str, Any], assets: dict[str, bytes] | None = None, caps: Caps | None = None) -> ChildJob:
    """Return a job for an engine that is called in this process."""
    (workdir / "out").mkdir(parents=True)
    paths = {}
    for name, content in (assets or {}).items():
        paths[name] = f"asset-{name}"
        (workdir / paths[name]).write_bytes(content)
    checked = VIDEO.input_model.model_validate(given).model_dump(by_alias=True, mode="json")
    return ChildJob(place(checked, paths), workdir, workdir / "out", caps=caps or Caps())
