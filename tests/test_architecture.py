"""The shape of the code: what no reader should have to check by eye. The layers are checked by import-linter."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULE_MAX_LINES = 400
FUNCTION_MAX_LINES = 60
FROZEN = ROOT / "nexusd/store/migrations/versions"
MODULES = sorted(path for package in ("nexusd", "nexusctl") for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TOP_LEVEL = {"LICENSE", "README.md", "nexusctl", "nexusd", "pyproject.toml", "requirements.lock", "systemd", "tests"}


def name(path: Path) -> str:
    """A path as test ids show it."""
    return str(path.relative_to(ROOT))


def parse(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text("utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_module_says_what_it_owns_and_stays_small(path: Path) -> None:
    assert ast.get_docstring(parse(path)), "has no docstring"
    assert len(path.read_text("utf-8").splitlines()) <= MODULE_MAX_LINES


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_public_definitions_are_documented_and_functions_stay_short(path: Path) -> None:
    for node in ast.walk(parse(path)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        assert (node.end_lineno or 0) - node.lineno < FUNCTION_MAX_LINES, f"{node.name} is too long"
    for public in public_definitions(parse(path)):
        if path.parent != FROZEN:
            assert ast.get_docstring(public), f"{public.name} has no docstring"


def public_definitions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """The functions and classes that other modules may use, and the public methods of those classes."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    top = [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
    methods = [
        node
        for parent in top
        if isinstance(parent, ast.ClassDef)
        for node in parent.body
        if isinstance(node, kinds) and not node.name.startswith("_") and not is_overload(node)
    ]
    return [*top, *methods]


def is_overload(node: ast.AST) -> bool:
    """Whether a definition is only a signature for the type checker."""
    decorators = getattr(node, "decorator_list", [])
    return any(isinstance(decorator, ast.Name) and decorator.id == "overload" for decorator in decorators)


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_tests_neither_sleep_nor_skip_nor_retry(path: Path) -> None:
    if path == Path(__file__) or "benchmarks" in path.parts:
        return
    text = path.read_text("utf-8")
    for word in ("mark.skip(", "xfail", "importorskip", "flaky", "unittest.mock"):
        assert word not in text, f"{word} has no place in a test here"
    for line in text.splitlines():
        if "pytest.skip(" in line or "mark.skipif(" in line:
            assert "root" in line, "only what needs root, or needs not to be root, may be left out"
    if path.name.startswith("test_"):
        assert not [node for node in ast.walk(parse(path)) if is_sleep(node)], "waits for a time instead of an event"


def is_sleep(node: ast.AST) -> bool:
    """Whether this is a call of time.sleep. Not trio's: tests of deadlines and drips are about time, and clocks may jump."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep"


def test_top_level_holds_what_was_agreed_and_nothing_else() -> None:
    ignored = {line.strip().strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    found = {entry.name for entry in ROOT.iterdir() if not entry.name.startswith(".")}
    assert {entry for entry in found - ignored if not entry.endswith(".egg-info")} == TOP_LEVEL
