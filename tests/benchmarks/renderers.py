"""What a job adds to its tool: each family's attempt, from the claim to the outcome, beside the tool alone.

An attempt is measured by its own row: claim, work directory, sandbox, render, results hashed and stored, outcome. Three ways:

- *with a spare*: the daemon had time to make one. Its floor is the same engine in one process that is warm already; for D2
  and Graphviz, which are programs, the bare program.
- *cold*: spares are off. Its floor is the child's command line by itself, started in an empty folder: no daemon, no sandbox.
- `nexusctl render`: the whole process, with a daemon that runs and a spare.

Nothing else is done meanwhile, and every figure is the median of a round's jobs.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.registry import BUILT_IN
from nexusd.renderers.tools import find_d2, find_graphviz
from tests.benchmarks import probe
from tests.benchmarks.client import Connection, compose
from tests.benchmarks.programs import open_daemon, python, run_to_end
from tests.benchmarks.report import Line, Samples, Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.benchmarks.programs import Program, Scratch

JOBS_A_ROUND: Final = 5
SPARE_SECONDS: Final = 30
WITHOUT_SPARES: Final = {"NEXUSD_SPARES_MEMORY_MAX_BYTES": "0"}
FLOW: Final = (
    "direction: right\nclient -> gateway: HTTPS\ngateway -> orders\norders -> database: SQL\norders -> queue: events\n"
)
DOT: Final = "digraph { rankdir=LR; client -> gateway -> orders; orders -> database; orders -> queue -> worker -> database }"
MERMAID: Final = "flowchart LR\n  client --> gateway --> orders --> database\n  orders --> queue --> worker --> database\n"
TYPST: Final = "= Report\n" + "#lorem(200)\n\n#table(columns: 3, [a], [b], [c], [1], [2], [3])\n" * 3
MARKDOWN: Final = "# Report\n\n" + "Some *words* and `code`, again and again. " * 40 + "\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
CHART: Final = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "data": {"values": [{"month": month, "sales": month * month % 7} for month in range(1, 13)]},
    "mark": "bar",
    "encoding": {"x": {"field": "month", "type": "ordinal"}, "y": {"field": "sales", "type": "quantitative"}},
}
LOGO: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="240" height="240"><circle cx="120" cy="120" r="90" fill="teal"/></svg>'
)
FILM: Final = {
    "width": 640,
    "height": 360,
    "fps": 15,
    "slides": [{"color": "#204060", "title": "One", "durationSeconds": 1}, {"color": "#602040", "durationSeconds": 1}],
}
IN_PROCESS: Final = """
import os, sys, time
from pathlib import Path
from nexusd.renderers import child
from nexusd.renderers.job import open_job
engine, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
render = child.load(engine)
warm = getattr(sys.modules[render.__module__], "warm", None)
if warm is not None:
    warm()
for number in range(count + 1):
    workdir = folder / str(number)
    (workdir / "tmp").mkdir(parents=True)
    (workdir / "input.json").write_text((folder / "input.json").read_text())
    os.chdir(workdir)
    began = time.perf_counter()
    render(open_job())
    print(time.perf_counter() - began)
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """One input. `tool` is the bare program, where the tool is one; `target` is for the attempt with a spare."""

    name: str
    job_type: str
    job_input: Mapping[str, Any]
    target: Target | None = None
    tool: Sequence[str] = ()

    @property
    def validated(self) -> dict[str, Any]:
        """The input as a child gets it."""
        model = next(spec for spec in BUILT_IN if spec.job_type == self.job_type).input_model
        checked: dict[str, Any] = model.model_validate(dict(self.job_input)).model_dump(mode="json", by_alias=True)
        return checked

    @property
    def argv(self) -> Sequence[str]:
        """The command line of its child."""
        return next(spec for spec in BUILT_IN if spec.job_type == self.job_type).command(self.validated)


def subjects(folder: Path) -> list[Subject]:
    """Return what is rendered; the tools' own sources are put into `folder`."""
    (folder / "flow.d2").write_text(FLOW)
    (folder / "flow.dot").write_text(DOT)
    d2 = [str(find_d2()), "--bundle=false", "--scale=1", "--omit-version", str(folder / "flow.d2"), str(folder / "flow.svg")]
    dot = [str(find_graphviz()), "-Tsvg", "-o", str(folder / "dot.svg"), str(folder / "flow.dot")]
    return [
        Subject("D2", "diagram", {"language": "d2", "source": FLOW}, Target(at_most=1.3, of_floor=True), d2),
        Subject("DOT", "diagram", {"language": "dot", "source": DOT}, None, dot),
        Subject("Mermaid", "diagram", {"language": "mermaid", "source": MERMAID}, Target(at_most=1.3, of_floor=True)),
        Subject("Typst", "document", {"language": "typst", "source": TYPST}, Target(at_most=2, of_floor=True)),
        Subject("Markdown", "document", {"language": "markdown", "source": MARKDOWN}),
        Subject("Vega-Lite", "chart", {"source": json.dumps(CHART)}, Target(at_most=1.3, of_floor=True)),
        Subject("theme", "theme", {"seed": "#3366cc"}),
        Subject("SVG to PNG", "image", {"source": LOGO, "format": "png"}),
        Subject("film of 30 frames", "video", FILM),
    ]


