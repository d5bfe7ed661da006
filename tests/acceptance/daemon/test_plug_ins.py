"""Renderers of one's own, in real daemons: README's package as it stands there, a broken one, tables of the settings."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.daemons import DEFAULT, JOBS, ROOT, Program, check_problem

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.slow

TEMPLATE_LINES_MAX = 30
REFUSED = 78


@dataclass
class Elsewhere(Program):
    """nexusd as another Python runs it."""

    module: str = "nexusd"
    python: str = sys.executable

    def argv(self, *arguments: str) -> list[str]:
        """Return the command line."""
        return [self.python, "-m", self.module, *arguments]


def template() -> dict[str, str]:
    """Return the files of README's package, by name."""
    text = (ROOT / "README.md").read_text("utf-8")
    return {found[1]: found[2] for found in re.finditer(r"^```\w+\n# (\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the Python of a virtual environment that has README's package, a broken one, and sees what is installed here."""
    base = tmp_path_factory.mktemp("scratch")
    venv.create(base / "venv", symlinks=True)
    python = str(base / "venv" / "bin" / "python")
    found = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, check=True
    )
    site = Path(found.stdout.decode().strip())
    (site / "here.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    package = base / "package"
    package.mkdir()
    for name, text in template().items():
        (package / name).write_text(text)
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--no-warn-script-location", str(package)], check=True)
    (site / "broken_renderer.py").write_text("import no_such_module\n")
    (site / "broken-1.dist-info").mkdir()
    (site / "broken-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (site / "broken-1.dist-info" / "entry_points.txt").write_text("[nexusd.renderers]\nbroken = broken_renderer:SPEC\n")
    return python


def configure(home: Path, text: str) -> None:
    (home / "config" / "nexusd").mkdir(parents=True, exist_ok=True)
    (home / "config" / "nexusd" / "config.toml").write_text(text)


def render(program: Program, client: httpx.Client, job_type: str, job_input: dict[str, Any]) -> bytes:
    """Render to the end; return the result."""
    answer = client.post(JOBS, json={"jobType": job_type, "input": job_input})
    assert answer.status_code == 202, answer.text
    job = program.follow_until(answer.json()["jobId"])
    assert job["status"] == "done", job
    return client.get(f"{DEFAULT}/assets/{job['resultAssetId']}/content").content


def test_the_template_is_short() -> None:
    files = template()
    assert set(files) == {"pyproject.toml", "nexusd_shout.py"}
    assert sum(len([line for line in text.splitlines() if line]) for text in files.values()) <= TEMPLATE_LINES_MAX


def test_readmes_package_renders_and_a_broken_one_is_told_of(home: Path, python: str) -> None:
    with Elsewhere(home, python=python) as program:
        program.start()
        with program.client() as client:
            assert render(program, client, "shout", {"source": "hello ", "times": 2}) == b"HELLO HELLO "
            listed = client.get("/v1/renderers").json()
            shout = {one["jobType"]: one for one in listed["items"]}["shout"]
            assert (shout["available"], shout["tools"], shout["version"]) == (
                True,
                {"nexusd-shout": "1.0"},
                "1 (nexusd-shout 1.0)",
            )
            assert {"diagram", "document"} <= {one["jobType"] for one in listed["items"]}
            [problem] = listed["problems"]
            assert (problem["name"], problem["package"]) == ("broken", "broken")
            assert problem["reason"] == "broken_renderer:SPEC: ModuleNotFoundError: No module named 'no_such_module'"
        assert "plug-in broken_renderer:SPEC skipped" in program.log
        assert program.stop() == 0


TABLES = """
[renderers.upper]
command = ["/bin/sh", "-c", 'tr a-z A-Z <"$1" >"$2"; echo 100%', "upper", "{input}", "{output}"]
extensions = [".low"]
outputs = ["*.txt"]
progress = '(\\d+)%'
description = "Upper case."
slots = 2

[renderers.online]
command = ["/bin/cp", "{input}", "{output}"]
extensions = [".x"]
outputs = ["*.txt"]
network = true

[renderers.manim]
command = ["no-such-manim", "{input}", "-o", "{output}"]
extensions = [".scene.py"]
outputs = ["*.mp4"]
"""


def test_a_table_renders_and_one_without_its_program_is_refused_at_submission(home: Path) -> None:
    configure(home, TABLES)
    with Program(home, module="nexusd") as program:
        program.start()
        with program.client() as client:
            assert render(program, client, "upper", {"source": "hello"}) == b"HELLO"
            upper = client.get("/v1/renderers/upper").json()
            assert (upper["available"], upper["description"], upper["outputs"]) == (True, "Upper case.", {".txt": "text/plain"})
            assert (upper["extensions"], upper["limits"]["slots"]) == ({".low": {}}, 2)
            assert render(program, client, "online", {"source": "allowed by its table"}) == b"allowed by its table"
            manim = client.get("/v1/renderers/manim").json()
            assert (manim["available"], manim["outputs"]) == (False, {".mp4": "video/mp4"})
            reason = "the program no-such-manim of [renderers.manim] is not on the PATH of nexusd"
            assert manim["unavailableReason"].startswith(reason)
            answer = client.post(JOBS, json={"jobType": "manim", "input": {"source": "x"}})
            problem = check_problem(answer, 422, "renderer-unavailable", {"/jobType"})
            assert "install it" in problem["detail"]
            batch = {"items": [{"jobType": "upper", "input": {"source": "x"}}, {"jobType": "manim", "input": {"source": "x"}}]}
            check_problem(client.post(f"{JOBS}/batch", json=batch), 422, "renderer-unavailable", {"/items/1/jobType"})
            assert client.get("/v1/status").json()["jobs"]["queued"] == 0
        assert program.stop() == 0


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[renderers.diagram]\ncommand = ['x']\nextensions = ['.x']\noutputs = ['*.y']\n", "renderers.diagram: nexusd has"),
        ("[renderers.x]\ncommand = ['x']\nextensions = ['.x']\n", "renderers.x.outputs: Field required"),
        ("[renderers.x]\ncommand = ['x']\nextensions = ['x']\noutputs = ['*.y']\n", "renderers.x.extensions.0"),
    ],
)
def test_a_mistake_keeps_the_daemon_from_starting(home: Path, table: str, said: str) -> None:
    configure(home, table)
    with Program(home, module="nexusd") as program:
        code, log = program.run()
        [line] = log.splitlines()
        assert (code, line.startswith("nexusd: "), said in line) == (REFUSED, True, True), line
        assert not program.socket.exists()
