"""The sound of films: in time with the picture, as long as the film, and what is not to be trusted in sound files."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from nexusd.renderers.engines.film_sound import RATE, Wanted, kind_of, soundtrack
from nexusd.renderers.job import InvalidInput
from tests.integration.renderers.films import encoded, film, loudness, made, read, wav

if TYPE_CHECKING:
    from pathlib import Path

SOUND: dict[str, Any] = {"audio": {"$asset": "s"}}
SLIDES = ({"color": "red"}, {"color": "blue"})
FORMATS = ["mp4", "webm"]


def heard(content: bytes, folder: Path, **wanted: Any) -> list[float]:
    """Return one ear's sound, before it is encoded."""
    path = folder / "sound"
    path.write_bytes(content)
    values: list[float] = []
    for frame in soundtrack(path, Wanted(**{"samples": 2 * RATE, "volume": 1.0, "fade_samples": 0, "loop": False, **wanted})):
        values.extend(memoryview(bytes(frame.planes[0])[: frame.samples * 4]).cast("f"))
    return values


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_a_tone_is_heard_when_its_slide_is_seen(tmp_path: Path, form: str) -> None:
    content = made(film(tmp_path, *SLIDES, **SOUND, format=form, audioFadeSeconds=0, assets={"s": wav(5, start=1.0)}))
    found = read(content)
    assert found.codecs == [{"mp4": "h264", "webm": "vp9"}[form], {"mp4": "aac", "webm": "opus"}[form]]
    begins = next(place for place, value in enumerate(found.sound) if abs(value) > 0.1) / RATE
    assert begins == pytest.approx(1.0, abs=0.025)
    assert loudness(found.sound, 1.1, 1.95) > 0.3
    assert found.seconds == pytest.approx(2.0, abs=0.06)
    assert len(found.sound) / RATE == pytest.approx(2.0, abs=0.06)


@pytest.mark.parametrize("form", ["wav", "mp3", "ogg", "opus", "flac", "m4a", "webm", "film"])
def test_sounds_of_many_kinds_are_heard(tmp_path: Path, form: str) -> None:
    made_by = {
        "mp3": ("mp3", "libmp3lame"),
        "ogg": ("ogg", "libopus"),
        "opus": ("ogg", "flac"),
        "flac": ("flac", "flac"),
        "m4a": ("ipod", "aac"),
        "webm": ("webm", "libopus"),
        "film": ("mp4", "aac"),
    }
    tone = wav(1, start=0.5)
    values = heard(encoded(tone, *made_by[form], picture=form == "film") if form in made_by else tone, tmp_path)
    assert len(values) == 2 * RATE
    assert next(place for place, value in enumerate(values) if abs(value) > 0.1) / RATE == pytest.approx(0.5, abs=0.06)
    assert loudness(values, 0.6, 0.95) > 0.3
    assert loudness(values, 1.1, 2.0) < 0.01


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (22_050, 2), (48_000, 2), (96_000, 6), (192_000, 1)])
def test_a_sound_of_any_rate_keeps_its_pitch_and_length(tmp_path: Path, rate: int, channels: int) -> None:
    values = heard(wav(1, rate=rate, channels=channels, hertz=500), tmp_path)
    crossings = sum(one < 0 <= two for one, two in pairwise(values))
    assert crossings == pytest.approx(500, abs=3)


def test_a_sound_can_be_quieter_faded_and_repeated(tmp_path: Path) -> None:
    tone = wav(5)
    full, quiet = heard(tone, tmp_path), heard(tone, tmp_path, volume=0.25)
    assert loudness(quiet, 0, 2) == pytest.approx(loudness(full, 0, 2) / 4, rel=0.01)
    faded = heard(tone, tmp_path, fade_samples=RATE)
    assert [round(loudness(faded, at, at + 0.01) / loudness(full, 0, 2), 1) for at in (0.5, 1.0, 1.5, 1.99)] == [
        1.0,
        1.0,
        0.5,
        0.0,
    ]
    short = heard(wav(0.3), tmp_path, loop=True)
    assert len(short) == 2 * RATE
    assert all(loudness(short, at / 10, at / 10 + 0.05) > 0.2 for at in range(20))


def test_a_sound_of_a_few_samples_can_be_repeated_for_ever(tmp_path: Path) -> None:
    assert len(heard(wav(0.001), tmp_path, loop=True, samples=20 * RATE)) == 20 * RATE


