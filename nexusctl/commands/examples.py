"""The examples that renderers bring: which there are, and what rendering one takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexusctl.client.material import Material, merge
from nexusctl.commands.render import Plan, Wish
from nexusctl.errors import UsageError
from nexusctl.kinds import kind_of
from nexusctl.output.files import STDOUT, Target
from nexusctl.output.table import Cell, format_table
from nexusctl.output.text import clean_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexusctl.output.screen import Style
    from nexusd.contract.status import Renderer

LIST: Final = "list"


def find(renderers: Sequence[Renderer], name: str, job_type: str | None) -> Renderer:
    """Return the renderer that has an example of this name. Raises UsageError."""
    found = [one for one in renderers if name in one.examples and job_type in (None, one.job_type)]
    if len(found) == 1:
        return found[0]
    if found:
        types = ", ".join(one.job_type for one in found)
        raise UsageError(f"several renderers have an example {name}: {types}", hint="name one with --type JOB_TYPE")
    of = "" if job_type is None else f" of {job_type}"
    raise UsageError(f"there is no example {name}{of}", hint="see which there are with: nexusctl render --example list")


def make_plan(renderer: Renderer, name: str, wish: Wish) -> Plan:
    """Return what rendering an example takes: its input, with what the command line sets. Raises UsageError."""
    job_input = merge(renderer.examples[name], wish.given)
    wanted = (
        kind_of(renderer).find_format(Path(wish.out).suffix)
        if wish.out not in (None, STDOUT) and Path(wish.out).suffix
        else None
    )
    if wanted is not None and "format" not in wish.given:
        job_input["format"] = wanted
    named = str(job_input.get("format", ""))
    extension = f".{named}" if f".{named}" in renderer.outputs else next(iter(renderer.outputs))
    default = f"{clean_line(name).replace(' ', '-').replace('/', '-').lstrip('.-') or 'example'}{extension}"
    if wish.out == STDOUT:
        target = Target(None)
    elif wish.out is None:
        target = Target(Path(default))
        if Path(default).exists():
            raise UsageError(f"{default} exists already", hint="say where the result goes with -o FILE")
    elif os.path.isdir(wish.out) or wish.out.endswith("/"):
        target = Target(Path(wish.out, default), folder=Path(wish.out))
    else:
        target = Target(Path(wish.out))
    target.check()
    return Plan(Material(renderer.job_type, job_input, name=name), target)


def format_examples(renderers: Sequence[Renderer], job_type: str | None, style: Style) -> str:
    """Return the table of `render --example list`."""
    rows = [
        [Cell(clean_line(name)), Cell(clean_line(one.job_type)), Cell(clean_line(str(example.get("format", ""))))]
        for one in renderers
        if job_type in (None, one.job_type)
        for name, example in one.examples.items()
    ]
    return format_table(["EXAMPLE", "TYPE", "FORMAT"], rows, style)
