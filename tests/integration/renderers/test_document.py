"""Documents through real children: Markdown and Typst to PDF."""

from __future__ import annotations

import base64
import errno
import os
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from nexusd.renderers.document import DOCUMENT
from nexusd.renderers.engines.document import place_file
from tests.integration.renderers.children import Ended, render
from tests.integration.renderers.pdf import page_count, unpacked

if TYPE_CHECKING:
    from pathlib import Path

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><circle cx="20" cy="20" r="18" fill="teal"/></svg>'
RICH = """\
---
author: Ada Lovelace
---
# Quarterly *report*

An intro with *emphasis*, **strong**, ~~struck~~, `code`, a [link](https://example.org/x), a footnote[^1] and [a jump](#tables).

[^1]: The note.

## Tables

| Name | Count |
|:-----|------:|
| Apple | 3 |

- one
  1. nested
- [x] done

> quoted

```python
def f() -> int: ...
```

![logo](img/logo.svg) ![pixel](img/pixel.png)

Ελληνικά Привет → ∑ \\ "quoted" #panic() $x$ @ref
"""
FILES = {"img/logo.svg": {"$asset": "logo"}, "img/pixel.png": {"$asset": "pixel"}}
ASSETS = {"logo": LOGO, "pixel": PNG}


def write(workdir: Path, source: Any, language: str = "markdown", **more: Any) -> Ended:
    assets = more.pop("assets", None)
    return render(DOCUMENT, {"language": language, "source": source, **more}, workdir, assets)


@pytest.mark.slow
def test_a_rich_document(tmp_path: Path) -> None:
    ended = write(tmp_path, RICH, files=FILES, assets=ASSETS)
    assert (ended.code, ended.log) == (0, "")
    assert list(ended.files) == ["document.pdf"]
    content = unpacked(ended.files["document.pdf"])
    assert b"/Title(Quarterly report)" in content
    assert b"(Ada Lovelace)" in content
    assert b"(https://example.org/x)" in content
    assert b"/Title(Tables)" in content  # the bookmark
    assert b"/Subtype/Image" in content
    assert b"LibertinusSerif" in content
    assert b"DejaVuSansMono" in content
    assert [step["progress"] for step in ended.progress] == sorted(step["progress"] for step in ended.progress)
    assert ended.progress[-1]["progress"] == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("language", ["markdown", "typst"])
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, language: str) -> None:
    source = RICH if language == "markdown" else "= Hi\n#datetime.today().display()"
    first, second = (write(tmp_path / name, source, language, files=FILES, assets=ASSETS) for name in ("a", "b"))
    assert first.code == 0
    assert first.files == second.files
    assert b"D:202" not in unpacked(first.files["document.pdf"])


@pytest.mark.parametrize("language", ["markdown", "typst"])
def test_an_empty_document_is_an_empty_page(tmp_path: Path, language: str) -> None:
    ended = write(tmp_path, "", language)
    assert (ended.code, ended.log) == (0, "")
    assert page_count(ended.files["document.pdf"]) == 1


def test_the_source_can_be_an_asset(tmp_path: Path) -> None:
    ended = write(tmp_path, {"$asset": "doc"}, assets={"doc": b"# From a file\r\n\r\ntext\r\n"})
    assert ended.code == 0
    assert b"/Title(From a file)" in unpacked(ended.files["document.pdf"])


@pytest.mark.parametrize("content", [PNG[:40], b"\xff\xd8\xff rubbish", b"<svg <<<", b"plain"])
def test_a_broken_picture_costs_only_itself(tmp_path: Path, content: bytes) -> None:
    files = {**FILES, "bad.png": {"$asset": "bad"}}
    ended = write(tmp_path, "![x](bad.png)\n\n![y](img/pixel.png)", files=files, assets={**ASSETS, "bad": content})
    assert ended.code == 0
    assert "document.md: not a readable image: bad.png\n" in ended.log
    assert b"/Subtype/Image" in unpacked(ended.files["document.pdf"])


