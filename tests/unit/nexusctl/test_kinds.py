"""What names tell, and that the table of the built-in renderers is theirs."""

from __future__ import annotations

from typing import Any

import pytest

from nexusctl.kinds import Kind, find_kind, find_other_kind, kind_of, longest_extension
from nexusd.contract.families import FAMILIES
from nexusd.contract.status import Renderer
from nexusd.renderers.registry import BUILT_IN


def test_the_table_is_that_of_the_renderers() -> None:
    assert {spec.job_type for spec in BUILT_IN} == FAMILIES.keys()
    for spec in BUILT_IN:
        family = FAMILIES[spec.job_type]
        assert family.extensions == {extension: dict(fields) for extension, fields in spec.extensions.items()}
        schema = spec.input_model.model_json_schema(by_alias=True)["properties"]["format"]
        formats = schema.get("enum", [schema.get("const")])
        assert formats[0] == next(iter(family.formats))
        assert set(formats) == family.formats.keys()
        for made in family.formats.values():
            assert not made or f".{made.rpartition('.')[2]}" in spec.outputs, made


@pytest.mark.parametrize(
    ("file", "forced", "job_type", "fields"),
    [
        ("flow.d2", None, "diagram", {"language": "d2"}),
        ("a/b.c/READ.MD", None, "document", {"language": "markdown"}),
        ("x.markdown", None, "document", {"language": "markdown"}),
        ("x.typ", None, "document", {"language": "typst"}),
        ("x.gv", None, "diagram", {"language": "dot"}),
        ("sales.vl.json", None, "chart", {"language": "vega-lite"}),
        ("a.storyboard.json", None, "video", {}),
        ("logo.SVG", None, "image", {}),
        ("notes.txt", "document", "document", {}),
        ("x.typ", "document", "document", {"language": "typst"}),
        ("x.d2", "document", "document", {}),
        ("notes", "typst", "document", {"language": "typst"}),
        ("notes", "document/typst", "document", {"language": "typst"}),
        ("logo.png", "theme", "theme", {}),
        ("", "theme", "theme", {}),
        ("-", "mermaid", "diagram", {"language": "mermaid"}),
    ],
)
def test_the_kind_is_inferred_from_the_name_and_can_be_forced(
    file: str, forced: str | None, job_type: str, fields: dict[str, str]
) -> None:
    kind = find_kind(file, forced)
    assert kind is not None
    assert (kind.job_type, kind.fields) == (job_type, fields)


@pytest.mark.parametrize(
    ("file", "forced"),
    [("notes.txt", None), ("x.json", None), (".vl.json", None), ("a.d2", "vidio"), ("a.d2", "document/d2"), ("a.d2", "")],
)
def test_what_is_not_built_in_is_for_the_daemon_to_tell(file: str, forced: str | None) -> None:
    assert find_kind(file, forced) is None


def test_the_longest_extension_wins() -> None:
    assert longest_extension("a.scene.py", [".py", ".scene.py"]) == ".scene.py"
    assert longest_extension("a.py", [".scene.py"]) is None
    assert longest_extension(".py", [".py"]) is None


def a_renderer(job_type: str, extensions: dict[str, Any], schema: dict[str, Any] | None = None) -> Renderer:
    return Renderer(
        job_type=job_type,
        description="",
        version="1",
        available=True,
        output_content_types=[],
        outputs={".mp4": "video/mp4"},
        extensions=extensions,
        default_timeout_seconds=1,
        input_schema={"properties": {"format": schema}} if schema else {},
    )


def test_other_renderers_are_known_by_what_the_daemon_says() -> None:
    manim = a_renderer("manim", {".py": {"extension": ".py"}}, {"enum": ["gif", "mp4", "jpeg"], "default": "mp4"})
    scene = a_renderer("scene", {".scene.py": {}})
    kind = find_other_kind([manim, scene], "a.py")
    assert kind == Kind("manim", {"extension": ".py"}, {"mp4": ".mp4", "gif": ".gif", "jpeg": ".jpg"}, ".py")
    assert next(iter(kind.formats)) == "mp4"
    assert find_other_kind([manim, scene], "a.scene.py") == Kind("scene", {}, {}, ".scene.py", output=".mp4")
    assert find_other_kind([manim, scene], "a.txt") is None
    assert find_other_kind([manim, scene], "a.txt", "scene") == Kind("scene", output=".mp4")
    assert find_other_kind([manim, scene], "a.py", "manim/manimgl") == Kind(
        "manim", {"language": "manimgl"}, kind.formats, ".py"
    )
    assert find_other_kind([manim, scene], "a.py", "nobody") is None
    assert list(kind_of(a_renderer("one", {}, {"const": "mp4"})).formats) == ["mp4"]
