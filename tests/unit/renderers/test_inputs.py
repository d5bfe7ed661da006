"""The inputs of the built-in renderers: what is taken, what is refused, and which field is named."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from nexusd.renderers.diagram import THEMES, DiagramInput
from nexusd.renderers.document import DocumentInput
from nexusd.renderers.engines import d2, dot, mermaid
from nexusd.renderers.engines.drawing import Style
from nexusd.renderers.inputs import FILES_MAX_COUNT
from nexusd.renderers.registry import BUILT_IN

ASSET = {"$asset": "0198c0de"}


def normalised(model: type[DiagramInput] | type[DocumentInput], value: dict[str, Any]) -> dict[str, Any]:
    return model.model_validate(value).model_dump(by_alias=True, mode="json")


def test_a_diagram_has_defaults() -> None:
    assert normalised(DiagramInput, {"source": "a -> b"}) == {
        "language": "d2",
        "source": "a -> b",
        "format": "svg",
        "theme": "light",
        "background": None,
        "scale": 2.0,
        "engine": None,
        "layout": None,
        "sketch": False,
    }


@pytest.mark.parametrize(
    ("value", "language"),
    [
        ({"source": "digraph { a }"}, "dot"),
        ({"source": 'pie\n  "a": 1'}, "mermaid"),
        ({"source": "digraph { a }", "language": "d2"}, "d2"),
        ({"source": ASSET}, None),
        ({"source": ASSET, "engine": "neato", "theme": "forest"}, None),  # its file will tell
        ({"source": ""}, "d2"),
    ],
)
def test_the_language_of_a_diagram_is_told_by_its_text_unless_it_is_named(value: dict[str, Any], language: str | None) -> None:
    assert normalised(DiagramInput, value)["language"] == language


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"source": "a -> b", "engine": "neato"}, "engine is an option of dot, not of d2"),
        ({"source": "digraph { a }", "layout": "elk"}, "layout is an option of d2, not of dot"),
        ({"source": "digraph { a }", "sketch": True}, "sketch is an option of d2 and mermaid, not of dot"),
        ({"source": "digraph { a }", "theme": "forest"}, "theme 'forest' is none of dot: light, dark"),
        ({"source": "pie", "theme": "vanilla"}, "theme 'vanilla' is none of mermaid"),
        ({"source": "a", "background": "url(x)"}, "'url(x)' is no CSS colour"),
        ({"source": "a", "scale": 11}, "less than or equal to 10"),
        ({"source": "a", "scale": 0.05}, "greater than or equal to 0.1"),
    ],
)
def test_an_option_that_a_diagram_does_not_have_is_refused_with_the_reason(value: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(reason)):
        DiagramInput.model_validate(value)


def test_the_themes_that_the_model_takes_are_those_that_the_engines_know() -> None:
    for theme in THEMES["d2"]:
        d2.arguments(d2.Look(style=Style(theme=theme)))
    for theme in THEMES["dot"]:
        dot.defaults(theme)
    for theme in THEMES["mermaid"]:
        mermaid.configuration(Style(theme=theme), sketch=False)


def test_a_document_has_defaults_and_keeps_references() -> None:
    value = normalised(DocumentInput, {"source": ASSET, "files": {"img/a b.png": ASSET}})
    assert {name: said for name, said in value.items() if said is not None} == {
        "source": ASSET,
        "format": "pdf",
        "files": {"img/a b.png": ASSET},
    }


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({}, ("source",)),
        ({"source": 5}, ("source", "str")),
        ({"source": {"$asset": ""}}, ("source", "AssetReference", "$asset")),
        ({"source": "a", "format": "gif"}, ("format",)),
        ({"source": "a", "language": "cobol"}, ("language",)),
        ({"source": "a", "colour": "red"}, ("colour",)),
    ],
)
def test_a_wrong_diagram_names_the_field(value: dict[str, Any], place: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        DiagramInput.model_validate(value)
    assert place in [error["loc"] for error in refused.value.errors()]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/etc/passwd", "absolute"),
        ("../up.png", "'..'"),
        ("a/../b.png", "'..'"),
        ("./a.png", "'.'"),
        ("a//b.png", "empty"),
        ("a/", "empty"),
        ("a\\b.png", "backslash"),
        ("a\x00.png", "control"),
        ("a\n.png", "control"),
        ("", "at least 1"),
        ("x" * 513, "at most 512"),
        ("é" * 200 + ".png", "255 bytes"),
        ("document.typ", "own"),
        (".nexusd-packages/preview/x", "own"),
        (".NEXUSD-embedded-1", "own"),
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        DocumentInput.model_validate({"source": "x", "files": {path: ASSET}})
    error = refused.value.errors()[0]
    assert error["loc"][0] == "files"
    assert reason in error["msg"]


def test_a_path_cannot_be_a_file_and_a_folder() -> None:
    with pytest.raises(ValidationError, match="cannot be a file and the folder"):
        DocumentInput.model_validate({"source": "x", "files": {"a/b": ASSET, "a": ASSET}})


def test_the_number_of_files_is_bounded() -> None:
    with pytest.raises(ValidationError, match="at most 500"):
        DocumentInput.model_validate({"source": "x", "files": {f"{n}.png": ASSET for n in range(FILES_MAX_COUNT + 1)}})


def test_the_examples_are_valid_and_the_schemas_can_be_shown() -> None:
    for spec in BUILT_IN:
        assert spec.examples
        for example in spec.examples.values():
            spec.input_model.model_validate(dict(example))
        assert spec.input_model.model_json_schema()["properties"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"pages": "1"}, "pages is for png and svg, and the format is pdf"),
        ({"ppi": 72, "format": "svg"}, "ppi is for png, and the format is svg"),
        ({"pdfStandard": "a-2b", "format": "png"}, "pdfStandard is for pdf, and the format is png"),
        ({"toc": True, "language": "typst"}, "toc is for Markdown"),
        ({"fontSize": 12, "source": "= Typst"}, "fontSize is for Markdown"),
        ({"pages": "one", "format": "png"}, "should match pattern"),
        ({"pages": "1,,2", "format": "png"}, "should match pattern"),
        ({"pages": "-", "format": "png"}, "should match pattern"),
        ({"pdfStandard": "a-9"}, "Input should be"),
        ({"ppi": 5000, "format": "png"}, "less than or equal to 1200"),
        ({"margin": "2cm; panic()"}, "should match pattern"),
        ({"margin": "2cm\n"}, "should match pattern"),
        ({"paper": "b9"}, "Input should be"),
        ({"fontSize": 100}, "less than or equal to 24"),
    ],
)
def test_an_option_that_cannot_be_is_refused(value: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        DocumentInput.model_validate({"source": "# Markdown", **value})


def test_options_in_camel_case_are_kept() -> None:
    value = {"pdfStandard": "a-2b", "fontSize": 12.0, "numberSections": True, "toc": True, "margin": "2.5cm", "embed": False}
    assert value.items() <= normalised(DocumentInput, {"source": "# x", **value}).items()
