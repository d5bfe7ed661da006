"""What `render` makes of names: kind, format, target; and the refusals that come before anything is contacted."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import pytest

from nexusctl.client.material import choose_kind
from nexusctl.commands.source import check_file, choose_target, infer_format, read_source
from nexusctl.errors import UsageError
from nexusctl.kinds import Kind, find_kind
from nexusd.contract.status import Renderer

if TYPE_CHECKING:
    from pathlib import Path

MARKDOWN = Kind("document", {"language": "markdown"}, {"pdf": ".pdf"}, ".md")


def a_kind(file: str, forced: str | None = None) -> Kind:
    kind = find_kind(file, forced)
    assert kind is not None
    return kind


def a_renderer(job_type: str, **fields: object) -> Renderer:
    known = {"description": "", "version": "1", "available": True, "output_content_types": [], "default_timeout_seconds": 1}
    return Renderer.model_validate({"job_type": job_type, "input_schema": {}, **known, **fields})


def test_a_kind_that_cannot_be_told_is_a_usage_error_that_names_what_there_is() -> None:
    manim = a_renderer("manim", extensions={".scene.py": {}}, outputs={".mp4": "video/mp4"})
    for file, forced, said in (("notes.txt", None, ".scene.py"), ("a.d2", "vidio", "manim"), ("-", "document/d2", "typst")):
        with pytest.raises(UsageError) as refused:
            choose_kind([manim], file, forced)
        assert said in str(refused.value.hint)
    assert choose_kind([manim], "intro.scene.py", None).job_type == "manim"


@pytest.mark.parametrize(
    ("file", "job_type", "forced", "out", "expected"),
    [
        ("a.d2", None, None, None, "svg"),
        ("a.md", None, None, None, "pdf"),
        ("a.d2", None, None, "x.png", "png"),
        ("a.d2", None, None, "x.PDF", "pdf"),
        ("a.d2", None, None, "x", "svg"),
        ("a.d2", None, "png", "x.svg", "png"),
        ("a.d2", None, ".PNG", None, "png"),
        ("a.d2", None, None, "-", "svg"),
        ("a.d2", None, None, "/dev/null", "svg"),
        ("a.md", None, None, "/tmp", "pdf"),
        ("a.md", None, None, "new.folder/", "pdf"),
        ("a.svg", None, None, "x.jpg", "jpeg"),
        ("a.svg", None, None, "x.jpeg", "jpeg"),
        ("a.svg", None, "jpg", None, "jpeg"),
        ("a.svg", None, None, "x.tif", "tiff"),
        ("", "theme", None, "t/", "all"),
        ("", "theme", None, "t.css", "css"),
        ("a.storyboard.json", None, None, "x.webm", "webm"),
    ],
)
def test_the_format_is_the_forced_one_or_that_of_the_target(
    file: str, job_type: str | None, forced: str | None, out: str | None, expected: str
) -> None:
    assert infer_format(a_kind(file, job_type), forced, out) == expected


@pytest.mark.parametrize(("file", "forced", "out"), [("a.md", None, "x.gif"), ("a.d2", "gif", None), ("a.d2", None, "x.txt")])
def test_a_format_the_job_type_lacks_is_a_usage_error_that_names_those_it_has(
    file: str, forced: str | None, out: str | None
) -> None:
    with pytest.raises(UsageError) as caught:
        infer_format(a_kind(file), forced, out)
    assert "pdf" in (caught.value.hint or "")


@pytest.mark.parametrize("out", [None, "-", "folder/", "x"])
def test_the_format_of_a_picture_must_be_named(out: str | None) -> None:
    with pytest.raises(UsageError, match="must be named"):
        infer_format(a_kind("photo.png"), None, out)


def test_what_has_no_formats_is_asked_for_none() -> None:
    plain = Kind("upper", output=".txt")
    assert infer_format(plain, None, "x.doc") is None
    with pytest.raises(UsageError, match="an upper has no formats"):
        infer_format(plain, "txt", None)


def test_the_default_target_is_beside_the_source(tmp_path: Path) -> None:
    file = tmp_path / "flow.d2"
    file.touch()
    assert choose_target(str(file), None, a_kind("flow.d2"), "svg").path == tmp_path / "flow.svg"
    assert choose_target(str(tmp_path / "a.b.vl.json"), None, a_kind("a.vl.json"), "png").path == tmp_path / "a.b.png"
    assert choose_target(str(tmp_path / "a.b"), None, a_kind("a", "d2"), "png").path == tmp_path / "a.png"
    assert choose_target(str(tmp_path / "a.low"), None, Kind("upper", extension=".low", output=".txt"), None).path == (
        tmp_path / "a.txt"
    )
    assert sorted(tmp_path.iterdir()) == [file]


def test_a_folder_as_target_takes_all_files_and_one_by_the_sources_name(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "new"):
        target = choose_target("flow.d2", f"{folder}/", a_kind("flow.d2"), "png")
        assert (target.path, target.folder) == (folder / "flow.png", folder)
        assert target.beside("b.png").path == folder / "b.png"
    assert not (tmp_path / "new").exists()
    with pytest.raises(UsageError, match="cannot make the folder"):
        choose_target("flow.d2", f"{tmp_path}/no/new/", a_kind("flow.d2"), "png")


def test_what_may_be_several_files_needs_a_place() -> None:
    for file, kind, wanted in (
        ("logo.png", a_kind("logo.png", "theme"), "all"),
        ("x.low", Kind("upper", extension=".low"), None),
    ):
        with pytest.raises(UsageError, match="several files"):
            choose_target(file, None, kind, wanted)


def test_a_target_that_cannot_be_written_is_refused_before_anything_else(tmp_path: Path) -> None:
    file = tmp_path / "flow.d2"
    file.touch()
    for out in (tmp_path / "no" / "x.svg", file / "x.svg", tmp_path / ("x" * 300) / "y.svg"):
        with pytest.raises(UsageError, match="cannot write"):
            choose_target(str(file), str(out), a_kind("flow.d2"), "svg")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="Permission denied"):
        choose_target("flow.d2", str(tmp_path / "x.svg"), a_kind("flow.d2"), "svg")


def test_the_source_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "flow.svg"
    file.touch()
    (tmp_path / "link.svg").symlink_to(file)
    for out in (file, tmp_path / "link.svg"):
        with pytest.raises(UsageError, match="overwrite"):
            choose_target(str(file), str(out), a_kind("flow.d2"), "svg")


def test_standard_input_needs_a_target() -> None:
    with pytest.raises(UsageError, match="no name"):
        choose_target("-", None, a_kind("-", "d2"), "svg")


def test_a_file_that_is_not_there_or_a_folder_is_a_usage_error(tmp_path: Path) -> None:
    for file in (tmp_path / "no.d2", tmp_path, "a\0b", "x" * 5000):
        with pytest.raises(UsageError):
            check_file(str(file))


def test_a_source_is_utf_8_and_loses_its_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"\xef\xbb\xbf# \xc3\xa4\r\n")
    assert read_source(str(file), MARKDOWN) == "# ä\r\n"


def test_a_source_that_is_not_utf_8_is_a_usage_error_that_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"a\nb \xe4\n")
    with pytest.raises(UsageError, match="0xe4 in line 2"):
        read_source(str(file), MARKDOWN)


def test_a_source_can_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("ä".encode()), encoding="ascii"))
    assert read_source("-", MARKDOWN) == "ä"


def test_a_source_that_is_no_text_is_bytes_where_that_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"\x89PNG")
    assert read_source(str(file), a_kind("a.png")) == file
    assert read_source(str(file), Kind("upper")) == b"\x89PNG"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"text"), encoding="ascii"))
    assert read_source("-", a_kind("a.png")) == b"text"
