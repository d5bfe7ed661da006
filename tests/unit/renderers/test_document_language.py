"""Markdown or Typst, by name and by content."""

from __future__ import annotations

import pytest

from nexusd.renderers.document import DocumentInput
from nexusd.renderers.document_language import language_of_name, language_of_text


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "markdown"),
        ("Just words.", "markdown"),
        ("# Title\n\ntext", "markdown"),
        ("---\ntitle: x\n---\n= no", "markdown"),
        ("Title\n=====\n\ntext", "markdown"),
        ("```typst\n#set page(width: 1cm)\n```\n\n# Title", "markdown"),
        ("| a |\n|---|", "markdown"),
        ("#hashtag first", "markdown"),
        ("= Title\n\ntext", "typst"),
        ("// comment\n#set page(width: 1cm)\nx", "typst"),
        ('#import "lib.typ": *', "typst"),
        ("text\n\n#align(center)[x]", "typst"),
        ("#let x = 1\n# not a heading", "typst"),
    ],
)
def test_the_language_of_a_text(text: str, language: str) -> None:
    assert language_of_text(text) == language
    assert DocumentInput.model_validate({"source": text}).language == language


@pytest.mark.parametrize(
    ("name", "language"), [("a/b.MD", "markdown"), ("x.typ", "typst"), ("x.markdown", "markdown"), ("x", None)]
)
def test_the_language_of_a_name(name: str, language: str | None) -> None:
    assert language_of_name(name) == language


def test_a_language_that_is_named_wins() -> None:
    assert DocumentInput.model_validate({"source": "= x", "language": "markdown"}).language == "markdown"
    assert DocumentInput.model_validate({"source": {"$asset": "1"}}).language is None
