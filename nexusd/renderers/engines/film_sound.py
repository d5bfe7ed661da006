"""The sound of a film: an audio file, decoded, made as long as the film, and faded at its end.

Owns the distrust of audio files. What a file is, its first bytes say; only that reader is used, no playlists and no lists of
files, and it gets the open file rather than a name: there is no protocol by which it could reach another. Times and lengths
that the file claims are not believed: samples are counted. A damaged part is left out, and the log says so.
"""

from __future__ import annotations

import contextlib
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nexusd.renderers.engines.film_encoding import SOUND_RATE
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.audio.frame import AudioFrame

RATE: Final = SOUND_RATE
KEPT_MAX_SAMPLES: Final = 30 * RATE  # of a sound that is repeated; a longer one is read again
RATES: Final = range(4_000, 768_001)
CHANNELS_MAX: Final = 32
CODECS: Final = "aac,aac_latm,mp3,mp3float,mp2,vorbis,opus,libopus,flac,alac,pcm_*,adpcm_ms,adpcm_ima_wav"
KINDS: Final = "mp3, wav, ogg, flac, m4a, aac and webm"
HEAD_BYTES: Final = 12


class Wanted(NamedTuple):
    """What is made of a sound. `samples` is the film's length at RATE."""

    samples: int
    volume: float
    fade_samples: int
    loop: bool


def soundtrack(path: Path, wanted: Wanted) -> Iterator[AudioFrame]:
    """Return the sound in frames of stereo at RATE, exactly as long as the film.

    Raises InvalidInput when the file holds no sound that can be played, before the first frame is returned.
    """
    import av

    graph = make_graph(wanted)
    fed = 0
    for frame in samples(path, loop=wanted.loop):
        frame.pts, frame.time_base = fed, Fraction(1, RATE)
        fed += frame.samples
        graph.push(frame)
        yield from pulled(graph)
        if fed >= wanted.samples:
            break
    with contextlib.suppress(av.error.EOFError):  # the film is shorter than the sound: enough was there already
        graph.push(None)
    yield from pulled(graph)


def make_graph(wanted: Wanted) -> Any:
    """Return the filters: volume, silence behind the sound, the cut at the end of the film, the fade before it."""
    import av

    graph = av.filter.Graph()
    fade = min(wanted.fade_samples, wanted.samples)
    chain = [
        graph.add_abuffer(sample_rate=RATE, format="fltp", layout="stereo", time_base=Fraction(1, RATE)),
        graph.add("volume", f"volume={wanted.volume:.6f}:precision=float"),
        graph.add("apad", f"whole_len={wanted.samples}"),
        graph.add("atrim", f"end_sample={wanted.samples}"),
        *([graph.add("afade", f"type=out:start_sample={wanted.samples - fade}:nb_samples={fade}")] if fade else []),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*chain).configure()
    return graph


def pulled(graph: Any) -> Iterator[AudioFrame]:
    """Take what the filters have ready."""
    import av

    while True:
        try:
            yield graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def samples(path: Path, *, loop: bool) -> Iterator[AudioFrame]:
    """Return the sound of a file as stereo at RATE; again and again when it loops. A short one is decoded once."""
    kept: list[AudioFrame] = []
    total = 0
    for frame in decoded(path):
        total += frame.samples
        if loop and total <= KEPT_MAX_SAMPLES:
            kept.append(frame)
        yield frame
    if total == 0:
        raise InvalidInput(f"there is no sound in it that can be played; sounds are {KINDS}")
    while loop:
        yield from kept if total <= KEPT_MAX_SAMPLES else decoded(path)


def decoded(path: Path) -> Iterator[AudioFrame]:
    """Decode a file once, from its beginning."""
    import av

    with path.open("rb") as file:
        form = kind_of(file.read(HEAD_BYTES))
        file.seek(0)
        options = {"protocol_whitelist": "none", "codec_whitelist": CODECS}
        try:
            source = av.open(file, format=form, options=options, metadata_errors="replace")
        except av.error.MemoryError:
            raise
        except (av.error.FFmpegError, ValueError) as error:
            raise InvalidInput(f"the sound cannot be read as {form}: {strerror(error)}") from None
        with source:
            if not source.streams.audio:
                raise InvalidInput(f"a file without sound; sounds are {KINDS}")
            yield from resampled(source, source.streams.audio[0])


def resampled(source: Any, stream: Any) -> Iterator[AudioFrame]:
    """Decode one stream to stereo at RATE; when the stream changes its kind on the way, so does the resampler."""
    import av

    resampler, kind = None, None
    for frame in played(source, stream):
        found = (frame.sample_rate, frame.layout.name, frame.format.name)
        if found != kind or resampler is None:
            if frame.sample_rate not in RATES or not 0 < frame.layout.nb_channels <= CHANNELS_MAX:
                raise InvalidInput(
                    f"a sound with {frame.sample_rate:,} samples a second in {frame.layout.nb_channels} channels; there can be"
                    f" {RATES.start:,} to {RATES[-1]:,} in up to {CHANNELS_MAX}"
                )
            resampler, kind = av.AudioResampler(format="fltp", layout="stereo", rate=RATE), found
        frame.pts = None
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)


def played(source: Any, stream: Any) -> Iterator[AudioFrame]:
    """Decode one stream, and leave out what is damaged."""
    import av

    stream.codec_context.thread_count = 1
    damaged = 0
    packets = source.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            yield from packet.decode()
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError as error:
            damaged += 1
            if damaged == 1:
                sys.stderr.write(f"audio: a damaged part was left out: {strerror(error)}\n")
            if not isinstance(error, av.error.InvalidDataError):
                break  # not one packet, but the file


def kind_of(head: bytes) -> str:
    """Return the reader for a file that begins like this. Raises InvalidInput when it is no sound we know."""
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return "mov"
    magic = {b"OggS": "ogg", b"fLaC": "flac", b"\x1aE\xdf\xa3": "matroska"}.get(head[:4])
    if magic:
        return magic
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0):
        return "mp3"
    raise InvalidInput(f"no sound that can be read; sounds are {KINDS}")


def strerror(error: Exception) -> str:
    """Return FFmpeg's own words, without what we call the file."""
    return str(getattr(error, "strerror", "") or error)
