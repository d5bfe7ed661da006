"""README is kept true: its commands run, its tables agree with the code, its links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import httpx
import pytest
import typer
from pydantic_core import PydanticUndefined
from starlette.routing import Route

from nexusctl import cli
from nexusctl import errors as nexusctl_errors
from nexusctl.client.frames import ABOUT_THE_STREAM, JOB
from nexusctl.client.methods import operation, stream
from nexusctl.client.operations import Operations
from nexusctl.commands.settings import KEYS
from nexusd.api.app import ROUTERS
from nexusd.api.problems import STATUS
from nexusd.contract.events import EventType
from nexusd.domain.caps import Caps
from nexusd.errors import NexusdError
from nexusd.renderers.engines import picture_files
from nexusd.renderers.engines.document import PPI
from nexusd.renderers.engines.style import Look
from nexusd.renderers.registry import BUILT_IN
from nexusd.renderers.storyboard import DEFAULT_SIZE, Slide
from nexusd.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
FIRST_SCREEN_LINES = 20
LOWER_METHODS = {"call", "send", "prepare", "list_jobs", "queue", "pause_queue", "resume_queue"}
"""What the library has for the verbs of nexusctl."""
INPUTS: dict[str, type[BaseModel]] = {**{spec.job_type: spec.input_model for spec in BUILT_IN}, "slides": Slide}
TOLD_IN_PROSE = {"language", "source", "files", "format", "slides"}
SETTLED_LATER: dict[tuple[str, str], Any] = {
    **{("document", name): getattr(Look(), name) for name in ("paper", "landscape", "font", "theme")},
    ("document", "fontSize"): Look().size,
    ("document", "numberSections"): Look().numbered,
    ("document", "ppi"): PPI,
    ("video", "size"): DEFAULT_SIZE,
    ("image", "sizes"): ", ".join(map(str, picture_files.ICON_SIDES)),
    ("image", "quality"): "JPEG {jpeg}, WebP {webp}, AVIF {avif}".format(**picture_files.QUALITY),
}
"""What counts when an option is left out whose model says nothing, by the code that decides."""
COMMAND_SECONDS = 120


def section(title: str) -> str:
    """The text below a heading of README, up to the next of the same level."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def table(text: str, head: str) -> list[list[str]]:
    """The rows of the table in `text` whose head begins with `head`."""
    lines = text.split(f"| {head} |", 1)[1].splitlines()[2:]
    rows: list[list[str]] = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def quoted(text: str) -> list[str]:
    """What stands between backticks, but for blocks of code."""
    return re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


def test_first_screen_has_exactly_the_two_commands() -> None:
    first = BLOCKS[0].splitlines()
    assert first == [line for line in README.splitlines()[:FIRST_SCREEN_LINES] if line.startswith("python3")]
    run, test = first
    assert run.startswith("python3 -m venv")
    assert run.endswith("nexusctl render README.md -o readme.pdf")
    assert test.startswith("python3 -m venv")
    assert test.endswith(".venv/bin/pytest -n 3 --dist loadfile")


def test_lock_covers_every_dependency() -> None:
    locked = {line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line}
    project = (ROOT / "pyproject.toml").read_text()
    named = {found.lower() for found in re.findall(r'^  "([A-Za-z0-9-]+)(?:\[\w+\])?>=', project, re.MULTILINE)}
    assert named
    assert named <= locked


def test_routes_are_those_of_the_api() -> None:
    told = {quoted(row[0])[0] for row in table(section("API"), "method and path")}
    routes = {
        f"{method} {route.path_format}"
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }
    assert told == routes


def test_settings_are_those_of_the_daemon() -> None:
    told = {quoted(row[0])[0]: row[1].strip("`") for row in table(section("Settings"), "setting")}
    assert told.keys() == Settings.model_fields.keys()
    for name, default in told.items():
        field = Settings.model_fields[name]
        if isinstance(field.default, str | int | float):
            assert default == str(field.default), name


