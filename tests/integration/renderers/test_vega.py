"""Vega in place: what is drawn, in which font, and everything that is refused, with nothing fetched."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from tests.integration.renderers.vega import Drawn, Spec, draw_all

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ROWS = {"values": [{"a": "Ärger", "b": 2, "t": "2024-06-01T00:30"}, {"a": "<b>", "b": 5, "t": "2024-07-01T00:30"}]}
BARS: dict[str, Any] = {
    "data": ROWS,
    "mark": "bar",
    "encoding": {"x": {"field": "a", "type": "nominal"}, "y": {"field": "b", "type": "quantitative"}},
}
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="


def text_mark(**text: Any) -> dict[str, Any]:
    """Return a Vega spec of one text."""
    return {"width": 50, "height": 50, "marks": [{"type": "text", "encode": {"enter": {"text": text, "y": {"value": 20}}}}]}


def image_mark(address: dict[str, Any]) -> dict[str, Any]:
    """Return a Vega spec of one picture."""
    enter = {"url": address, "width": {"value": 20}, "height": {"value": 20}}
    return {"width": 50, "height": 50, "marks": [{"type": "image", "encode": {"enter": enter}}]}


def data(**dataset: Any) -> dict[str, Any]:
    """Return a Vega spec of one dataset."""
    return {"data": [{"name": "t", **dataset}], "marks": [{"type": "symbol", "from": {"data": "t"}}]}


def calculated(expression: str) -> Spec:
    """Return bars with one more field."""
    return Spec("vega-lite", {**BARS, "transform": [{"calculate": expression, "as": "c"}]})


GOOD = {
    "bars": Spec("vega-lite", BARS),
    "bars again": Spec("vega-lite", BARS),
    "dark": Spec("vega-lite", BARS, {"theme": "dark"}),
    "quartz": Spec("vega-lite", BARS, {"theme": "quartz"}),
    "background": Spec("vega-lite", BARS, {"background": "#123456"}),
    "own background": Spec("vega-lite", {**BARS, "background": "#654321"}, {"theme": "dark"}),
    "vega": Spec("vega", text_mark(value="Größe → 5")),
    "themed vega": Spec("vega", text_mark(value="x"), {"theme": "dark"}),
    "fonts": Spec(
        "vega-lite",
        {
            **BARS,
            "title": {"text": "T", "font": "Comic Sans"},
            "config": {"font": "Georgia", "axis": {"labelFont": "Courier New"}},
        },
    ),
    "font of a signal": Spec(
        "vega",
        {
            **text_mark(value="x"),
            "marks": [{"type": "text", "encode": {"enter": {"text": {"value": "x"}, "font": {"signal": "'Impact'"}}}}],
        },
    ),
    "times": Spec("vega", text_mark(signal="timeFormat(toDate('2024-06-01T00:30'), '%H:%M') + ' ' + timeFormat(0, '%H')")),
    "data picture": Spec("vega", image_mark({"value": PIXEL})),
    "link": Spec("vega", {"marks": [{"type": "rect", "encode": {"enter": {"href": {"value": "https://example.org/a?b&c"}}}}]}),
    "nothing": Spec("vega", {"width": 20, "height": 20, "marks": []}),
}
BAD = {
    "no JSON": (Spec("vega-lite", '{\n  "mark": bar\n}'), r"^chart\.vl\.json:2:11: the source is not JSON: Expecting value$"),
    "no object": (Spec("vega-lite", "[1]"), "a chart is a JSON object"),
    "NaN": (Spec("vega", '{"width": NaN}'), "NaN is no JSON"),
    "empty": (Spec("vega-lite", " \n"), "the source is empty"),
    "deep": (Spec("vega", '{"a":' + "[" * 5000 + "]" * 5000 + "}"), "nested"),
    "a view without a mark": (Spec("vega-lite", {"data": ROWS}), "needs one of mark, layer"),
    "a part without a mark": (Spec("vega-lite", {"hconcat": [BARS, {"data": ROWS}]}), r"hconcat\[1\]: a view needs one of"),
    "no such mark": (Spec("vega-lite", {**BARS, "mark": "barr"}), r"mark: 'barr' is no mark; did you mean 'bar'\?"),
    "no such type": (
        Spec("vega-lite", {**BARS, "encoding": {"x": {"field": "a", "type": "quant"}}}),
        r"encoding\.x\.type: 'quant' is no type of a field",
    ),
    "no such Vega mark": (Spec("vega", {"marks": [{"type": "circle"}]}), r"marks\[0\]\.type: 'circle' is no mark"),
    "no such dataset": (Spec("vega", {"marks": [{"type": "rect", "from": {"data": "no"}}]}), 'Undefined data set name: "no"'),
    "no such function": (calculated("nope(1)"), "Unrecognized function: nope"),
    "an unfinished expression": (calculated("datum.b +"), "Unexpected end of input"),
    "an error while it runs": (calculated("datum.x.y.z"), "Vega stopped at an error"),
    "a word cloud": (
        Spec("vega", data(values=["a"], transform=[{"type": "wordcloud"}])),
        "the transform wordcloud needs a browser",
    ),
    "no such theme": (Spec("vega-lite", BARS, {"theme": "nope"}), r"no theme 'nope'; there are light, carbong10"),
    "http": (
        Spec("vega-lite", {**BARS, "data": {"url": "WEB/a.csv"}}),
        r"data: the address WEB/a\.csv cannot be read; nothing",
    ),
    "file": (
        Spec("vega-lite", {**BARS, "data": {"url": "file:///etc/passwd"}}),
        "the address file:///etc/passwd cannot be read",
    ),
    "absolute": (Spec("vega", data(url="/etc/passwd")), "the address /etc/passwd cannot be read"),
    "no scheme": (Spec("vega", data(url="//WEBHOST/a")), "the address //WEBHOST/a cannot be read"),
    "relative": (
        Spec("vega", data(url="sales.csv")),
        r"sales\.csv cannot be read; it is not among the files of this chart \(there",
    ),
    "a data URL": (Spec("vega", data(url="data:text/csv,a")), "the address data:text/csv,a cannot be read"),
    "a made-up address": (Spec("vega", data(url={"signal": "'WEB/' + 'x'"})), "made up while the chart runs"),
    "in a lookup": (
        Spec("vega-lite", {**BARS, "transform": [{"lookup": "a", "from": {"data": {"url": "WEB/l.json"}, "key": "a"}}]}),
        r"transform\[0\]\.from\.data: the address WEB/l\.json cannot be read",
    ),
    "of a map": (
        Spec("vega-lite", {"data": {"url": "WEB/w.json", "format": {"type": "topojson", "feature": "c"}}, "mark": "geoshape"}),
        r"the address WEB/w\.json cannot be read",
    ),
    "in a layer": (Spec("vega-lite", {"layer": [{**BARS, "data": {"url": "WEB/in.csv"}}]}), r"layer\[0\]\.data: the address"),
    "in a group": (
        Spec("vega", {"marks": [{"type": "group", "data": [{"name": "t", "url": "WEB/g.csv"}]}]}),
        r"marks\[0\]\.data: the address WEB/g\.csv",
    ),
    "a load transform": (Spec("vega", data(values=[], transform=[{"type": "load", "url": "WEB/t"}])), "transform type: .load"),
    "a picture": (Spec("vega", image_mark({"value": "WEB/i.png"})), r"the picture WEB/i\.png is not among the files"),
    "a picture of a file": (Spec("vega", image_mark({"value": "logo.png"})), r"the picture logo\.png is not among the files"),
    "a made-up picture": (Spec("vega", image_mark({"signal": "'WEB/' + 'm.png'"})), r"the picture WEB/m\.png is not among"),
    "a picture of the machine": (Spec("vega", image_mark({"value": "file:///etc/x.png"})), r"the picture /etc/x\.png is not"),
    "a script link": (
        Spec("vega", {"marks": [{"type": "rect", "encode": {"enter": {"href": {"value": "javascript:alert(1)"}}}}]}),
        "links may lead to http, https and mailto",
    ),
    "many rows": (
        Spec("vega", data(values=[1, 2, 3, 4]), {"caps": {"chart_max_rows": 3}}),
        r"more than 3 rows .*chart_max_rows",
    ),
    "many datasets": (
        Spec("vega-lite", {**BARS, "datasets": {"x": [1, 2], "y": [1, 2]}}, {"caps": {"chart_max_rows": 3}}),
        "more than 3 rows",
    ),
    "many lines": (
        Spec("vega", data(values="a\n1\n2\n3\n", format={"type": "csv"}), {"caps": {"chart_max_rows": 3}}),
        "more than 3",
    ),
    "a long sequence": (
        Spec("vega", data(transform=[{"type": "sequence", "start": 0, "stop": 1e12}])),
        "more than 200,000 rows",
    ),
    "a long generator": (
        Spec("vega-lite", {"data": {"sequence": {"start": 0, "stop": 1e9, "as": "x"}}, "mark": "point"}),
        "more than 200,000 rows",
    ),
}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Drawn]:
    return draw_all(GOOD)


@pytest.fixture(scope="module")
def web() -> Iterator[tuple[str, list[str]]]:
    from tests.integration.renderers.conftest import open_listener

    with open_listener() as found:
        yield found


@pytest.fixture(scope="module")
def refused(web: tuple[str, list[str]]) -> dict[str, Drawn]:
    """Draw all that is bad, with the address of a web server in place of WEB."""
    import json

    def placed(spec: Spec) -> Spec:
        text = spec.source if isinstance(spec.source, str) else json.dumps(spec.source)
        return spec._replace(source=text.replace("WEBHOST", web[0][7:]).replace("WEB", web[0]))

    return draw_all({name: placed(spec) for name, (spec, _) in BAD.items()})


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told(refused: dict[str, Drawn], web: tuple[str, list[str]], name: str) -> None:
    message = refused[name].text.replace(web[0], "WEB").replace(web[0][7:], "WEBHOST")
    assert refused[name].error == "InvalidInput", message
    assert re.search(BAD[name][1], message), message
    assert "\n" not in message
    assert "https://cdn" not in message


def test_nothing_was_fetched(refused: dict[str, Drawn], web: tuple[str, list[str]]) -> None:
    assert refused
    assert web[1] == []


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_is_drawn(drawn: dict[str, Drawn], name: str) -> None:
    assert drawn[name].error == "", drawn[name].text
    root = ET.fromstring(drawn[name].text)
    assert (float(root.attrib["width"]), float(root.attrib["height"])) == (drawn[name].width, drawn[name].height)
    assert "nexusd" not in drawn[name].text


def test_text_is_there_and_escaped(drawn: dict[str, Drawn]) -> None:
    texts = {
        "".join(element.itertext()) for element in ET.fromstring(drawn["bars"].text).iter() if element.tag.endswith("text")
    }
    assert {"Ärger", "<b>", "a", "b"} <= texts
    assert "Größe → 5" in drawn["vega"].text


def test_the_same_spec_gives_the_same_bytes_cold_and_warm_and_in_another_process(drawn: dict[str, Drawn]) -> None:
    assert drawn["bars"] == drawn["bars again"]
    assert draw_all({"bars": GOOD["bars"]})["bars"] == drawn["bars"]


def test_themes_and_backgrounds(drawn: dict[str, Drawn]) -> None:
    assert 'fill="#333"' in drawn["dark"].text
    assert drawn["quartz"].text != drawn["bars"].text
    assert 'fill="#123456"' in drawn["background"].text
    assert 'fill="#654321"' in drawn["own background"].text
    assert 'fill="#333"' in drawn["themed vega"].text


def test_all_text_is_in_fonts_of_ours(drawn: dict[str, Drawn]) -> None:
    families = {family for found in drawn.values() for family in re.findall(r'font-family="([^"]*)"', found.text)}
    assert families == {"Noto Sans, DejaVu Sans, sans-serif", "DejaVu Sans Mono, monospace"}
    assert "DejaVu Sans Mono" in drawn["fonts"].text


def test_times_are_in_utc(drawn: dict[str, Drawn]) -> None:
    assert "00:30 00" in drawn["times"].text


def test_links_and_pictures_that_stand_in_the_spec_stay(drawn: dict[str, Drawn]) -> None:
    assert 'href="https://example.org/a?b&amp;c"' in drawn["link"].text
    assert PIXEL in drawn["data picture"].text
