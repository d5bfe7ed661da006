"""Which texts are colours."""

from __future__ import annotations

import pytest

from nexusd.renderers.colours import check_colour

GOOD = "white|Transparent|#fff|#FFFA|#a1b2c3|#a1b2c3d4|rgb(1, 2, 3)|"
GOOD += "rgb(1 2 3 / 50%)|rgba(1,2,3,.5)|hsl(120, 50%, 50%)|hsla(1deg 2% 3% / 1)"
BAD = "|#ff|#ggg|#12345|blurple|url(#a)|red;x|rgb(1,2)|rgb(1,2,3|var(--a)|red blue|expression(1)|#fff'/><script>"


@pytest.mark.parametrize("text", GOOD.split("|"))
def test_a_colour_is_taken(text: str) -> None:
    assert check_colour(f" {text} ") == text.lower()


@pytest.mark.parametrize("text", BAD.split("|"))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no CSS colour"):
        check_colour(text)
