"""One table `[renderers.NAME]` of the settings: a program that is a renderer, and what is refused by looking at the table.

Owns the shape of the table and its checks. Leaves out whether the program is there (`renderers.own`), and the run itself
(`renderers.engines.program`).

Invariant: a table that is accepted makes a renderer, whatever is installed; a mistake names its key.
"""

from __future__ import annotations

import mimetypes
import os
import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from nexusd.domain.placeholders import PLACEHOLDER

MEBIBYTE: Final = 1024 * 1024
TIMEOUT_MAX_SECONDS: Final = 86_400
PLACEHOLDERS: Final = ("input", "output", "format")
"""What an argument may name besides the table's own options."""
EXTENSION: Final = re.compile(r"\.[a-z0-9][a-z0-9.]{0,15}")
NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
OPTION: Final = re.compile(r"[a-z][A-Za-z0-9]{0,62}")
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED_OPTIONS: Final = frozenset({"source", "files", "format", "extension", *PLACEHOLDERS})
RESERVED_VARIABLES: Final = frozenset({"HOME", "TMPDIR"})
UNKNOWN_TYPE: Final = "application/octet-stream"
MORE_TYPES: Final = {".avif": "image/avif", ".webp": "image/webp", ".webm": "video/webm", ".md": "text/markdown"}
"""What not every Python knows."""


def _check_extension(extension: str) -> str:
    if not EXTENSION.fullmatch(extension):
        raise ValueError(f"{extension!r} is no file extension such as '.py', in small letters")
    return extension


def _check_glob(glob: str) -> str:
    path = PurePosixPath(glob)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{glob!r} must stay in the work folder: no leading / and no ..")
    if not EXTENSION.fullmatch(path.suffix):
        raise ValueError(f"{glob!r} must end in an extension in small letters, such as '*.mp4'")
    return glob


def _check_variable(name: str) -> str:
    if not VARIABLE.fullmatch(name) or name in RESERVED_VARIABLES or name.startswith("NEXUSD_"):
        raise ValueError(f"{name!r} is no name of an environment variable that can be passed on")
    return name


def _check_folder(folder: Path) -> Path:
    found = Path(os.path.expanduser(folder))
    if not found.is_absolute():
        raise ValueError(f"{str(folder)!r} must be an absolute path, or begin with ~/")
    return found


def _check_progress(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    if groups not in (1, 2):
        raise ValueError(f"{pattern!r} has {groups} groups; it takes one (a percentage or a fraction) or two (done and total)")
    return pattern


def _check_program(command: list[str]) -> list[str]:
    program = command[0]
    if not program or PLACEHOLDER.search(program) or ("/" in program and not program.startswith(("/", "~/"))):
        raise ValueError(f"the program {program!r} must be a name on the PATH or an absolute path")
    return [os.path.expanduser(program), *command[1:]]


Option = StrictBool | StrictInt | StrictFloat | StrictStr
Extension = Annotated[str, AfterValidator(_check_extension)]
Glob = Annotated[str, AfterValidator(_check_glob)]
ContentType = Annotated[str, Field(pattern=r"^[a-z]+/[A-Za-z0-9.+-]+(; ?[a-z]+=[A-Za-z0-9-]+)?$")]


class RendererTable(BaseModel):
    """A program that renders. Sizes are bytes, times are seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: Annotated[list[str], Field(min_length=1), AfterValidator(_check_program)]
    """The program and its arguments; `{input}` `{output}` `{format}` and the options stand for their values. No shell."""
    outputs: Annotated[dict[Glob, ContentType], Field(min_length=1)]
    """What of the files that it leaves are results: globs, or a table of globs and content types. The first is the default."""
    extensions: Annotated[list[Extension], Field(min_length=1)]
    """The files that it takes; the first is what a source without a name gets."""
    description: Annotated[str, Field(max_length=1000)] = ""
    options: dict[str, Option] = {}
    """Names of its own fields of the input, with their defaults, whose types they have."""
    progress: Annotated[str, AfterValidator(_check_progress)] | None = None
    """What in a line of its output tells how far it is."""
    timeout_seconds: Annotated[float, Field(gt=0, le=TIMEOUT_MAX_SECONDS)] = 600
    slots: Annotated[int, Field(ge=1, le=1024)] = 1
    memory_max_bytes: Annotated[int, Field(ge=16 * MEBIBYTE)] = 2048 * MEBIBYTE
    environment: list[Annotated[str, AfterValidator(_check_variable)]] = []
    """Which variables of the daemon's own environment it gets."""
    reads: list[Annotated[Path, AfterValidator(_check_folder)]] = []
    """What it can read besides the system."""
    network: bool = False

    @model_validator(mode="before")
    @classmethod
    def _accept_globs(cls, given: object) -> object:
        """Take outputs as a list too, which is what people write."""
        if isinstance(given, dict) and isinstance(given.get("outputs"), list):
            return {**given, "outputs": {glob: guess_type(glob) for glob in map(str, given["outputs"])}}
        return given

    @model_validator(mode="after")
    def _check_names(self) -> RendererTable:
        """Refuse options and placeholders that mean nothing."""
        for name, default in self.options.items():
            if not OPTION.fullmatch(name) or name in RESERVED_OPTIONS:
                raise ValueError(f"options: {name!r} cannot be the name of an option; write quality or frameRate, say")
            if isinstance(default, str) and not is_harmless(default):
                raise ValueError(f"options: the default of {name} must not begin with - or hold control characters")
        known = (*PLACEHOLDERS, *self.options)
        for argument in self.command[1:]:
            for found in PLACEHOLDER.finditer(argument):
                if found[1] is not None and found[1] not in known:
                    names = " ".join(f"{{{name}}}" for name in known)
                    raise ValueError(f"command: {found[0]} stands for nothing; there are {names}, and {{{{ is a brace")
        return self

    @property
    def has_format(self) -> bool:
        """Whether the input says which of several outputs is wanted: when the command can pass it on."""
        asked = {found[1] for argument in self.command for found in PLACEHOLDER.finditer(argument)}
        return len(self.output_types) > 1 and not asked.isdisjoint({"output", "format"})

    @property
    def output_types(self) -> dict[str, str]:
        """The extensions of the outputs, and what they stand for."""
        found: dict[str, str] = {}
        for glob, content_type in self.outputs.items():
            found.setdefault(PurePosixPath(glob).suffix, content_type)
        return found


def is_harmless(text: str) -> bool:
    """Whether a value can be an argument and be taken for nothing else."""
    return not text.startswith("-") and text.isprintable()


def guess_type(name: str) -> str:
    """Return the content type of a name's extension, the same on every machine."""
    return _types().guess_type(f"file{PurePosixPath(name).suffix}", strict=False)[0] or MORE_TYPES.get(
        PurePosixPath(name).suffix, UNKNOWN_TYPE
    )


@cache
def _types() -> mimetypes.MimeTypes:
    return mimetypes.MimeTypes()