def run(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    """Attempts of every family; the number of jobs is fixed, `seconds` is not used."""
    home = scratch.make_home()
    for subject in subjects(home):
        cold: list[list[float]] = []
        served: list[list[float]] = []
        alone: list[list[float]] = []
        warm: list[list[float]] = []
        with (
            open_daemon(scratch, scratch.make_home(), settings=WITHOUT_SPARES) as plain,
            open_daemon(scratch, scratch.make_home(), settings={}) as sparing,
        ):
            render(sparing, subject)  # so that spares are wanted
            for _ in range(rounds):
                cold.append([render(plain, subject) for _ in range(JOBS_A_ROUND)])
                alone.append([start_alone(scratch, subject) for _ in range(JOBS_A_ROUND)])
                served.append([render_warm(sparing, subject) for _ in range(JOBS_A_ROUND)])
                warm.append(run_tool(subject) if subject.tool else render_in_process(scratch, subject))
        floor = "the bare program" if subject.tool else "warm, in process"
        yield Line(_samples(f"{subject.name} with a spare", served), _samples(floor, warm), subject.target)
        if subject.name == "DOT":
            extra = [[median(jobs) - median(bare)] for jobs, bare in zip(served, warm, strict=True)]
            yield Line(_samples("DOT with a spare, above the bare program", extra), None, Target(at_most=15))
        yield Line(_samples(f"{subject.name} cold", cold), _samples("the child alone", alone))
    yield _measure_verb(scratch, rounds)


def render(daemon: Program, subject: Subject) -> float:
    """Render once; return the seconds from the claim to the outcome."""
    client = Connection(daemon.socket)
    with client.socket:
        body = json.dumps({"jobType": subject.job_type, "input": subject.job_input}).encode()
        accepted = _ask(client, compose("POST", probe.JOBS, body))
        probe.wait_over(daemon.socket, accepted["jobId"])
        job = _ask(client, compose("GET", f"{probe.JOBS}/{accepted['jobId']}"))
    return (datetime.fromisoformat(job["finishedAt"]) - datetime.fromisoformat(job["startedAt"])).total_seconds()


def render_warm(daemon: Program, subject: Subject) -> float:
    """Render once there is a spare for it. Raises TimeoutError when none gets warm."""
    engine = subject.argv[-1]
    deadline = time.monotonic() + SPARE_SECONDS
    while True:
        client = Connection(daemon.socket)
        with client.socket:
            spares = _ask(client, compose("GET", "/v1/status"))["spares"]
        if any(spare["engine"] == engine and spare["warm"] for spare in spares):
            return render(daemon, subject)
        if time.monotonic() > deadline:
            raise TimeoutError(f"there is no spare of {engine}: {spares}")
        time.sleep(0.02)


def start_alone(scratch: Scratch, subject: Subject) -> float:
    """Start the child's command line in a folder of its own; return the seconds it took."""
    workdir = _make_workdir(scratch, subject)
    began = time.perf_counter()
    subprocess.run(subject.argv, cwd=workdir, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin"})
    return time.perf_counter() - began


def run_tool(subject: Subject) -> list[float]:
    """Run the bare program so many times; return the seconds of each."""
    taken = []
    for _ in range(JOBS_A_ROUND):
        began = time.perf_counter()
        subprocess.run(subject.tool, check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return taken


def render_in_process(scratch: Scratch, subject: Subject) -> list[float]:
    """Render again and again in one process; return the seconds of each but the first."""
    folder = _make_workdir(scratch, subject)
    argv = python("-c", IN_PROCESS, subject.argv[-1], str(folder), str(JOBS_A_ROUND))
    told = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    return [float(line) for line in told.splitlines()][1:]


def _measure_verb(scratch: Scratch, rounds: int) -> Line:
    home = scratch.make_home()
    (home / "flow.d2").write_text(FLOW)
    environment = scratch.environment(home)
    verb = python("-m", "nexusctl", "render", str(home / "flow.d2"), "-o", str(home / "flow.svg"))
    subject = Subject("D2", "diagram", {"language": "d2", "source": FLOW})
    taken, bare = [], []
    with open_daemon(scratch, home, settings={}) as daemon:
        render(daemon, subject)
        for _ in range(rounds):
            times = []
            for _ in range(JOBS_A_ROUND):
                render_warm(daemon, subject)
                times.append(run_to_end(verb, environment))
            taken.append(times)
            bare.append(run_tool(subjects(home)[0]))
    return Line(_samples("nexusctl render flow.d2, whole process", taken), _samples("the bare program", bare))


def _make_workdir(scratch: Scratch, subject: Subject) -> Path:
    workdir = scratch.make_home()
    (workdir / "tmp").mkdir()
    (workdir / "input.json").write_text(json.dumps(subject.validated))
    return workdir


def _samples(name: str, rounds: Sequence[Sequence[float]]) -> Samples:
    return Samples(name, "ms", [median(times) * 1000 for times in rounds])


def _ask(client: Connection, request: bytes) -> Any:
    client.ask(request)
    while (answer := client.read()) is None:
        pass
    return json.loads(answer.partition(b"\r\n\r\n")[2])
