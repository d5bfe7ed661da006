"""What holds for all verbs alike: no daemon, no terminal, a narrow terminal, JSON of the contract; and a daemon that dies.

EVERY says how each verb is called so that it does something, and what its JSON is. A new verb must be told there.
"""

from __future__ import annotations

import inspect
import json
import socket
import threading
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from nexusctl.cli import VERBS
from nexusctl.client.frames import ABOUT_THE_STREAM, EVENTS, JOB
from nexusd.contract.assets import Asset, AssetList
from nexusd.contract.backups import Backup
from nexusd.contract.base import Answer
from nexusd.contract.companies import Company, CompanyList
from nexusd.contract.jobs import CancelAnswer, Job, JobAccepted, JobList
from nexusd.contract.logs import LogPage
from nexusd.contract.pauses import QueueState
from nexusd.contract.source_tasks import SourceTask
from nexusd.contract.status import Renderer, RendererList, Status
from nexusd.contract.storage import CollectionReport, VerificationPage
from nexusd.contract.why import Why
from tests.acceptance.cli.home import Home
from tests.support.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = pytest.mark.slow

TASK: Final = "chat-7"
NARROW_COLUMNS: Final = 40
STREAMS: Final = {**EVENTS.rows, **JOB.rows, **ABOUT_THE_STREAM}


class Case(NamedTuple):
    """How a verb is called: JOB and ASSET are what there is, LIVE a job that runs, SPARE an asset of the test's own, NEW a name
    that nothing has. `document` is the model of its JSON, dict what is no document of the API, `events` a stream; `lines`: one
    a line. `needs_daemon` is false where none is asked."""

    words: str
    document: type[Answer] | type[dict[str, Any]] | str | None
    lines: bool = False
    code: int = 0
    needs_daemon: bool = True


EVERY: Final = {
    "render": Case("flow.d2", Job),
    "submit": Case("diagram -F source=a", JobAccepted),
    "ls": Case("", JobList),
    "task": Case(TASK, SourceTask),
    "show": Case("JOB", Job),
    "why": Case("JOB", Why),
    "logs": Case("JOB", LogPage, lines=True),
    "watch": Case("JOB", "events", lines=True),
    "wait": Case("JOB", Job, lines=True),
    "events": Case("", "events", lines=True),
    "top": Case("--once", None),
    "open": Case("JOB --print", None),
    "cancel": Case("LIVE", CancelAnswer),
    "retry": Case("JOB", JobAccepted),
    "asset ls": Case("", AssetList),
    "asset show": Case("ASSET", Asset),
    "asset get": Case("ASSET -o NEW", Asset),
    "asset put": Case("flow.d2", Asset),
    "asset rm": Case("SPARE", Asset, lines=True),
    "asset pin": Case("SPARE", Asset),
    "asset unpin": Case("SPARE", Asset),
    "asset verify": Case("", VerificationPage, lines=True),
    "renderers": Case("", RendererList),
    "renderers show": Case("diagram", Renderer),
    "company ls": Case("", CompanyList),
    "company show": Case("default", Company),
    "company add": Case("NEW", Company),
    "pause": Case("theme", QueueState),
    "resume": Case("theme", QueueState),
    "gc": Case("", CollectionReport, lines=True),
    "backup": Case("NEW", Backup),
    "restore": Case("NEW", None, code=4, needs_daemon=False),
    "config show": Case("", dict, needs_daemon=False),
    "config path": Case("", None, needs_daemon=False),
    "config check": Case("", dict, needs_daemon=False),
    "status": Case("", Status),
    "doctor": Case("", dict, needs_daemon=False),
    "completion": Case("bash", None, needs_daemon=False),
    "version": Case("", dict, needs_daemon=False),
}
ASKING: Final = [verb for verb, case in EVERY.items() if case.needs_daemon]
PRINTING_JSON: Final = [verb for verb, case in EVERY.items() if case.document is not None]