@pytest.mark.slow
@pytest.mark.parametrize("form", ["mp3", "ogg", "flac", "m4a", "wav"])
def test_a_sound_that_is_cut_off_is_heard_as_far_as_it_goes(tmp_path: Path, form: str) -> None:
    made_by = {"mp3": ("mp3", "libmp3lame"), "ogg": ("ogg", "libopus"), "flac": ("flac", "flac"), "m4a": ("mp4", "aac")}
    whole = encoded(wav(4), *made_by[form]) if form in made_by else wav(4)
    if form == "m4a":  # its table of contents comes last
        with pytest.raises(InvalidInput, match="cannot be read as mov"):
            heard(whole[: len(whole) // 2], tmp_path)
        return
    values = heard(whole[: len(whole) // 2], tmp_path, samples=4 * RATE)
    assert len(values) == 4 * RATE
    assert loudness(values, 0.2, 0.7) > 0.3
    assert loudness(values, 3.0, 4.0) < 0.01


def test_a_length_that_a_file_only_claims_is_not_believed(tmp_path: Path) -> None:
    tone = bytearray(wav(0.5))
    tone[4:8] = tone[40:44] = struct.pack("<I", 0xFFFF_FFF0)
    values = heard(bytes(tone), tmp_path)
    assert len(values) == 2 * RATE
    assert loudness(values, 1.0, 2.0) < 0.01


@pytest.mark.parametrize("rate", [1, 3_999, 768_001, 4_000_000_000])
def test_a_rate_that_nothing_has_is_refused(tmp_path: Path, rate: int) -> None:
    """A sound with one sample a second would become as large as memory."""
    tone = bytearray(wav(0.5))
    tone[24:28] = struct.pack("<I", rate)
    with pytest.raises(InvalidInput, match=r"a sound with|cannot be read as wav|no sound in it"):
        heard(bytes(tone), tmp_path)


NO_SOUND = {
    "a playlist": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    "a list of files": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "a list of files with a mark": b"\xef\xbb\xbfffconcat version 1.0\nfile '/etc/passwd'\n",
    "a session description": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "subtitles": b"1\n00:00:00,000 --> 00:00:02,000\nhello\n",
    "a stream's manifest": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>',
    "a script of images": b"image_%d.png",
    "metadata": b";FFMETADATA1\ntitle=x\n",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "nothing": b"",
    "one byte": b"\xff",
    "zeros": bytes(1_000),
    "a filter graph": b"sine=frequency=1000",
}


@pytest.mark.parametrize("name", NO_SOUND)
def test_what_is_no_sound_is_never_opened(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="no sound that can be read; sounds are mp3, wav"):
        heard(NO_SOUND[name], tmp_path)


@pytest.mark.parametrize(
    "head",
    [
        b"RIFF\0\0\0\0WAVE",
        b"OggS",
        b"fLaC",
        b"ID3\x04\0\0\0\0\0\0",
        b"\xff\xfb\x90\0",
        b"\xff\xf1\x50\x80",
        b"\0\0\0\x20ftypM4A ",
    ],
)
def test_a_file_that_only_begins_like_a_sound_is_refused(tmp_path: Path, head: bytes) -> None:
    assert kind_of(head)
    with pytest.raises(InvalidInput, match=r"cannot be read as|no sound in it|without sound"):
        heard(head + b"#EXTM3U\nfile:///etc/passwd\n" * 50, tmp_path)


def test_a_film_without_sound_is_refused_clearly(tmp_path: Path) -> None:
    silent = made(film(tmp_path / "film", {"color": "red"}))
    with pytest.raises(InvalidInput, match="a file without sound; sounds are"):
        heard(silent, tmp_path)


def with_reference(film: bytes, url: str) -> bytes:
    """Return an MP4 whose sound is said to be in another file: its data reference names one, and all boxes around grow."""
    own = struct.pack(">I4sI", 12, b"url ", 1)
    other = struct.pack(">I4sI", 12 + len(url) + 1, b"url ", 0) + url.encode() + b"\0"
    place = film.index(own)
    grown = bytearray(film[:place] + other + film[place + len(own) :])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = film.index(name) - 4
        grown[at : at + 4] = struct.pack(">I", struct.unpack(">I", film[at : at + 4])[0] + len(other) - len(own))
    return bytes(grown)


def test_a_sound_that_names_another_file_or_address_reaches_nothing(tmp_path: Path, listener: tuple[str, list[str]]) -> None:
    """The name is not followed: the bytes that would be there are taken from the file itself, or it is refused."""
    address, asked = listener
    other = tmp_path / "other.wav"
    other.write_bytes(wav(2))
    plain = encoded(wav(1), "mp4", "aac")
    assert loudness(heard(plain, tmp_path), 0.2, 0.8) > 0.3
    for url in (f"{address}/a.wav", f"file://{other}", str(other)):
        try:
            heard(with_reference(plain, url), tmp_path)
        except InvalidInput:
            continue
    assert asked == []


@pytest.mark.slow
@pytest.mark.parametrize("form", ["mp4", "webm"])
def test_a_film_with_a_bad_sound_is_refused_before_its_first_frame(tmp_path: Path, form: str) -> None:
    ended = film(tmp_path, {"color": "red"}, **SOUND, format=form, assets={"s": NO_SOUND["a playlist"]})
    assert ended.code == 65
    assert ended.log.startswith("audio: no sound that can be read; ")
    assert ended.progress == []


@pytest.mark.slow
def test_what_cannot_sound_is_silent(tmp_path: Path) -> None:
    for form in ("gif", "png"):
        made(film(tmp_path / form, {"color": "red"}, **SOUND, format=form, assets={"s": wav(1)}))
