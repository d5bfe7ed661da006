"""How much of a kind one render may handle: bounds against inputs that would eat the machine, in the units of their kind.

Owns the names, the defaults and the bounds of the bounds. The settings hold one value, the daemon hands it to every child
(see `renderers.job`), and the engine that counts is the one that refuses. Leaves out memory, time and disk: those are limits
of the process, and hold whatever an engine forgets to count.
"""

from __future__ import annotations

from typing import NamedTuple

MEBIBYTE = 1024 * 1024


class Caps(NamedTuple):
    """What one job may be made of; each is a whole number above zero."""

    source_max_bytes: int = 10 * MEBIBYTE
    """Of a source, whether it stands in the input or in an asset."""
    picture_max_pixels: int = 100_000_000
    """Of a picture that is painted, and of one that is decoded; a pixel takes four bytes and more."""
    picture_max_frames: int = 1_000
    """Of an animated picture."""
    diagram_max_nodes: int = 5_000
    """Nodes and edges of a diagram together."""
    chart_max_rows: int = 200_000
    """Of all data of a chart."""
    document_max_pages: int = 2_000
    """Of a document."""
    video_max_frames: int = 54_000
    """Of a video: half an hour at 30 a second."""
