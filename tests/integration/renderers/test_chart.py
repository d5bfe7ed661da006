"""Charts through real children: four formats, files of data and pictures, and hostile ones through a real runner."""

from __future__ import annotations

import io
import json
import re
import struct
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from nexusd.renderers.chart import CHART, ChartInput
from tests.integration.renderers.children import Ended, python, render
from tests.integration.renderers.pdf import page_count
from tests.support.runners import open_runner

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.contract.jobs import Job

pytestmark = pytest.mark.slow

CSV = "region;revenue\n" + "".join(f"Nørd {number};{number * 1000}\n" for number in range(1, 5))
SPEC: dict[str, Any] = {
    "title": "Umsatz → 2025",
    "data": {"url": "sales.txt", "format": {"type": "dsv", "delimiter": ";"}},
    "mark": "bar",
    "encoding": {
        "y": {"field": "region", "type": "nominal"},
        "x": {"field": "revenue", "type": "quantitative", "axis": {"format": ",.1f"}},
    },
}
FILES = {"sales.txt": {"$asset": "csv"}}
EVIL = "</script><script>alert(1)</script><!--"
OPTIONS: dict[str, dict[str, Any]] = {
    "svg": {},
    "png": {},
    "pdf": {},
    "html": {
        "locale": "de-DE",
        "source": {**SPEC, "title": EVIL, "usermeta": {"embedOptions": {"patch": "http://example.org/patch.json"}}},
    },
}


def chart(workdir: Path, source: Any = SPEC, assets: dict[str, bytes] | None = None, **options: Any) -> Ended:
    return render(CHART, {"source": source, "files": FILES, **options}, workdir, {"csv": CSV.encode(), **(assets or {})})


def svg(ended: Ended) -> str:
    assert (ended.code, ended.log, list(ended.files)) == (0, "", ["chart.svg"])
    return ended.files["chart.svg"].decode()


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """A chart in each format, by children that were started for it."""
    folder = tmp_path_factory.mktemp("cold")
    return {form: chart(folder / form, format=form, **options) for form, options in OPTIONS.items()}


def test_a_spec_may_be_an_object_text_or_an_asset(tmp_path: Path, cold: dict[str, Ended]) -> None:
    drawn = svg(cold["svg"])
    assert "Nørd 4" in drawn
    assert "Umsatz → 2025" in drawn
    assert svg(chart(tmp_path / "text", json.dumps(SPEC))) == drawn
    assert svg(chart(tmp_path / "asset", {"$asset": "spec"}, {"spec": json.dumps(SPEC).encode()})) == drawn


def test_a_png_has_the_size_and_density_asked_for(tmp_path: Path, cold: dict[str, Ended]) -> None:
    width = float(re.findall(r'width="([\d.]+)"', svg(cold["svg"]))[0])
    ended = chart(tmp_path / "scale", format="png", scale=1.5)
    assert (ended.code, ended.log, list(ended.files)) == (0, "", ["chart.png"])
    with Image.open(io.BytesIO(ended.files["chart.png"])) as picture:
        assert abs(picture.width - 1.5 * width) <= 1
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 20
    png = chart(tmp_path / "ppi", format="png", ppi=288).files["chart.png"]
    with Image.open(io.BytesIO(png)) as picture:
        assert abs(picture.width - 3 * width) <= 1
        assert round(picture.info["dpi"][0]) == 288
    assert struct.unpack_from(">I", png, png.index(b"pHYs") + 4)[0] == 11339


def test_a_pdf_is_one_page_with_text_in_our_fonts(cold: dict[str, Ended]) -> None:
    ended = cold["pdf"]
    assert (ended.code, ended.log, list(ended.files)) == (0, "", ["chart.pdf"])
    assert page_count(ended.files["chart.pdf"]) == 1
    assert b"NotoSans" in ended.files["chart.pdf"]
    assert b"Libertinus" not in ended.files["chart.pdf"]


def test_a_page_holds_all_and_cannot_be_broken_out_of(cold: dict[str, Ended]) -> None:
    page = cold["html"].files["chart.html"].decode()
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("<script>") == page.count("</script>") == 2
    assert "<!--" not in page.partition('<div id="chart">')[2]
    assert EVIL not in page
    assert "default-src 'none'" in page
    assert "cdn" not in page.partition("<script>")[0]
    assert 'src="' not in page.partition("<script>")[0]
    assert "patch.json" not in page
    assert "Nørd 3" in page
    assert '"decimal": ","' in page


def test_the_same_input_gives_the_same_bytes_cold_and_warm(tmp_path: Path, cold: dict[str, Ended]) -> None:
    """In another process, where what was drawn before leaves no trace."""
    work = []
    for form, ended in cold.items():
        assert ended.code == 0
        (tmp_path / form).mkdir()
        given = CHART.input_model.model_validate({"source": SPEC, "files": FILES, "format": form, **OPTIONS[form]})
        placed = given.model_dump(by_alias=True, mode="json") | {"files": {"sales.txt": {"$asset": "csv", "path": "sales.csv"}}}
        (tmp_path / form / "sales.csv").write_text(CSV)
        (tmp_path / form / "input.json").write_text(json.dumps(placed), "utf-8")
        work.append(str(tmp_path / form))
    python(f"""
import os
from nexusd.renderers.engines import chart
from nexusd.renderers.job import open_job
chart.warm()
for folder in {work!r}:
    os.chdir(folder)
    chart.render(open_job())
""")
    for form, ended in cold.items():
        assert (tmp_path / form / "out" / f"chart.{form}").read_bytes() == ended.files[f"chart.{form}"], form


