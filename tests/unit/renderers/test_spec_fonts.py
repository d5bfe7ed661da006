"""Fonts in a Vega spec: all become ours, and what was replaced is told."""

from __future__ import annotations

import pytest

from nexusd.renderers.engines.spec_fonts import MONOSPACE, SANS, our_family, use_our_fonts, with_default_fonts


@pytest.mark.parametrize(
    ("font", "family"),
    [("Georgia", SANS), ("Courier New, serif", MONOSPACE), ("monospace", MONOSPACE), ("Arial, monospace", SANS), ("", SANS)],
)
def test_each_font_has_one_of_ours(font: str, family: str) -> None:
    assert our_family(font) == family


def test_fonts_are_replaced_wherever_they_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    spec = {
        "config": {"axis": {"labelFont": "Georgia", "titleFont": "'Fira Code Mono'"}},
        "marks": [{"encode": {"enter": {"font": {"value": "Inter"}, "text": {"value": "font"}}}}],
        "data": [{"values": [{"font": "Row"}]}],
    }
    found = use_our_fonts(spec, "chart.vg.json")
    assert found["config"]["axis"] == {"labelFont": SANS, "titleFont": MONOSPACE}
    assert found["marks"][0]["encode"]["enter"] == {"font": {"value": SANS}, "text": {"value": "font"}}
    assert found["data"] == spec["data"]
    told = capsys.readouterr().err
    assert told.startswith("chart.vg.json: Fira Code Mono, Georgia, Inter: not among the fonts here")


def test_generic_fonts_are_replaced_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    assert use_our_fonts({"font": "sans-serif", "titleFont": ["Helvetica"]}, "x") == {"font": SANS, "titleFont": [SANS]}
    assert capsys.readouterr().err == ""


def test_text_without_a_font_gets_ours_and_a_spec_keeps_its_own() -> None:
    config = with_default_fonts({"config": {"style": {"guide-label": {"font": "Mine", "fontSize": 9}}}})["config"]
    assert config["style"]["guide-label"] == {"font": "Mine", "fontSize": 9}
    assert config["style"]["group-title"] == {"font": SANS}
    assert config["text"] == {"font": SANS}
