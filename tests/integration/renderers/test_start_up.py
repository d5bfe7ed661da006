"""What a child and the daemon load: every import is paid for by every job, and no engine belongs into the daemon."""

from __future__ import annotations

import resource
import subprocess
from typing import TYPE_CHECKING

import pytest

from nexusd.renderers.diagram import DIAGRAM
from nexusd.renderers.document import DOCUMENT
from nexusd.renderers.image import IMAGE
from tests.integration.renderers.children import ENVIRONMENT, python

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.spec import RendererSpec

DAEMONS = {"pydantic", "sqlmodel", "sqlalchemy", "trio", "httpx", "fastapi", "h11"}
ENGINES = {"typst", "markdown_it", "mdit_py_plugins", "fontTools", "PIL", "resvg_py", "nexusd.renderers.engines"}


def loaded(code: str) -> set[str]:
    return set(python(f"import sys\n{code}\nprint(*sys.modules)").split())


@pytest.mark.parametrize("engine", ["d2", "document", "image", "svg_safety"])
def test_a_child_loads_nothing_of_the_daemon(engine: str) -> None:
    modules = loaded(f"import nexusd.renderers.child, nexusd.renderers.engines.{engine}")
    assert not modules & (DAEMONS | {"dataclasses", "asyncio", "email", "importlib.metadata", "logging"})


def test_an_svg_needs_no_typst() -> None:
    assert not loaded("import nexusd.renderers.engines.d2") & ENGINES - {"nexusd.renderers.engines"}


def test_the_package_itself_loads_nothing() -> None:
    assert {name for name in loaded("import nexusd.renderers") if name.startswith("nexusd")} == {"nexusd", "nexusd.renderers"}


@pytest.mark.slow
def test_the_daemon_loads_no_engine() -> None:
    assert not loaded("from nexusd.renderers.registry import Registry\nRegistry.load()") & ENGINES


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "form"), [(DIAGRAM, "svg"), (DIAGRAM, "png"), (DIAGRAM, "pdf"), (DOCUMENT, "pdf"), (IMAGE, "png"), (IMAGE, "pdf")]
)
def test_every_renderer_works_within_its_memory(tmp_path: Path, spec: RendererSpec, form: str) -> None:
    given = spec.input_model.model_validate({**next(iter(spec.examples.values())), "format": form}).model_dump_json(
        by_alias=True
    )
    (tmp_path / "input.json").write_text(given)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (spec.memory_max_bytes, spec.memory_max_bytes))

    done = subprocess.run(spec.command({}), cwd=tmp_path, env=ENVIRONMENT, capture_output=True, preexec_fn=limit, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(list((tmp_path / "out").iterdir())) == 1
