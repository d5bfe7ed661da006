"""The definition of `document`: Markdown or Typst to PDF.

Owns the input model and the limits. The work is done by `engines.document`, which only the child imports.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, field_validator

from nexusd.contract.base import Request
from nexusd.renderers.inputs import Files, Source
from nexusd.renderers.spec import RendererSpec, engine_command

RESERVED_NAMES: Final = ("document.typ", ".nexusd")  # the source itself, and the prefix of what the engine adds


class DocumentInput(Request):
    """A document in Markdown (CommonMark with tables, task lists, footnotes, front matter) or Typst."""

    language: Literal["markdown", "typst"] = "markdown"
    source: Source
    format: Literal["pdf"] = "pdf"
    files: Files = Field(default_factory=dict)

    @field_validator("files")
    @classmethod
    def _check_places(cls, files: Files) -> Files:
        """Refuse what cannot lie in one folder with the document."""
        for path in files:
            if path.casefold().startswith(RESERVED_NAMES):
                raise ValueError(f"{path!r}: this name is the document's own")
            for end in (position for position, character in enumerate(path) if character == "/"):
                if path[:end] in files:
                    raise ValueError(f"{path[:end]!r} cannot be a file and the folder of {path!r}")
        return files


DOCUMENT: Final = RendererSpec(
    job_type="document",
    description="Documents from Markdown or Typst: tables, code, lists, quotes, links, images.",
    input_model=DocumentInput,
    outputs={".pdf": "application/pdf"},
    command=engine_command("nexusd.renderers.engines.document:render"),
    tools=("typst", "markdown-it-py", "mdit-py-plugins"),
    default_timeout_seconds=120.0,
    examples={"markdown": {"language": "markdown", "source": "# Hello\n\nA *first* document.\n", "format": "pdf"}},
    extensions={
        ".md": {"language": "markdown"},
        ".markdown": {"language": "markdown"},
        ".typ": {"language": "typst"},
    },
)
