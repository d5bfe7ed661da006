"""The inputs of the built-in renderers: what is taken, what is refused, and which field is named."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from nexusd.renderers.diagram import DiagramInput
from nexusd.renderers.document import DocumentInput
from nexusd.renderers.inputs import FILES_MAX_COUNT
from nexusd.renderers.registry import BUILT_IN

ASSET = {"$asset": "0198c0de"}


def normalised(model: type[DiagramInput] | type[DocumentInput], value: dict[str, Any]) -> dict[str, Any]:
    return model.model_validate(value).model_dump(by_alias=True, mode="json")


def test_a_diagram_has_defaults() -> None:
    assert normalised(DiagramInput, {"source": "a -> b"}) == {"language": "d2", "source": "a -> b", "format": "svg"}


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
        ({"source": "a", "language": "dot"}, ("language",)),
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
