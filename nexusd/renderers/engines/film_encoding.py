"""Frames and sound to a film: H.264 and AAC in MP4, VP9 or AV1 and Opus in WebM.

Invariants: the same frames give the same bytes: a fixed number of threads, no times, and no names of encoders in the file;
sound is never far ahead of the picture, nor behind it, so that the file can be played while it comes and little waits in
memory. Colours are BT.709 in the range of television, and say so. Leaves out where frames and sound come from.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines.film_writing import Written

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from av.audio.frame import AudioFrame
    from av.video.frame import VideoFrame
    from PIL.Image import Image

THREADS: Final = 2
KEY_SECONDS: Final = 4  # between two frames that a player can jump to
BT709: Final = 1  # of H.273: primaries, transfer and matrix
TELEVISION: Final = 1  # the range 16 to 235
SOUND_RATE: Final = 48_000
SOUND_BITS: Final = 160_000
SETTINGS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    # mbtree: with it x264 reads memory that it never wrote, unless the width is a multiple of 128: other bytes each time.
    "h264": ("libx264", {"preset": "veryfast", "crf": "20", "profile": "high", "mbtree": "0"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "6", "row-mt": "1", "crf": "30", "b": "0"}),
    "av1": ("libsvtav1", {"preset": "9", "crf": "32", "svtav1-params": f"lp={THREADS}"}),
}
MUXERS: Final[dict[str, dict[str, str]]] = {
    "mp4": {"fflags": "+bitexact", "movflags": "+faststart"},
    "webm": {"fflags": "+bitexact", "cues_to_front": "1"},
}
SOUND: Final = {"mp4": "aac", "webm": "libopus"}


class Film(Written):
    """A film that is being written. Frames come by `add`; the sound is taken from `sound` as it is needed."""

    def __init__(self, path: Path, *, codec: str, size: tuple[int, int], fps: int, sound: Iterable[AudioFrame] | None) -> None:
        import av

        form = path.suffix[1:]
        name, options = SETTINGS[codec]
        self._fps, self._frames = fps, 0
        self._output: Any = av.open(str(path), "w", format=form, options=MUXERS[form])
        self._picture: Any = self._output.add_stream(name, rate=fps, options=dict(options))
        set_picture(self._picture, size, fps)
        self._sound: Any = None
        if sound is not None:
            self._sound = self._output.add_stream(SOUND[form], rate=SOUND_RATE, layout="stereo")
            self._sound.codec_context.bit_rate = SOUND_BITS
            self._sound.codec_context.flags |= bit_exact()
        self._coming = iter(sound or ())
        self._sound_until = 0
        self._last: Image | None = None
        self._output.start_encoding()
        # An encoder writes its name and all its options into the first frame of H.264: units of type 6.
        self._cleaner = av.BitStreamFilterContext("filter_units=remove_types=6", self._picture) if codec == "h264" else None

    def add(self, image: Image) -> None:
        """Append one frame."""
        if image is not self._last:
            self._converted, self._last = converted(image), image
        self._add_sound(Fraction(self._frames, self._fps))
        self._converted.pts = self._frames
        self._frames += 1
        self._write(self._picture.encode(self._converted))

    def _add_sound(self, until: Fraction | None) -> None:
        """Write the sound up to a moment, or all of it."""
        while self._sound is not None and (until is None or self._sound_until < until * SOUND_RATE):
            frame = next(self._coming, None)
            if frame is None:
                break
            self._sound_until += frame.samples
            self._output.mux(self._sound.encode(frame))

    def _write(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            if self._cleaner is None:
                self._output.mux(packet)
            else:
                self._output.mux(self._cleaner.filter(packet))

    def close(self) -> None:
        """Write what is still in the encoders, and the end of the file."""
        self._add_sound(None)
        self._write(self._picture.encode(None))
        if self._sound is not None:
            self._output.mux(self._sound.encode(None))
        self._output.close()


def set_picture(stream: Any, size: tuple[int, int], fps: int) -> None:
    """Say what comes into an encoder, and how it works."""
    context = stream.codec_context
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.time_base = context.time_base = Fraction(1, fps)
    context.gop_size = KEY_SECONDS * fps
    context.thread_count = THREADS
    context.flags |= bit_exact()
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = TELEVISION


def bit_exact() -> int:
    """Return the flag that keeps versions and times out of what is written."""
    from av.codec.context import Flags

    return int(Flags.bitexact)


def converted(image: Image) -> VideoFrame:
    """Return a picture as the encoders want it."""
    from av.video.frame import VideoFrame
    from av.video.reformatter import ColorRange, Colorspace

    frame: VideoFrame = VideoFrame.from_image(image)  # type: ignore[no-untyped-call]  # PyAV's own stub leaves it out
    return frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
