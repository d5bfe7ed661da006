"""Frames to an animated GIF: a palette for each frame, and one frame for as long as nothing changes.

Invariants: one frame is in memory at a time; the same frames give the same bytes.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines.film_writing import Written

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

HUNDREDTHS: Final = 100  # GIF counts time in them
PALETTE: Final = "stats_mode=single:reserve_transparent=1"
USE: Final = "new=1:dither=bayer:bayer_scale=3"  # no diff_mode: it keeps what was painted with the palette before


class Gif(Written):
    """A GIF that is being written, and repeats for ever."""

    def __init__(self, path: Path, *, size: tuple[int, int], fps: int) -> None:
        import av

        last = str(max(2, round(HUNDREDTHS / fps)))
        self._output: Any = av.open(str(path), "w", format="gif", options={"fflags": "+bitexact", "final_delay": last})
        self._stream: Any = self._output.add_stream("gif", rate=fps, options={"gifflags": "+offsetting+transdiff"})
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "pal8"
        self._time_base = self._stream.codec_context.time_base = Fraction(1, fps)
        self._graph = make_graph(size, fps)
        self._frames = 0
        self._written = -1
        self._last: Image | None = None

    def add(self, image: Image) -> None:
        """Append one frame."""
        if image is not self._last:
            self._write(image, self._frames)
        self._last = image
        self._frames += 1

    def _write(self, image: Image, number: int) -> None:
        from av.video.frame import VideoFrame

        frame: VideoFrame = VideoFrame.from_image(image)  # type: ignore[no-untyped-call]  # PyAV's own stub leaves it out
        frame.pts, frame.time_base = number, self._time_base
        self._graph.push(frame)
        painted = self._graph.pull()
        painted.pts, painted.time_base = number, self._time_base
        self._output.mux(self._stream.encode(painted))
        self._written = number

    def close(self) -> None:
        """Write the end. The last frame comes once more at its own time, so that what lasted long has lasted."""
        if self._last is not None and self._written < self._frames - 1:
            self._write(self._last, self._frames - 1)
        self._output.mux(self._stream.encode(None))
        self._output.close()


def make_graph(size: tuple[int, int], fps: int) -> Any:
    """Return the filters that find 256 colours for a frame and paint it with them."""
    import av

    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add_buffer(width=size[0], height=size[1], format=av.VideoFormat("rgb24"), time_base=Fraction(1, fps))
    wide, split = graph.add("format", "bgra"), graph.add("split")
    palette, use, sink = graph.add("palettegen", PALETTE), graph.add("paletteuse", USE), graph.add("buffersink")
    source.link_to(wide)
    wide.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph
