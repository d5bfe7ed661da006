"""What a child and the daemon load: every import is paid for by every job, and no engine belongs into the daemon."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nexusd.renderers.diagram import DIAGRAM
from nexusd.renderers.document import DOCUMENT
from nexusd.renderers.image import IMAGE
from nexusd.renderers.registry import BUILT_IN
from nexusd.renderers.video import VIDEO
from tests.integration.renderers.children import ENVIRONMENT, python

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.spec import RendererSpec

DAEMONS = {"pydantic", "sqlmodel", "sqlalchemy", "trio", "httpx", "fastapi", "h11"}
ENGINES = {
    *("typst", "tylax", "markdown_it", "mdit_py_plugins", "fontTools", "nexusd.renderers.engines"),
    *("mermaidx", "mermaid_render", "novasvg", "quickjs", "vl_convert", "arro3", "resvg_py", "PIL", "coloraide", "av"),
}
UNFORKED = """
import sys
forks = []
sys.addaudithook(lambda name, _: forks.append(name) if name in ("os.fork", "os.forkpty") else None)
from nexusd.renderers import child
engine = child.load(sys.argv[1])
warm = getattr(sys.modules[engine.__module__], "warm", None)
if warm is not None:
    warm()
code = child.run(sys.argv[1])
print(code, forks)
"""
EXAMPLES = {f"{spec.job_type}-{name}": (spec, example) for spec in BUILT_IN for name, example in spec.examples.items()}


def loaded(code: str) -> set[str]:
    return set(python(f"import sys\n{code}\nprint(*sys.modules)").split())


@pytest.mark.parametrize(
    "engine", ["d2", "dot", "mermaid", "diagram", "document", "chart", "theme", "image", "svg_safety", "video"]
)
def test_a_child_loads_nothing_of_the_daemon(engine: str) -> None:
    modules = loaded(f"import nexusd.renderers.child, nexusd.renderers.engines.{engine}")
    assert not modules & (DAEMONS | {"dataclasses", "asyncio", "email", "importlib.metadata", "logging"})


@pytest.mark.parametrize("engine", ["d2", "dot", "mermaid", "diagram", "image", "video", "svg_safety"])
def test_an_svg_needs_no_typst(engine: str) -> None:
    assert not loaded(f"import nexusd.renderers.engines.{engine}") & ENGINES - {"nexusd.renderers.engines"}


def test_the_package_itself_loads_nothing() -> None:
    assert {name for name in loaded("import nexusd.renderers") if name.startswith("nexusd")} == {"nexusd", "nexusd.renderers"}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_is_forked_where_an_engine_was_used(tmp_path: Path, name: str) -> None:
    """A copy of a process in which V8, QuickJS or Typst has threads would hang: whoever has used one starts programs only."""
    spec, example = EXAMPLES[name]
    (tmp_path / "tmp").mkdir()
    given = spec.input_model.model_validate(dict(example)).model_dump(mode="json", by_alias=True)
    (tmp_path / "input.json").write_text(json.dumps(given))
    argv = [sys.executable, "-I", "-c", UNFORKED, spec.command(given)[-1]]
    done = subprocess.run(argv, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("0 []\n", 0), done.stderr


@pytest.mark.slow
def test_the_daemon_loads_no_engine() -> None:
    assert not loaded("from nexusd.renderers.registry import Registry\nRegistry.load()") & ENGINES


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "form"),
    [
        *((DIAGRAM, form) for form in ("svg", "png", "pdf")),
        (DOCUMENT, "pdf"),
        *((IMAGE, form) for form in ("png", "pdf")),
        (VIDEO, "mp4"),
    ],
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
