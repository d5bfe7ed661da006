"""Renderers of one's own: what a table `[renderers.NAME]` of the settings becomes.

Owns the input model, the search for the program, and what the sandbox must show of it. The run is `engines.program`'s, which
gets the table in its environment. A program is looked for once, on the daemon's PATH, when the daemon starts.

Invariant: making the renderer never fails for want of the program; `unavailable_reason` says what to install.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, create_model, field_validator

from nexusd.contract.base import Request
from nexusd.renderer_tables import is_harmless
from nexusd.renderers.inputs import Files, Source, check_folders
from nexusd.renderers.job import ASSETS_NAME, INPUT_NAME, OUT_NAME, PROGRAM_VARIABLE, SOURCE_STEM, TEMPORARY_NAME
from nexusd.renderers.spec import RendererSpec, engine_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nexusd.renderer_tables import RendererTable

ENGINE: Final = "nexusd.renderers.engines.program:render"
SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib64")
"""What every sandbox shows."""
VERSION_LENGTH: Final = 12
RESERVED_NAMES: Final = frozenset({INPUT_NAME, OUT_NAME, ASSETS_NAME, TEMPORARY_NAME})


class ProgramInput(Request):
    """What every program takes."""

    source: Source
    files: Files = Field(default_factory=dict)

    @field_validator("files")
    @classmethod
    def _check_places(cls, files: Files) -> Files:
        """Refuse what cannot lie in one folder with the source, or would be something else there."""
        for path in files:
            top = path.partition("/")[0].casefold()
            if top in RESERVED_NAMES or top.startswith(f"{SOURCE_STEM}."):
                raise ValueError(f"{path!r}: this name is taken in the work folder")
        return check_folders(files)


def make_specs(tables: Mapping[str, RendererTable]) -> list[RendererSpec]:
    """Return the renderers of the settings."""
    return [make_spec(job_type, table) for job_type, table in tables.items()]


def make_spec(job_type: str, table: RendererTable) -> RendererSpec:
    """Return one renderer. Blocks: the program is looked for."""
    found = shutil.which(table.command[0])
    program = os.path.abspath(found) if found else None
    folders = tuple(str(folder) for folder in table.reads)
    kept = {name: os.environ[name] for name in table.environment if name in os.environ}
    return RendererSpec(
        job_type=job_type,
        description=table.description or f"What {Path(table.command[0]).name} makes of {' '.join(table.extensions)}.",
        input_model=make_input_model(job_type, table),
        outputs=table.output_types,
        command=engine_command(ENGINE),
        own_version=hashlib.sha256(table.model_dump_json().encode()).hexdigest()[:VERSION_LENGTH],
        default_timeout_seconds=table.timeout_seconds,
        memory_max_bytes=table.memory_max_bytes,
        environment={
            "PYTHONUNBUFFERED": "1",  # the log is read while it is written
            **kept,
            PROGRAM_VARIABLE: json.dumps(_for_engine(job_type, table, program or table.command[0])),
        },
        reads=(*folders, *(find_needs(program) if program else ())),
        network=table.network,
        slots=table.slots,
        missing=_missing(job_type, table, program),
        extensions={extension: _implied(table, extension) for extension in table.extensions},
    )


def make_input_model(job_type: str, table: RendererTable) -> type[Request]:
    """Return the model of the input: the shape that all share, then the program's options."""
    fields: dict[str, Any] = {}
    if len(table.extensions) > 1:
        known = Literal[tuple(table.extensions)]  # type: ignore[valid-type]
        fields["extension"] = (known | None, Field(default=None, description="Of the source; else that of the asset."))
    if table.has_format:
        formats = tuple(extension.removeprefix(".") for extension in table.output_types)
        fields["format"] = (Literal[formats], formats[0])
    for name, default in table.options.items():
        kind: Any = type(default)
        fields[name] = (Annotated[kind, AfterValidator(_check_harmless)] if kind is str else kind, default)
    return create_model(f"{job_type.title().replace('-', '').replace('_', '')}Input", __base__=ProgramInput, **fields)


def find_needs(program: str) -> tuple[str, ...]:
    """Return what the sandbox must show for a program to start: itself, and the Python environment that it is part of."""
    real = os.path.realpath(program)
    needs = [program, real]
    for folder in dict.fromkeys((Path(program).parents[1:2], Path(real).parents[1:2])):
        for prefix in folder:
            if (configuration := prefix / "pyvenv.cfg").is_file():
                needs += [str(prefix), *_read_home(configuration)]
    return tuple(dict.fromkeys(path for path in needs if not path.startswith(tuple(f"{top}/" for top in SYSTEM))))


def _read_home(configuration: Path) -> list[str]:
    """Return where the Python is that a virtual environment was made with. Source: PEP 405."""
    for line in configuration.read_text("utf-8", "replace").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "home":
            return [str(Path(value.strip()).parent)]
    return []


def _implied(table: RendererTable, extension: str) -> dict[str, Any]:
    return {"extension": extension} if len(table.extensions) > 1 else {}


def _for_engine(job_type: str, table: RendererTable, program: str) -> dict[str, Any]:
    return {
        "name": job_type,
        "command": [program, *table.command[1:]],
        "extensions": table.extensions,
        "outputs": {glob: PurePosixPath(glob).suffix for glob in table.outputs},
        "progress": table.progress,
    }


def _missing(job_type: str, table: RendererTable, program: str | None) -> Callable[[], str | None]:
    """Return what says why the program cannot run here."""

    def missing() -> str | None:
        wanted = table.command[0]
        if program is not None and not os.access(program, os.X_OK):
            return f"the program {program} of [renderers.{job_type}] has gone or cannot be run: install it again"
        if program is None and shutil.which(wanted) is not None:
            return f"the program {wanted} of [renderers.{job_type}] was installed after nexusd started: restart nexusd"
        if program is None:
            where = "does not exist" if "/" in wanted else "is not on the PATH of nexusd"
            return f"the program {wanted} of [renderers.{job_type}] {where}: install it, or correct the command"
        for folder in table.reads:
            if not folder.exists():
                return f"{folder}, which [renderers.{job_type}] reads, does not exist: make it, or correct reads"
        return None

    return missing


def _check_harmless(text: str) -> str:
    if not is_harmless(text):
        raise ValueError("must not begin with - or hold control characters")
    return text