def test_caps_are_those_of_the_daemon() -> None:
    told = {quoted(row[0])[0]: int(row[1]) for row in table(section("Settings"), "cap")}
    assert told == Caps()._asdict()


def options() -> dict[tuple[str, str], list[str]]:
    """The rows of the options of renderers, by family and option: values, default, meaning."""
    rows = table(section("Renderers"), "family")
    return {(quoted(row[0])[0], name): row[2:] for row in rows for name in quoted(row[1])}


def fields() -> dict[tuple[str, str], FieldInfo]:
    """The options that the input models have, by family and option."""
    return {
        (family, field.alias or name): field
        for family, model in INPUTS.items()
        for name, field in model.model_fields.items()
        if (field.alias or name) not in (TOLD_IN_PROSE - {"source"} if family == "slides" else TOLD_IN_PROSE)
    }


def parts(kind: Any) -> Iterator[Any]:
    """All that a type is made of: choices, bounds, and plain types."""
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    elif kind is bool:
        yield from ("true", "false")
    elif hasattr(kind, "__metadata__"):
        yield from kind.__metadata__
        yield from parts(kind.__origin__)
    elif get_origin(kind) in (Union, types.UnionType, list):
        for part in get_args(kind):
            yield from parts(part)


def shown(value: Any) -> str:
    """A default as the table shows it."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def test_options_are_those_of_the_renderers() -> None:
    assert options().keys() == fields().keys()


def test_defaults_are_those_of_the_renderers() -> None:
    told, known = options(), fields()
    for place, field in known.items():
        default = told[place][1]
        if field.default in (None, "", PydanticUndefined):
            assert not quoted(default) or place == ("chart", "ppi") or place[1] == "seed", place
            assert shown(SETTLED_LATER.get(place, default)) == default, place
        else:
            assert default == f"`{shown(field.default)}`", place
    assert SETTLED_LATER.keys() <= known.keys()


def test_values_are_those_of_the_renderers() -> None:
    told = options()
    for place, field in fields().items():
        found = [*field.metadata, *parts(field.annotation)]
        choices = {part for part in found if isinstance(part, str)}
        if choices:
            assert set(quoted(told[place][0])) == choices, place
        bounds = {kind: getattr(part, kind) for part in found for kind in ("ge", "gt", "le") if hasattr(part, kind)}
        if bounds:
            low = f"above {bounds['gt']:g}" if "gt" in bounds else f"{bounds['ge']:g}"
            expected = f"{low} to {bounds['le']:g}" if "le" in bounds else f"from {low}"
            assert told[place][0] == expected, place


def test_formats_are_those_of_the_renderers() -> None:
    """The one that counts if nothing is said stands first in what a family makes, or is named."""
    for family, model in INPUTS.items():
        if family == "slides":
            continue
        [line] = re.findall(rf"^- \*\*`{family}`\*\*: (.*?)(?=^- |^$)", section("Renderers"), re.MULTILINE | re.DOTALL)
        named = line.lower()
        assert [form for form in get_args(model.model_fields["format"].annotation) if form not in named] == [], family


def jobs() -> list[dict[str, Any]]:
    """The jobs that README shows, one of each family."""
    [block] = re.findall(r"^```json\n(.*?)^```$", section("Renderers"), re.MULTILINE | re.DOTALL)
    return [json.loads(line) for line in block.splitlines()]


def test_there_is_a_job_of_each_family_that_is_taken() -> None:
    assert sorted(job["jobType"] for job in jobs()) == sorted(spec.job_type for spec in BUILT_IN)
    for job in jobs():
        INPUTS[job["jobType"]].model_validate(job["input"])


def test_exit_codes_are_those_of_nexusctl() -> None:
    told = {int(code) for row in table(section("Use"), "exit code") for code in row[0].split(",")}
    assert told == {int(code) for code in nexusctl_errors.ExitCode}


def test_verbs_are_those_of_nexusctl() -> None:
    told = [*quoted(section("Use")), *(line for block in BLOCKS for line in block.splitlines())]
    words = [f"{text.removeprefix('nexusctl ')} " for text in told]
    assert [verb for verb in cli.VERBS if not any(text.startswith(f"{verb} ") for text in words)] == []


def test_global_options_are_those_of_nexusctl() -> None:
    command = typer.main.get_command(cli.build(["--help"]))
    options = {name for option in command.params for name in option.opts if name.startswith("--")}
    assert {"--socket", "--verbose"} <= options
    told = {word for text in quoted(section("Use")) for word in text.split()}
    assert options - told == set()


def test_problems_are_those_of_the_api() -> None:
    told = {slug: int(row[1]) for row in table(section("API"), "problem") for slug in quoted(row[0])}
    assert told == {error.slug: status for error, status in STATUS.items()} | {NexusdError.slug: 500}


def test_events_are_those_of_the_api() -> None:
    told = {name for row in table(section("API"), "event") for name in quoted(row[0])}
    of_streams = {*JOB.rows, *ABOUT_THE_STREAM}
    assert told == {kind.value for kind in EventType} | of_streams


def test_settings_of_nexusctl_are_told() -> None:
    told = {word for text in quoted(section("Use")) for word in re.findall(r"[\w-]+", text)}
    assert set(KEYS) - told == set()


def test_promises_name_tests_that_exist() -> None:
    named = [name for row in table(section("Promises"), "promise") for name in quoted(row[-1])]
    assert named
    for name in named:
        path, _, function = name.partition("::")
        text = (ROOT / "tests" / path).read_text("utf-8")
        assert re.search(rf"^(?:async )?def {re.escape(function)}\(", text, re.MULTILINE), name


def test_code_map_names_every_package_and_nothing_else() -> None:
    told = {path.rstrip("/") for row in table(section("Code map"), "part") for path in quoted(row[0])}
    packages = {
        f"nexusd/{entry.name}" for entry in (ROOT / "nexusd").iterdir() if entry.is_dir() and (entry / "__init__.py").exists()
    }
    assert packages <= told
    assert {path for path in told if not (ROOT / path).exists()} == set()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of its own, with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="nxd") as name:
        yield Path(name)


@pytest.fixture
def environment(home: Path) -> Iterator[dict[str, str]]:
    """The environment of a new user; the daemon that a command starts in it is ended afterwards."""
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    found = {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_RUNTIME_DIR": str(runtime),
        "LANG": "C.UTF-8",
    }
    yield found
    stop_daemon(runtime / "nexusd" / "nexusd.sock")


def stop_daemon(socket: Path) -> None:
    """End the daemon at `socket`, if there is one, and wait until it is gone."""
    if not socket.exists():
        return
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://nexusd", timeout=COMMAND_SECONDS
    ) as client:
        pid = client.get("/v1/status").json()["pid"]
    descriptor = os.pidfd_open(pid)
    os.kill(pid, 15)
    os.waitid(os.P_PIDFD, descriptor, os.WEXITED) if is_child(pid) else wait_gone(descriptor)
    os.close(descriptor)


def is_child(pid: int) -> bool:
    """Whether a process is a child of this one."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1] == str(os.getpid())


