"""Storyboards: what is taken, what is refused, and which slide is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from nexusd.renderers.storyboard import SIZES, SLIDES_MAX_COUNT
from nexusd.renderers.video import VIDEO, VideoInput, parse_storyboard

ASSET = {"$asset": "0198c0de"}
PLAIN = {"color": "red", "durationSeconds": 1}


def normalised(value: dict[str, Any]) -> dict[str, Any]:
    return VideoInput.model_validate(value, by_alias=True, by_name=False).model_dump(by_alias=True, mode="json")


def refusal(value: dict[str, Any]) -> tuple[tuple[int | str, ...], str]:
    with pytest.raises(ValidationError) as refused:
        VideoInput.model_validate(value, by_alias=True, by_name=False)
    return refused.value.errors()[0]["loc"], refused.value.errors()[0]["msg"]


@pytest.mark.parametrize("value", [{"slides": [PLAIN]}, {"source": json.dumps({"slides": [PLAIN]})}, {"source": ASSET}])
def test_what_is_stored_can_be_submitted_again(value: dict[str, Any]) -> None:
    stored = normalised(value)
    assert normalised(stored) == stored


def test_a_film_has_a_size_in_numbers() -> None:
    assert [normalised({"slides": [PLAIN]})[side] for side in ("width", "height", "size")] == [1280, 720, None]
    for name, (width, height) in SIZES.items():
        stored = normalised({"slides": [PLAIN], "size": name})
        assert (stored["width"], stored["height"]) == (width, height)
        assert width % 2 == height % 2 == 0


def test_every_example_is_taken() -> None:
    for example in VIDEO.examples.values():
        normalised(dict(example))


@pytest.mark.parametrize(
    ("film", "place", "reason"),
    [
        ({"slides": []}, ("slides",), "at least 1"),
        ({"slides": [PLAIN] * (SLIDES_MAX_COUNT + 1)}, ("slides",), "at most 2000"),
        ({"slides": [PLAIN] * 100_000}, ("slides",), "at most 2000"),
        ({"slides": [PLAIN], "width": 641, "height": 360}, ("width",), "multiple of 2"),
        ({"slides": [PLAIN], "width": 640, "height": 361}, ("height",), "multiple of 2"),
        ({"slides": [PLAIN], "width": 640}, (), "together"),
        ({"slides": [PLAIN], "width": 640, "height": 360, "size": "720p"}, (), "not both"),
        ({"slides": [PLAIN], "width": 4098, "height": 16}, ("width",), "less than or equal to 4096"),
        ({"slides": [PLAIN], "width": 4096, "height": 4096}, (), "too large"),
        ({"slides": [PLAIN], "width": 0, "height": -2}, ("width",), "greater than or equal to 16"),
        ({"slides": [PLAIN], "fps": 61}, ("fps",), "60"),
        ({"slides": [PLAIN], "fps": 0}, ("fps",), "1"),
        ({"slides": [PLAIN], "fps": 50.5}, ("fps",), "integer"),
        ({"slides": [PLAIN], "audio": {"$asset": ""}}, ("audio",), "valid string"),
        ({"slides": [PLAIN], "audio": "a.mp3"}, (), 'audio: "a.mp3" is not in files'),
        ({"slides": [PLAIN, {"image": "a.png", "durationSeconds": 1}]}, (), 'slides/1/image: "a.png" is not in files'),
        ({"slides": [PLAIN], "frames": 5}, ("frames",), "Extra"),
        ({"slides": [PLAIN], "source": "{}"}, (), "either slides, or"),
        ({}, (), "either slides, or"),
        ({"source": ASSET, "fps": 10}, (), "fps stands in the storyboard"),
        ({"source": "{"}, (), "EOF"),
        ({"source": "[]"}, (), "object"),
        ({"source": '{"slides": [{"color": "red", "durationSeconds": NaN}]}'}, (), "slides/0/durationSeconds: "),
        ({"source": '{"slides": [], "format": "mp4"}'}, (), "slides: "),
        ({"source": ASSET, "files": {"a/b": ASSET, "a": ASSET}}, ("files",), "cannot be a file and the folder"),
        ({"source": ASSET, "files": {".nexusd-x": ASSET}}, ("files",), "own"),
        ({"slides": [PLAIN], "format": "mp4", "codec": "av1"}, (), "mp4 has the codec h264"),
        ({"slides": [PLAIN], "format": "webm", "codec": "h264"}, (), "webm has the codec vp9 or av1"),
        ({"slides": [PLAIN], "format": "gif", "codec": "vp9"}, (), "gif has no codecs"),
        ({"slides": [PLAIN], "format": "gif", "fps": 60}, (), "at most 50 frames"),
        ({"slides": [PLAIN], "format": "webm", "codec": "av1", "width": 130, "height": 62}, (), "at least 64 pixels"),
        ({"slides": [PLAIN], "posterSeconds": float("nan")}, ("posterSeconds",), "finite"),
    ],
)
def test_a_wrong_film_names_the_place(film: dict[str, Any], place: tuple[str, ...], reason: str) -> None:
    found, message = refusal(film)
    assert found[: len(place)] == place
    assert reason in message


@pytest.mark.parametrize(
    ("slide", "place", "reason"),
    [
        ({"durationSeconds": 1}, (), "exactly one of image, diagram, chart, markdown, color; there is none"),
        ({"durationSeconds": 1, "color": "red", "markdown": "x"}, (), "not markdown and color"),
        ({"color": "red"}, ("durationSeconds",), "required"),
        ({**PLAIN, "durationSeconds": float("nan")}, ("durationSeconds",), "finite"),
        ({**PLAIN, "durationSeconds": float("inf")}, ("durationSeconds",), "finite"),
        ({**PLAIN, "durationSeconds": 0}, ("durationSeconds",), "greater than 0"),
        ({**PLAIN, "durationSeconds": -1}, ("durationSeconds",), "greater than 0"),
        ({**PLAIN, "durationSeconds": 1e300}, ("durationSeconds",), "3600"),
        ({**PLAIN, "transition": "crossfade", "transitionSeconds": 2}, (), "longer than the slide's 1 s"),
        ({**PLAIN, "transitionSeconds": -1}, ("transitionSeconds",), "0"),
        ({**PLAIN, "transition": "explode"}, ("transition",), "crossfade"),
        ({**PLAIN, "color": "url(http://a)"}, ("color",), "pattern"),
        ({**PLAIN, "title": "x" * 501}, ("title",), "at most 500"),
        ({**PLAIN, "motion": "spin"}, ("motion",), "zoom-in"),
        ({**PLAIN, "motion": {"from": {"x": 0, "y": 0, "size": 0}, "to": {"x": 0, "y": 0, "size": 1}}}, ("motion",), "0.1"),
        (
            {**PLAIN, "motion": {"from": {"x": 0.6, "y": 0, "size": 0.5}, "to": {"x": 0, "y": 0, "size": 1}}},
            ("motion",),
            "inside",
        ),
        ({"image": "../../etc/passwd", "durationSeconds": 1}, ("image",), "'..'"),
        ({"image": "/etc/passwd", "durationSeconds": 1}, ("image",), "absolute"),
        ({"image": "http://a/b.png", "durationSeconds": 1}, ("image",), "empty"),
        ({"diagram": {"source": "a -> b"}, "durationSeconds": 1}, ("diagram", "language"), "required"),
    ],
)
def test_a_wrong_slide_is_named(slide: dict[str, Any], place: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        VideoInput.model_validate({"slides": [PLAIN, slide]}, by_alias=True, by_name=False)
    wrong = [(error["loc"], error["msg"]) for error in refused.value.errors()]
    assert any(found[: len(place) + 2] == ("slides", 1, *place) and reason in message for found, message in wrong), wrong


def test_a_storyboard_in_a_text_names_its_pictures_by_path() -> None:
    slides = [{"image": "pictures/one.png", "durationSeconds": 1}]
    source = json.dumps({"size": "square", "slides": slides})
    assert normalised({"source": source, "files": {"pictures/one.png": ASSET}})["source"] == source
    with pytest.raises(ValueError, match=r"slides/0/image: .* is not in files"):
        parse_storyboard(source, {})


@pytest.mark.parametrize(
    ("slide", "place"),
    [
        ({"image": ASSET}, "slides/0/image"),
        ({"markdown": ASSET}, "slides/0/markdown"),
        ({"diagram": {"language": "d2", "source": ASSET}}, "slides/0/diagram/source"),
    ],
)
def test_a_storyboard_in_a_text_cannot_name_assets(slide: dict[str, Any], place: str) -> None:
    """Nobody would have asked whether they belong to the company."""
    with pytest.raises(ValueError, match=f"{place}: a storyboard in source cannot name the asset 0198c0de"):
        parse_storyboard(json.dumps({"slides": [{**slide, "durationSeconds": 1}]}), {})


def test_many_errors_are_told_in_short() -> None:
    with pytest.raises(ValueError, match=r"slides/0/durationSeconds: .*; and 95 more"):
        parse_storyboard(json.dumps({"slides": [{**PLAIN, "durationSeconds": 0}] * 100}), {})
