"""Documents as pictures of pages, as PDF of a standard, within bounds; cold and warm. In the process of the tests."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageChops

from nexusd.domain.caps import Caps
from nexusd.renderers.document import DOCUMENT, DocumentInput
from nexusd.renderers.engines import document
from nexusd.renderers.job import ChildJob, InvalidInput
from tests.integration.renderers.children import python
from tests.integration.renderers.children import render as render_child
from tests.integration.renderers.pdf import page_count, unpacked

if TYPE_CHECKING:
    from pathlib import Path

DEFAULTS = Caps()
FOUR = "= One\n#pagebreak()\n= Two\n#pagebreak()\n#set page(width: 100pt, height: 50pt)\n= Three\n#pagebreak()\n= Four"
TEXT = "---\nlang: en\ntoc: true\n---\n# Words\n\nA $\\frac{a}{b}$, `code` and a note[^1].\n\n## More\n\n[^1]: Here.\n"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the typesetter does to the environment to the test."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


def rendered(folder: Path, source: str, caps: Caps = DEFAULTS, **options: Any) -> dict[str, bytes]:
    """Return the files that a document becomes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "out").mkdir()
    given = DocumentInput.model_validate({"source": source, **options}).model_dump(by_alias=True, mode="json")
    document.render(ChildJob(given, folder, folder / "out", caps=caps))
    return {path.name: path.read_bytes() for path in sorted((folder / "out").iterdir())}


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def test_each_page_is_a_file_whose_names_sort(tmp_path: Path) -> None:
    assert list(rendered(tmp_path / "a", FOUR, format="png")) == [f"document-00{number}.png" for number in (1, 2, 3, 4)]
    svgs = rendered(tmp_path / "b", FOUR, format="svg")
    assert list(svgs) == [f"document-00{number}.svg" for number in (1, 2, 3, 4)]
    assert all(content.startswith(b"<svg ") for content in svgs.values())


@pytest.mark.slow
def test_names_sort_beyond_a_thousand_pages(tmp_path: Path) -> None:
    files = rendered(tmp_path, "#set page(width: 9pt, height: 9pt, margin: 0pt)\n" + "#pagebreak()\n" * 1000, format="svg")
    assert next(iter(files)) == "document-0001.svg"
    assert list(files)[-1] == "document-1001.svg"


@pytest.mark.parametrize(("ppi", "size"), [(None, (200, 100)), (72, (100, 50)), (300, (417, 208))])
def test_pixels_per_inch(tmp_path: Path, ppi: float | None, size: tuple[int, int]) -> None:
    files = rendered(tmp_path, FOUR, format="png", ppi=ppi)
    assert opened(files["document-003.png"]).size == size


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [("1", [1]), ("2-3", [2, 3]), ("4, 1", [1, 4]), ("3-", [3, 4]), ("-2", [1, 2]), ("1-4,2", [1, 2, 3, 4])],
)
def test_only_the_pages_that_are_wanted(tmp_path: Path, wanted: str, numbers: list[int]) -> None:
    assert list(rendered(tmp_path, FOUR, format="svg", pages=wanted)) == [f"document-00{number}.svg" for number in numbers]


