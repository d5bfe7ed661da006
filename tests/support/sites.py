"""Where the code of nexusd does what a failpoint must stand beside, found by reading it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
MODULES: Final = [path for path in sorted((ROOT / "nexusd").rglob("*.py")) if path.name != "failpoints.py"]


def walk() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function, those inside of others too."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def find_calls(function: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call in a function, by the last part of the callee's name."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            callee = node.func
            if isinstance(callee, ast.Attribute):
                yield callee.attr, node
            elif isinstance(callee, ast.Name):
                yield callee.id, node


def find_points(function: ast.AST) -> dict[str, int]:
    """Return the points that a function is at, with their lines. Raises AssertionError for one that is not named in place."""
    found = {}
    for name, call in find_calls(function):
        if name in {"hit", "reach"} and ast.unparse(call.func).startswith("failpoints."):
            named = call.args[0]
            assert isinstance(named, ast.Constant), ast.unparse(call)
            found[str(named.value)] = call.lineno
    return found


def find_units() -> set[str]:
    """Return the name of every unit of work that is given to the writer."""
    return {
        ast.unparse(call.args[0]).rpartition(".")[2]
        for _, function in walk()
        for name, call in find_calls(function)
        if name == "write" and ast.unparse(call.func).endswith("database.write")
    }
