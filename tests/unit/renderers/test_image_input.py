"""The input of `image`: what is refused by looking at it alone."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from nexusd.renderers.image import IMAGE, ImageInput


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"format": "eps"}, "Input should be 'png'"),
        ({"width": 0}, "greater than or equal to 1"),
        ({"width": 10, "scale": 2}, "scale and width and height: give one of them"),
        ({"thumbnail": 10, "scale": 2}, "thumbnail and scale: give one of them"),
        ({"fit": "cover", "width": 3}, "fit cover needs both width and height"),
        ({"fit": "fill"}, "fit fill needs both width and height"),
        ({"quality": 80}, "quality is for JPEG, WebP and AVIF"),
        ({"format": "webp", "quality": 80, "lossless": True}, "not with lossless"),
        ({"format": "jpeg", "lossless": True}, "jpeg cannot be lossless"),
        ({"sizes": [16]}, "sizes is for the format ico"),
        ({"format": "ico", "width": 16}, "give sizes instead of width and height"),
        ({"format": "ico", "sizes": [300]}, "less than or equal to 256"),
        ({"rotate": 361}, "less than or equal to 360"),
        ({"crop": {"x": -1, "width": 3, "height": 3}}, "greater than or equal to 0"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_what_contradicts_itself_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ImageInput.model_validate({"source": "<svg/>", **given})


def test_every_example_is_valid() -> None:
    for example in IMAGE.examples.values():
        assert ImageInput.model_validate(example).format in ("png", "ico", "pdf")