@pytest.mark.parametrize("wanted", ["5", "0", "3-2", "2-9"])
def test_a_page_that_is_not_there_is_named(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(InvalidInput, match=f"^pages: '{wanted}' is not in this document, which has 4 pages"):
        rendered(tmp_path, FOUR, format="png", pages=wanted)


def test_a_page_alone_looks_as_it_does_among_all(tmp_path: Path) -> None:
    all_pages = rendered(tmp_path / "a", TEXT + "\n# End\n", format="png", paper="a6")
    alone = rendered(tmp_path / "b", TEXT + "\n# End\n", format="png", paper="a6", pages="1")
    pages = [opened(files["document-001.png"]) for files in (all_pages, alone)]
    assert pages[0].size == pages[1].size
    difference = ImageChops.difference(*pages).convert("L")
    assert (
        sum(count * value for value, count in enumerate(difference.histogram())) / (255 * difference.width * difference.height)
        < 0.01
    )


def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    for form in ("pdf", "png", "svg"):
        with pytest.raises(InvalidInput, match=r"has 4 pages; at most 3 .*caps\.document_max_pages"):
            rendered(tmp_path / form, FOUR, Caps(document_max_pages=3), format=form)
        assert not list((tmp_path / form / "out").iterdir())


@pytest.mark.parametrize("pages", [None, "1"])
def test_too_many_pixels_are_refused_before_they_are_painted(tmp_path: Path, pages: str | None) -> None:
    with pytest.raises(InvalidInput, match=r"page 1 would have 100,000 x 100,000 pixels at 1000 ppi.*caps\.picture_max_pixels"):
        rendered(tmp_path, "#set page(width: 100in, height: 100in)\n", format="png", ppi=1000, pages=pages)


@pytest.mark.parametrize(
    ("standard", "mark"),
    [
        ("a-2b", b"<pdfaid:part>2<"),
        ("a-3b", b"<pdfaid:part>3<"),
        ("a-1a", b"<pdfaid:conformance>A<"),
        ("ua-1", b"<pdfuaid:part>1<"),
    ],
)
def test_a_standard_is_kept_and_named_in_the_file(tmp_path: Path, standard: str, mark: bytes) -> None:
    content = rendered(tmp_path, TEXT, pdfStandard=standard)["document.pdf"]
    assert mark in unpacked(content)


@pytest.mark.parametrize("standard", [None, *("1.4", "1.5", "2.0", "a-2b", "a-4", "ua-1")])
def test_pages_are_counted_in_every_kind_of_pdf(tmp_path: Path, standard: str | None) -> None:
    source = "#set document(title: [T], date: datetime(year: 2026, month: 1, day: 2))\n" + "x\n#pagebreak()\n" * 99
    with pytest.raises(InvalidInput, match="has 100 pages"):
        rendered(tmp_path, source, Caps(document_max_pages=99), pdfStandard=standard, language="typst")


def test_what_a_standard_demands_is_the_users_business(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"document\.md: PDF/UA-1 error: missing document title"):
        rendered(tmp_path, "just text", pdfStandard="ua-1")


@pytest.mark.parametrize("source", [TEXT, FOUR])
def test_a_pdf_is_tagged(tmp_path: Path, source: str) -> None:
    content = unpacked(rendered(tmp_path, source)["document.pdf"])
    assert b"/Marked true" in content
    assert b"/StructTreeRoot" in content
    assert b"/Lang(en)" in content


def test_a_formula_has_its_source_as_its_alternative(tmp_path: Path) -> None:
    content = unpacked(rendered(tmp_path, "# T\n\n$x^2$", pdfStandard="ua-1")["document.pdf"])
    assert b"/Alt(x^2)" in content


def test_the_date_of_a_document_is_its_own(tmp_path: Path) -> None:
    dated = unpacked(rendered(tmp_path / "a", "---\ndate: 2026-10-14\n---\nx")["document.pdf"])
    assert b"D:20261014" in dated
    assert b"D:" not in unpacked(rendered(tmp_path / "b", "x")["document.pdf"])


@pytest.mark.slow
@pytest.mark.parametrize("form", ["pdf", "png", "svg"])
@pytest.mark.parametrize("source", [TEXT, FOUR])
def test_the_same_bytes_come_cold_and_warm(tmp_path: Path, form: str, source: str) -> None:
    cold = render_child(DOCUMENT, {"source": source, "format": form}, tmp_path / "cold")
    given = DocumentInput.model_validate({"source": source, "format": form}).model_dump(by_alias=True, mode="json")
    (tmp_path / "warm" / "out").mkdir(parents=True)
    code = f"""
import json, pathlib
from nexusd.renderers.engines import document
from nexusd.renderers.job import ChildJob
document.warm()
document.warm()
folder = pathlib.Path({str(tmp_path / "warm")!r})
document.render(ChildJob(json.loads({json.dumps(given)!r}), folder, folder / "out"))
"""
    assert python(code) == ""
    assert cold.code == 0
    assert cold.files == {path.name: path.read_bytes() for path in sorted((tmp_path / "warm" / "out").iterdir())}


def test_warming_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = os.getcwd()
    document.warm()
    assert (os.getcwd(), list(tmp_path.iterdir()), capfd.readouterr()) == (before, [], ("", ""))


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("a.typ", b"= Named", b"Named"),
        ("a.md", b"= No\n\n# Named", b"Named"),
        ("a.bin", b"#set text(red)\n= Seen", b"Seen"),
        ("b", b"# Seen", b"Seen"),
    ],
)
def test_the_language_of_an_asset_is_in_its_name_or_its_content(
    tmp_path: Path, name: str, content: bytes, title: bytes
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / name).write_bytes(content)
    given = DocumentInput.model_validate({"source": {"$asset": "1"}}).model_dump(by_alias=True, mode="json")
    given["source"]["path"] = name
    document.render(ChildJob(given, tmp_path, tmp_path / "out"))
    assert b"/Title(" + title + b")" in unpacked((tmp_path / "out" / "document.pdf").read_bytes())


def test_progress_goes_up_to_one(tmp_path: Path) -> None:
    ended = render_child(DOCUMENT, {"source": FOUR, "format": "png"}, tmp_path)
    fractions = [step["progress"] for step in ended.progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert "page 3 of 4" in [step.get("message") for step in ended.progress]


def test_many_pages_make_one_pdf(tmp_path: Path) -> None:
    assert page_count(rendered(tmp_path, FOUR)["document.pdf"]) == 4