def test_a_missing_picture_is_named_in_the_log(tmp_path: Path) -> None:
    ended = write(tmp_path, "![x](img/none.png) ![y](https://example.org/a.png)")
    assert ended.code == 0
    assert ended.log == (
        "document.md: missing image: img/none.png\n"
        "document.md: the image https://example.org/a.png is remote and was not fetched\n"
    )
    assert b"(https://example.org/a.png)" in unpacked(ended.files["document.pdf"])


def test_glyphs_that_typst_lacks_are_named_in_the_log(tmp_path: Path) -> None:
    ended = write(tmp_path, "日本")
    assert ended.code == 0
    assert ended.log == "document.md: drawn with this machine's fonts, if it has any: 日本\n"


def test_a_typst_source_sees_its_files(tmp_path: Path) -> None:
    source = '#import "lib/a.typ": name\n= #name\n#image("img/pixel.png")\n#read("data.csv")'
    files = {"lib/a.typ": {"$asset": "lib"}, "data.csv": {"$asset": "csv"}, **FILES}
    ended = write(tmp_path, source, "typst", files=files, assets={**ASSETS, "lib": b'#let name = "Named"', "csv": b"1,2"})
    assert (ended.code, ended.log) == (0, "")
    assert b"/Title(Named)" in unpacked(ended.files["document.pdf"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("= Hi\n\n#foo", "document.typ:3:1: error: unknown variable: foo\n"),
        ("#(", "document.typ:1:1: error: unclosed delimiter\n"),
        ('#image("no.png")', "document.typ:1:7: error: file not found (searched at no.png)\n"),
        ('#read("/etc/passwd")', "document.typ:1:6: error: file not found (searched at etc/passwd)\n"),
        ('#read("../input.json")', "document.typ:1:6: error: "),
        ('#import "@preview/cetz:0.3.0": *', "document.typ:1:8: error: packages are not available here: cetz-0.3.0\n"),
    ],
)
def test_a_wrong_typst_source_is_invalid_input_with_its_place(tmp_path: Path, source: str, message: str) -> None:
    ended = write(tmp_path, source, "typst")
    assert ended.code == 65
    assert ended.log.startswith(message)
    assert str(tmp_path) not in ended.log
    assert ended.files == {}


def test_no_package_is_fetched(tmp_path: Path, listener: tuple[str, list[str]]) -> None:
    address, asked = listener
    proxies = {"HTTPS_PROXY": address, "ALL_PROXY": address, "https_proxy": address, "NO_PROXY": "127.0.0.1"}
    given = {"language": "typst", "source": '#import "@preview/cetz:0.3.0": *'}
    assert render(DOCUMENT, given, tmp_path, environment=proxies).code == 65
    assert asked == []


def test_markdown_cannot_run_typst(tmp_path: Path) -> None:
    ended = write(
        tmp_path, '#panic() `#panic()` "#{panic()}" \\")#panic()\n\n```"#panic()\n#panic()\n```\n\n[x](https://a.b/"#panic())'
    )
    assert (ended.code, ended.log) == (0, "")


def test_files_are_not_copied(tmp_path: Path) -> None:
    write(tmp_path, "![x](img/pixel.png)", files=FILES, assets=ASSETS)
    placed, asset = tmp_path / "source" / "img" / "pixel.png", tmp_path / "assets" / "pixel-file"
    assert placed.samefile(asset)
    assert not placed.is_symlink()


def test_files_are_copied_where_they_cannot_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_source: str, _target: Path) -> None:
        raise OSError(errno.EXDEV, "another mount")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_bytes(PNG)
    place_file(str(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == PNG


def test_a_link_in_the_assets_is_not_followed_by_typst_later(tmp_path: Path) -> None:
    """Whatever the runner places, what lies in the source folder is a plain file."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "store").write_bytes(zlib.compress(b"x"))
    (tmp_path / "assets" / "linked-file").symlink_to(tmp_path / "store")
    ended = write(tmp_path, "x", files={"a.bin": {"$asset": "linked"}}, assets={"linked": b"y"})
    assert ended.code == 0
    assert not (tmp_path / "source" / "a.bin").is_symlink()