@pytest.fixture(scope="module")
def made(desk: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A job that is done, and its asset."""
    desk.work = tmp_path_factory.mktemp("made")
    return make_job(desk)


def make_job(home: Home) -> dict[str, str]:
    home.file("flow.d2", "a -> b\n")
    job = home.result("render", "flow.d2", "--source-task", TASK)
    return {"JOB": job["id"], "ASSET": job["resultAssetId"]}


def arguments_of(home: Home, verb: str, made: dict[str, str]) -> list[str]:
    """Return a command line of the verb that does something, and make what it needs."""
    home.file("flow.d2", "a -> b\n")
    words = []
    for word in EVERY[verb].words.split():
        if word == "LIVE":
            words.append(home.submit_gate(home.new_gate()))
        elif word == "SPARE":
            words.append(home.run("asset", "put", "flow.d2", "-q").stdout.strip())
        elif word == "NEW":
            words.append(f"new-{home.work.name.lower().replace('_', '-')[-40:].strip('-')}")
        else:
            words.append(made.get(word, word))
    return [*verb.split(), *words]


def test_every_verb_is_told_of_here() -> None:
    assert EVERY.keys() == set(VERBS)
    for verb, case in EVERY.items():
        run = import_module(f"nexusctl.commands.{verb.replace(' ', '_')}").run
        assert ("as_json" in inspect.signature(run).parameters) == (case.document is not None), verb


@pytest.mark.parametrize(
    "command",
    [
        *(f"{verb} {EVERY[verb].words}".replace("NEW", "new") for verb in ASKING),
        "asset-get x",
        "wait x y",
        "events -f",
        "show -",
        "pause x --drain",
    ],
)
def test_without_a_daemon_and_without_a_start_every_verb_says_how_to_start_one(home: Home, command: str) -> None:
    home.file("flow.d2", "a -> b\n")
    done = home.run(*command.split(), "--no-start")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"nexusctl: nexusd is not running at {home.socket}\n  start it with: nexusd\n"


@pytest.mark.parametrize("verb", VERBS)
def test_a_pipe_gets_plain_lines(shared: Home, verb: str, made: dict[str, str]) -> None:
    done = shared.run(*arguments_of(shared, verb, made))
    assert done.returncode == EVERY[verb].code, done.stderr
    assert done.stdout or done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", PRINTING_JSON)
def test_json_is_what_the_contract_says(shared: Home, verb: str, made: dict[str, str]) -> None:
    done = shared.run(*arguments_of(shared, verb, made), "--json")
    assert done.returncode == 0, done.stderr
    case = EVERY[verb]
    documents = done.stdout.splitlines() if case.lines else [done.stdout]
    assert documents
    for text in documents:
        document = json.loads(text)
        assert isinstance(document, dict)
        if case.document == "events":
            STREAMS[document["event"]].model_validate({key: document[key] for key in document if key not in ("id", "event")})
        elif isinstance(case.document, type) and issubclass(case.document, Answer):
            case.document.model_validate_json(text)


@pytest.mark.parametrize("verb", VERBS)
def test_a_narrow_terminal_is_no_trouble(shared: Home, verb: str, made: dict[str, str]) -> None:
    code, seen = shared.run_in_terminal(*verb.split(), "--help", columns=NARROW_COLUMNS)
    assert code == 0
    assert max(map(len, seen.splitlines())) <= 80
    code, seen = shared.run_in_terminal(*arguments_of(shared, verb, made), columns=NARROW_COLUMNS)
    assert code == EVERY[verb].code, seen
    assert seen
    assert "Traceback" not in seen


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, dict[str, str]]]:
    """A desktop whose daemon has done a job, and is dead."""
    home = Home(tmp_path_factory.mktemp("mortal"))
    made = make_job(home)
    home.kill_daemon()
    yield home, made
    home.close()


@contextmanager
def a_daemon_that_dies(path: Path) -> Iterator[None]:
    """Be a daemon that dies as the first request has come; those who only look whether it is there do not count."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        asked = False
        while not asked:
            connection, _ = listener.accept()
            with connection:
                asked = bool(connection.recv(65536))
                if asked:
                    path.unlink()
                    listener.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    thread.join(HANG_SECONDS)
    assert not thread.is_alive()


MID_COMMAND: Final = [
    "open JOB --print",
    "submit diagram -F source=a --wait",
    "company ls",
    "company show default",
    f"task {TASK}",
    "show JOB",
    "renderers",
    "renderers show diagram",
    "wait JOB",
    "asset get ASSET -o -",
]


PLAIN: Final = {"company ls", f"task {TASK}"}
"""Those whose first question is a plain one: when it breaks, they start anew as if nobody had been there."""


def split_told(command: str, told: str) -> tuple[list[str], list[str]]:
    """Return the line that says what broke, where one is to be, and the lines after it."""
    lines = told.splitlines()
    return ([], lines) if command in PLAIN else (lines[:1], lines[1:])


@pytest.mark.parametrize("command", MID_COMMAND)
def test_a_daemon_that_dies_mid_command_is_started_again(mortal: tuple[Home, dict[str, str]], command: str) -> None:
    home, made = mortal
    with a_daemon_that_dies(home.socket):
        done = home.run(*(made.get(word, word) for word in command.split()))
    home.kill_daemon()
    assert done.returncode == 0, done.stderr
    assert done.stdout
    broke, [started, *_] = split_told(command, done.stderr)
    assert [line.endswith("; trying again") for line in broke] == [True] * len(broke)
    assert "started nexusd" in started


@pytest.mark.parametrize("command", MID_COMMAND)
def test_a_daemon_that_dies_mid_command_for_good_is_exit_3(mortal: tuple[Home, dict[str, str]], command: str) -> None:
    home, made = mortal
    words = [made.get(word, word) for word in command.split()]
    with a_daemon_that_dies(home.socket):
        done = home.run("--no-start", "--timeout", "0.5", *words)
    assert (done.returncode, done.stdout) == (3, "")
    what = "is not running at" if command in PLAIN else "has not answered for"
    assert what in done.stderr
    assert "Traceback" not in done.stderr
