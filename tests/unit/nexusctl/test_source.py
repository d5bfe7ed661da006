"""What `render` makes of names: kind, format, target; and the refusals that come before anything is contacted."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import pytest

from nexusctl import kinds
from nexusctl.commands.source import check_file, choose_target, infer_format, infer_kind, read_source
from nexusctl.errors import UsageError
from nexusctl.kinds import Kind

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("file", "forced", "kind"),
    [
        ("flow.d2", None, Kind("diagram", "d2")),
        ("README.md", None, Kind("document", "markdown")),
        ("a/b.c/READ.MD", None, Kind("document", "markdown")),
        ("x.markdown", None, Kind("document", "markdown")),
        ("x.typ", None, Kind("document", "typst")),
        ("notes.txt", "document", Kind("document", "markdown")),
        ("x.typ", "document", Kind("document", "typst")),
        ("x.d2", "document", Kind("document", "markdown")),
        ("notes", "diagram", Kind("diagram", "d2")),
        ("notes", "typst", Kind("document", "typst")),
        ("notes", "document/typst", Kind("document", "typst")),
        ("-", "d2", Kind("diagram", "d2")),
    ],
)
def test_the_kind_is_inferred_from_the_name_and_can_be_forced(file: str, forced: str | None, kind: Kind) -> None:
    assert infer_kind(file, forced) == kind


@pytest.mark.parametrize(
    ("file", "forced"),
    [("notes.txt", None), ("notes", None), ("-", None), ("a.d2", "video"), ("a.d2", "document/d2"), ("a.d2", "")],
)
def test_a_kind_that_cannot_be_told_is_a_usage_error(file: str, forced: str | None) -> None:
    with pytest.raises(UsageError):
        infer_kind(file, forced)


@pytest.mark.parametrize(
    ("job_type", "forced", "out", "expected"),
    [
        ("diagram", None, None, "svg"),
        ("document", None, None, "pdf"),
        ("diagram", None, "x.png", "png"),
        ("diagram", None, "x.PDF", "pdf"),
        ("diagram", None, "x", "svg"),
        ("diagram", "png", "x.svg", "png"),
        ("diagram", ".PNG", None, "png"),
        ("diagram", None, "-", "svg"),
        ("diagram", None, "/dev/null", "svg"),
        ("document", None, "/tmp", "pdf"),
    ],
)
def test_the_format_is_the_forced_one_or_that_of_the_target(
    job_type: str, forced: str | None, out: str | None, expected: str
) -> None:
    assert infer_format(job_type, forced, out) == expected


@pytest.mark.parametrize(
    ("job_type", "forced", "out"), [("document", None, "x.svg"), ("diagram", "gif", None), ("diagram", None, "x.txt")]
)
def test_a_format_the_job_type_lacks_is_a_usage_error_that_names_those_it_has(
    job_type: str, forced: str | None, out: str | None
) -> None:
    with pytest.raises(UsageError) as caught:
        infer_format(job_type, forced, out)
    assert "pdf" in (caught.value.hint or "")


def test_the_default_target_is_beside_the_source(tmp_path: Path) -> None:
    file = tmp_path / "flow.d2"
    file.touch()
    assert choose_target(str(file), None, "svg").path == tmp_path / "flow.svg"
    assert sorted(tmp_path.iterdir()) == [file]


def test_a_folder_as_target_takes_the_sources_name(tmp_path: Path) -> None:
    assert choose_target("flow.d2", str(tmp_path), "png").path == tmp_path / "flow.png"


def test_a_target_that_cannot_be_written_is_refused_before_anything_else(tmp_path: Path) -> None:
    file = tmp_path / "flow.d2"
    file.touch()
    for out in (tmp_path / "no" / "x.svg", file / "x.svg", tmp_path / ("x" * 300) / "y.svg"):
        with pytest.raises(UsageError, match="cannot write"):
            choose_target(str(file), str(out), "svg")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="Permission denied"):
        choose_target("flow.d2", str(tmp_path / "x.svg"), "svg")


def test_the_source_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "flow.svg"
    file.touch()
    (tmp_path / "link.svg").symlink_to(file)
    for out in (file, tmp_path / "link.svg"):
        with pytest.raises(UsageError, match="overwrite"):
            choose_target(str(file), str(out), "svg")


def test_standard_input_needs_a_target() -> None:
    with pytest.raises(UsageError, match="no name"):
        choose_target("-", None, "svg")


def test_a_file_that_is_not_there_or_a_folder_is_a_usage_error(tmp_path: Path) -> None:
    for file in (tmp_path / "no.d2", tmp_path, "a\0b", "x" * 5000):
        with pytest.raises(UsageError):
            check_file(str(file))


def test_a_source_is_utf_8_and_loses_its_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"\xef\xbb\xbf# \xc3\xa4\r\n")
    assert read_source(str(file)) == "# ä\r\n"


def test_a_source_that_is_not_utf_8_is_a_usage_error_that_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"a\nb \xe4\n")
    with pytest.raises(UsageError, match="0xe4 in line 2"):
        read_source(str(file))


def test_a_source_can_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("ä".encode()), encoding="ascii"))
    assert read_source("-") == "ä"


def test_every_extension_has_a_language_and_every_language_a_content_type() -> None:
    for job_type, language in kinds.EXTENSIONS.values():
        assert language in kinds.LANGUAGES[job_type]
        assert language in kinds.CONTENT_TYPES
    assert kinds.LANGUAGES.keys() == kinds.FORMATS.keys()
