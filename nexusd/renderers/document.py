"""The definition of `document`: Markdown or Typst to PDF, or to a picture of each page.

Owns the input model and the limits. The work is done by `engines.document`, which only the child imports.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from nexusd.contract.base import Request
from nexusd.renderers.document_language import EXTENSIONS, language_of_text
from nexusd.renderers.inputs import Files, Source, check_folders
from nexusd.renderers.spec import RendererSpec, engine_command

RESERVED_NAMES: Final = ("document.typ", ".nexusd")  # the source itself, and the prefix of what the engine adds
LOOKS: Final = ("paper", "landscape", "margin", "font", "font_size", "theme", "toc", "number_sections", "embed")
"""A Typst source says these things itself."""
PdfStandard = Literal[
    "1.4", "1.5", "1.6", "1.7", "2.0", "a-1a", "a-1b", "a-2a", "a-2b", "a-2u", "a-3a", "a-3b", "a-3u", "a-4", "a-4e", "a-4f",
    "ua-1",
]  # fmt: skip
Paper = Literal["a3", "a4", "a5", "a6", "us-letter", "us-legal"]
PAGE_RANGE: Final = r" *(?:[0-9]{1,6}(?: *- *[0-9]{0,6})?|- *[0-9]{1,6}) *"
PageRanges = Annotated[str, StringConstraints(max_length=1000, pattern=f"^{PAGE_RANGE}(?:,{PAGE_RANGE})*$")]
Length = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}(?:\.[0-9]{1,3})?(?:mm|cm|in|pt)$")]


class DocumentInput(Request):
    """A document in Markdown (CommonMark with tables, task lists, footnotes, mathematics, front matter) or Typst.

    What an option leaves open, the front matter of a Markdown document may say: `title`, `author`, `date`, `abstract`, `lang`,
    `toc`, `toc-depth`, `number-sections`, `papersize`, `landscape`, `margin`, `fontsize`, `font`, `theme`.
    """

    language: Literal["markdown", "typst"] | None = Field(
        default=None, description="Left out, it is inferred: from the text, or from the name or content of the asset."
    )
    source: Source
    format: Literal["pdf", "png", "svg"] = Field(default="pdf", description="png and svg give one file for each page.")
    files: Files = Field(default_factory=dict)
    pages: PageRanges | None = Field(default=None, description="For png and svg, which pages: 1-3,7,9-")
    ppi: float | None = Field(default=None, ge=18, le=1200, description="For png, pixels per inch: 144.")
    pdf_standard: PdfStandard | None = Field(default=None, description="For pdf: a-2b is for archives, ua-1 for everyone.")
    paper: Paper | None = Field(default=None, description="a4")
    landscape: bool | None = None
    margin: Length | None = Field(default=None, description="On all sides, such as 2cm.")
    font: Literal["serif", "sans"] | None = Field(default=None, description="serif")
    font_size: float | None = Field(default=None, ge=6, le=24, description="Of the text, in points: 10.5.")
    theme: Literal["light", "dark"] | None = Field(default=None, description="light")
    toc: bool | None = Field(default=None, description="Whether a table of contents stands before the text.")
    number_sections: bool | None = None
    embed: bool | None = Field(
        default=None, description="Whether d2, dot, mermaid, vega-lite and vega fences are drawn (they are) or shown as code."
    )

    @field_validator("files")
    @classmethod
    def _check_places(cls, files: Files) -> Files:
        """Refuse what cannot lie in one folder with the document."""
        for path in files:
            if path.casefold().startswith(RESERVED_NAMES):
                raise ValueError(f"{path!r}: this name is the document's own")
        return check_folders(files)

    @model_validator(mode="after")
    def _infer_language(self) -> DocumentInput:
        """Name the language of a text, so that the stored input does."""
        if self.language is None and isinstance(self.source, str):
            self.language = language_of_text(self.source)
        return self

    @model_validator(mode="after")
    def _check_options(self) -> DocumentInput:
        """Refuse options that could do nothing: they would be lost in silence."""
        for field, formats in (("pages", ("png", "svg")), ("ppi", ("png",)), ("pdf_standard", ("pdf",))):
            if getattr(self, field) is not None and self.format not in formats:
                raise ValueError(f"{wire(field)} is for {' and '.join(formats)}, and the format is {self.format}")
        for field in LOOKS:
            if getattr(self, field) is not None and self.language == "typst":
                raise ValueError(f"{wire(field)} is for Markdown; a Typst source sets it itself")
        return self


def wire(field: str) -> str:
    """Return the name of a field as the wire has it."""
    alias = DocumentInput.model_fields[field].alias
    return alias or field


DOCUMENT: Final = RendererSpec(
    job_type="document",
    description="Documents from Markdown or Typst: tables, code, mathematics, diagrams, footnotes, images.",
    input_model=DocumentInput,
    outputs={".pdf": "application/pdf", ".png": "image/png", ".svg": "image/svg+xml"},
    command=engine_command("nexusd.renderers.engines.document:render"),
    own_version="2",
    tools=("typst", "markdown-it-py", "mdit-py-plugins", "tylax"),
    default_timeout_seconds=120.0,
    examples={
        "markdown": {"language": "markdown", "source": "# Hello\n\nA *first* document.\n", "format": "pdf"},
        "mathematics": {"language": "markdown", "source": "$$\\int_0^1 x^2 \\, dx = \\frac{1}{3}$$\n", "format": "png"},
        "typst": {"language": "typst", "source": "= Hello\n\nA _first_ document.\n", "format": "svg"},
    },
    extensions={extension: {"language": language} for extension, language in EXTENSIONS.items()},
    spares=1,
)