def test_characters_that_our_fonts_lack_are_told(tmp_path: Path) -> None:
    ended = chart(tmp_path, {**SPEC, "title": "漢字"}, format="png")
    assert (ended.code, ended.log) == (0, "drawn with this machine's fonts, if it has any: 字漢\n")


def test_a_locale_writes_numbers(tmp_path: Path, cold: dict[str, Ended]) -> None:
    assert "4.000,0" in svg(chart(tmp_path / "a", locale="de-DE"))
    assert "4,000.0" in svg(cold["svg"])
    ended = chart(tmp_path / "c", locale="xx-XX")
    assert (ended.code, ended.files) == (65, {})
    assert "there is no locale 'xx-XX'" in ended.log


def with_pictures(workdir: Path, form: str) -> Ended:
    picture = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(picture, "PNG")
    spec = {
        "data": {"values": [{"x": 1, "img": "icons/a.png"}, {"x": 2, "img": "icons/a.png"}]},
        "mark": {"type": "image", "width": 20, "height": 20},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "url": {"field": "img"}},
    }
    return chart(workdir, spec, {"p": picture.getvalue()}, files={"icons/a.png": {"$asset": "p"}}, format=form)


def test_pictures_among_the_files_are_shown(tmp_path: Path) -> None:
    assert svg(with_pictures(tmp_path, "svg")).count("data:image/png;base64,") == 2


@pytest.mark.debian
def test_a_browser_shows_what_a_page_holds(tmp_path: Path) -> None:
    page = tmp_path / "chart.html"
    page.write_bytes(with_pictures(tmp_path / "job", "html").files["chart.html"])
    seen = tmp_path / "seen.png"
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=400,300", f"--screenshot={seen}"]
    subprocess.run(["chromium", *options, page.as_uri()], check=True, capture_output=True, timeout=120)
    with Image.open(seen) as shot:
        shades = {colour: count for count, colour in shot.convert("RGB").getcolors(1 << 20) or []}
    assert shades.get((255, 0, 0), 0) >= 2 * 19 * 19, "two red squares of twenty pixels"
    assert len(shades) > 10, "axes and their text"


def test_a_picture_above_the_cap_is_refused(tmp_path: Path) -> None:
    given = {"source": {**SPEC, "width": 20_000, "height": 20_000}, "files": FILES, "format": "png"}
    ended = render(CHART, given, tmp_path, {"csv": CSV.encode()})
    assert ended.code == 65
    assert "at most 100,000,000 can be painted (caps.picture_max_pixels)" in ended.log


def test_a_broken_file_is_told_with_its_line(tmp_path: Path) -> None:
    ended = chart(tmp_path, SPEC, {"csv": b"region;revenue\nA;1\n\xff;2\n"})
    assert (ended.code, ended.log) == (65, "sales.txt:3: the file is not UTF-8 text (byte 19)\n")


def test_a_large_source_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    ended = chart(tmp_path, {"$asset": "spec"}, {"spec": b" " * (50 * 1024 * 1024)})
    assert ended.code == 65
    assert "more than 10,485,760 bytes (caps.source_max_bytes)" in ended.log


async def run(tmp_path: Path, spec: dict[str, Any], **changed: Any) -> Job:
    given = ChartInput.model_validate({"source": spec}).model_dump(by_alias=True, mode="json")
    hurried = replace(CHART, **{"default_timeout_seconds": 2.0, **changed})
    async with open_runner(tmp_path, hurried, terminate_grace_seconds=0.2) as runner:
        job = await runner.run(job_type="chart", input=given)
        assert not runner.find_processes()
        return job


@pytest.mark.parametrize(
    "expression",
    [f"test(regexp('^(a+)+$'), '{'a' * 64}!')", "length(sequence(0, 1e7)) + length(join(sequence(0, 5e6), ',')) + datum.x"],
)
async def test_an_expression_without_an_end_ends_by_the_timeout(tmp_path: Path, expression: str) -> None:
    rows = {"sequence": {"start": 0, "stop": 100_000, "as": "x"}}
    spec = {
        "data": rows,
        "transform": [{"calculate": expression, "as": "y"}],
        "mark": "point",
        "encoding": {"x": {"field": "y"}},
    }
    job = await run(tmp_path, spec)
    assert (job.status.value, job.error_code) == ("failed", "timeout")


async def test_a_chart_that_needs_too_much_memory_is_called_that(tmp_path: Path) -> None:
    """V8 ends its process then, with words of its own and a stack behind them."""
    spec = {
        "data": {"sequence": {"start": 0, "stop": 10_000, "as": "x"}},
        "transform": [{"calculate": "sequence(0, 1e4)", "as": "y"}],
        "mark": "point",
    }
    job = await run(tmp_path, spec, default_timeout_seconds=60.0, memory_max_bytes=500 << 20)
    assert (job.status.value, job.error_code) == ("failed", "out_of_memory"), job.error_message