def wait_gone(descriptor: int) -> None:
    """Wait for the end of a process that is not a child of this one."""
    import select

    assert select.select([descriptor], [], [], 15)[0], "the daemon does not end"


@pytest.mark.slow
def test_nexusctl_examples_run_as_written(home: Path, environment: dict[str, str]) -> None:
    work = home / "project"
    shutil.copytree(ROOT / ".readme", work / ".readme")
    shutil.copy(ROOT / "README.md", work)
    [examples] = [block for block in BLOCKS if block.startswith("nexusctl render")]
    for command in examples.splitlines():
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert (work / "architecture.svg").read_text().lstrip().startswith("<")
    assert (work / "readme.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.slow
def test_python_examples_run_as_written(home: Path, environment: dict[str, str]) -> None:
    work = home / "project"
    shutil.copytree(ROOT / ".readme", work / ".readme")
    programs = re.findall(r"^```python\n(.*?)^```$", section("Library"), re.MULTILINE | re.DOTALL)
    said = []
    for program in programs:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{program}\n{done.stdout}{done.stderr}"
        said.append(done.stdout)
    assert (work / "architecture.png").read_bytes() == (work / "copy.png").read_bytes()
    assert (work / "hello.pdf").read_bytes().startswith(b"%PDF-")
    assert said[0].startswith("architecture.png ")
    assert said[2].startswith("invalid_input ")


def test_library_names_every_method() -> None:
    text = section("Library")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    told = set(re.findall(r"nexus\.(\w+)\(", text)) | set(quoted(prose))
    methods = {name for name, found in vars(Operations).items() if isinstance(found, operation | stream)}
    assert methods - told == LOWER_METHODS


@pytest.mark.slow
def test_the_jobs_of_the_renderers_run_as_written(home: Path, environment: dict[str, str]) -> None:
    assert "`nexusctl submit --wait - < jobs.ndjson`" in section("Renderers")
    lines = "".join(json.dumps(job) + "\n" for job in jobs())
    done = subprocess.run(
        ["nexusctl", "submit", "--wait", "-"],
        env=environment,
        input=lines,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_curl_examples_are_answered(home: Path, environment: dict[str, str]) -> None:
    [examples] = [block for block in BLOCKS if "curl" in block]
    subprocess.run(
        ["nexusctl", "submit", "diagram", "--input", '{"source": "a"}'], env=environment, check=True, capture_output=True
    )
    (home / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    socket = f"{environment['XDG_RUNTIME_DIR']}/nexusd/nexusd.sock"
    job = asset = ""
    assert examples.splitlines()[0] == "SOCKET=$XDG_RUNTIME_DIR/nexusd/nexusd.sock"
    with httpx.Client(transport=httpx.HTTPTransport(uds=socket), timeout=COMMAND_SECONDS) as client:
        for command in examples.splitlines()[1:]:
            known = command.replace("$SOCKET", socket).replace("$JOB", job).replace("$ASSET", asset)
            response = client.send(to_request(client, known, home))
            assert response.is_success, f"{command}\n{response.text}"
            if response.status_code == httpx.codes.ACCEPTED:
                job = response.json()["jobId"]
            if response.status_code == httpx.codes.CREATED:
                asset = response.json()["id"]


def to_request(client: httpx.Client, command: str, folder: Path) -> httpx.Request:
    """The request that a curl command makes, for the options that README uses."""
    words = iter(shlex.split(command))
    assert next(words) == "curl"
    url, body, headers = "", None, {}
    fields: dict[str, str] = {}
    files: dict[str, tuple[str, bytes]] = {}
    for word in words:
        match word:
            case "-s" | "-N":
                pass
            case "--unix-socket":
                next(words)
            case "-H":
                name, value = next(words).split(": ", 1)
                headers[name] = value
            case "-d":
                body = next(words).encode()
                json.loads(body)
            case "-F":
                name, value = next(words).split("=", 1)
                if value.startswith("@"):
                    files[name] = value[1:], (folder / value[1:]).read_bytes()
                else:
                    fields[name] = value
            case "-C":
                assert next(words) == "-"
                headers["Range"] = "bytes=3-"  # as after an interruption
            case "-o":
                next(words)
            case "--data-binary":
                body = (folder / next(words).removeprefix("@")).read_bytes()
            case _:
                url = word
    if files:
        return client.build_request("POST", url, headers=headers, data=fields, files=files)
    return client.build_request("GET" if body is None else "POST", url, headers=headers, content=body)
