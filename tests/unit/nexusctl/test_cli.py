"""The command line: global options, exit codes, and what importing it costs."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from nexusctl import cli, errors
from nexusctl.cli import VERBS, build, hoist
from nexusctl.client.submitting import checked_key
from nexusctl.commands import submission
from nexusctl.commands.session import Session
from nexusctl.errors import ExitCode, NexusctlError, UsageError

if TYPE_CHECKING:
    import typer

# Not pydantic: Typer 0.29 itself imports that to convert arguments.
FOREIGN = ("trio", "sqlmodel", "sqlalchemy", "fastapi", "alembic", "nexusd.store", "nexusd.settings")
HEAVY = ("httpx", "rich", "trio", "sqlmodel", "sqlalchemy", "fastapi", "markdown_it", "asyncio")


@pytest.mark.parametrize(
    ("typed", "ordered"),
    [
        (["ls", "--company", "x"], ["--company", "x", "ls"]),
        (["ls", "--company=x", "-q"], ["--company=x", "ls", "-q"]),
        (["render", "f.d2", "--no-start", "--verbose"], ["--no-start", "--verbose", "render", "f.d2"]),
        (["show", "--", "--verbose"], ["show", "--", "--verbose"]),
        (["ls", "--socket"], ["--socket", "ls"]),
        (["ls", "--timeout", "5"], ["--timeout", "5", "ls"]),
        (["show", "wait", "--timeout", "5"], ["--timeout", "5", "show", "wait"]),
        (["wait", "--timeout", "5", "--company", "x", "j"], ["--company", "x", "wait", "--timeout", "5", "j"]),
        (["--timeout", "3", "submit", "--timeout=5"], ["--timeout", "3", "submit", "--timeout=5"]),
        (["--company", "wait", "ls", "--timeout", "5"], ["--company", "wait", "--timeout", "5", "ls"]),
        ([], []),
    ],
)
def test_global_options_may_stand_anywhere(typed: list[str], ordered: list[str]) -> None:
    assert hoist(typed) == ordered


@pytest.mark.parametrize(
    ("arguments", "verbs"),
    [
        (["ls"], ["ls"]),
        (["--company", "show", "ls"], ["ls"]),
        (["--company=x", "asset-get", "ls"], ["asset-get"]),
        (["asset", "show", "x"], ["asset show"]),
        (["--company", "show", "asset", "--no-start", "get", "x"], ["asset get"]),
        (["asset", "--help"], [verb for verb in VERBS if verb.startswith("asset ")]),
        (["asset", "ls-all"], [verb for verb in VERBS if verb.startswith("asset ")]),
        (["--help"], list(VERBS)),
        (["lss"], list(VERBS)),
        ([], list(VERBS)),
    ],
)
def test_only_the_verb_that_is_asked_for_is_loaded(arguments: list[str], verbs: list[str]) -> None:
    app = build(arguments)
    loaded = {command.name for command in app.registered_commands}
    for group in app.registered_groups:
        assert group.typer_instance is not None
        loaded |= {f"{group.name} {command.name}" for command in group.typer_instance.registered_commands}
    assert loaded == set(verbs)


def every_error() -> list[type[NexusctlError]]:
    return [
        each
        for each in vars(errors).values()
        if inspect.isclass(each) and issubclass(each, NexusctlError) and each is not NexusctlError
    ]


def test_every_error_has_its_exit_code() -> None:
    assert {error.__name__: int(error.exit_code) for error in every_error()} == {
        "UsageError": 2,
        "Ambiguous": 2,
        "Unreachable": 3,
        "Refused": 4,
        "BadAnswer": 4,
        "JobNotDone": 1,
        "JobLost": 1,
        "NotDrained": 1,
        "AssetsDamaged": 1,
        "Unhealthy": 1,
        "TimedOut": 124,
        "Interrupted": 130,
    }


class Context:
    """What a verb sees of Typer's context."""

    obj = Session(socket=Path("/s"), company="default", verbose=True)


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (UsageError("bad", hint="do this"), ExitCode.USAGE, "nexusctl: bad [usage]\n  do this\n"),
        (errors.JobNotDone("failed", slug="timeout"), ExitCode.NOT_DONE, "nexusctl: failed [timeout]\n"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "nexusctl: interrupted [interrupted]\n"),
    ],
)
def test_errors_become_lines_and_exit_codes(
    raised: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def verb(_context: typer.Context) -> None:
        raise raised

    with pytest.raises(SystemExit) as caught:
        cli._guarded(verb)(cast("typer.Context", Context()))
    assert caught.value.code == code
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_module_with_examples(verb: str) -> None:
    module = import_module(f"nexusctl.commands.{verb.replace(' ', '_')}")
    assert module.EXAMPLES
    assert all(f"nexusctl {verb}" in example for example in module.EXAMPLES)
    assert module.SHORT_HELP.endswith(".")


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["version"], ["--version"], ["--help"], ["asset", "--help"], *([*verb.split(), "--help"] for verb in VERBS)]
)
def test_help_and_version_import_nothing_heavy_and_fit_80_columns(arguments: list[str]) -> None:
    code = (
        "import sys, runpy; sys.argv[1:] = sys.argv[2:]\n"
        "try: runpy.run_module('nexusctl', run_name='__main__')\n"
        f"finally: print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr, end='')"
    )
    done = subprocess.run([sys.executable, "-c", code, "-", *arguments], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.slow
def test_no_module_of_nexusctl_imports_the_daemons_frameworks() -> None:
    code = (
        "import pkgutil, sys, importlib, nexusctl\n"
        "for module in pkgutil.walk_packages(nexusctl.__path__, 'nexusctl.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        f"print(*[name for name in {FOREIGN} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


NEEDED = {"render": ["f.d2"], "events": ["-f"], "asset put": ["f.d2"], "open": ["x"]}
RUN_VERB = (
    "import sys, runpy; sys.argv[1:] = sys.argv[2:]\n"
    "try: runpy.run_module('nexusctl', run_name='__main__')\n"
    "except SystemExit: pass\n"
    f"print('\\nLOADED', *[name for name in {('nexusd.renderers', *FOREIGN)} if name in sys.modules])"
)


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_that_is_run_imports_the_daemons_frameworks(tmp_path: Path, verb: str) -> None:
    (tmp_path / "f.d2").write_text("a -> b")
    told = ["--no-start", "--socket", str(tmp_path / "none.sock"), *verb.split()]
    for arguments in (told, [*told, *NEEDED.get(verb, ["x"])]):
        command = [sys.executable, "-c", RUN_VERB, "-", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, stdin=subprocess.DEVNULL)
        assert done.stdout.splitlines()[-1] == "LOADED", (arguments, done)
        assert "Traceback" not in done.stderr


NO_OBJECTS = ["", "{", "[]", "1", '{"a": NaN}', "[" * 100_000, "@/no/such/file", "@a\0b", '{"a": ' + "9" * 5000 + "}"]


@pytest.mark.parametrize("text", NO_OBJECTS)
def test_an_input_that_is_no_object_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        submission.read_input(text)


def test_an_input_is_read_as_json() -> None:
    assert submission.read_input(json.dumps({"a": ["ä", 1.5, None]})) == {"a": ["ä", 1.5, None]}


@pytest.mark.parametrize("key", ["", " ", "a\nb", "ä", "x" * 256, " a"])
def test_a_key_that_no_header_can_carry_is_a_usage_error(key: str) -> None:
    with pytest.raises(UsageError):
        checked_key(key)
