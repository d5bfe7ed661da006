"""Which characters our fonts lack, against another reader of the same files."""

from __future__ import annotations

import pytest
from fontTools.ttLib import TTFont

from nexusd.renderers.engines import fonts
from nexusd.renderers.engines.font_coverage import covered, uncovered


@pytest.mark.slow
def test_the_maps_are_read_as_others_read_them() -> None:
    expected: set[int] = set()
    for file in fonts.files():
        if file.stem in fonts.REGULAR:
            with TTFont(file) as font:
                expected |= font.getBestCmap().keys()
    missing = expected - covered()
    assert not missing
    assert len(covered() - expected) < 50


def test_characters_that_no_font_of_ours_has() -> None:
    assert uncovered("<svg><text>plain</text></svg>") == ""
    assert uncovered("<svg><text>Ärger → Ωλ Привет</text></svg>") == ""
    assert uncovered("<svg><text>漢字 Ä</text><title>한</title></svg>") == "字漢한"
    assert uncovered("<svg><text>&#28450;</text></svg>") == "漢"
    assert uncovered('<svg id="漢"><path/></svg>') == ""
