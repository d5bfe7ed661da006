"""What may stand where the cursor is, on every verb, without a daemon."""

from __future__ import annotations

import pytest

from nexusctl import cli
from nexusctl.cli import find_verb
from nexusctl.completing import answer, split


def words(*typed: str, shell: str = "fish") -> list[str]:
    """The words that are offered, without their descriptions."""
    head, *lines = answer(shell, ["nexusctl", "--socket", "/no/such/socket", *typed])
    return [head, *(line.split("\t")[0] for line in lines)]


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_and_its_options_are_completed(verb: str) -> None:
    *before, last = verb.split()
    assert last in words(*before, last[:1])
    options = words(*before, last, "--")
    assert {"--company", "--verbose"} <= set(options)
    assert len(options) == len(set(options))
    assert words(*before, last, "")[0] in {"words", "files", "directories"}


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["ls", "--status", "d"], ["words", "done"]),
        (["ls", "--status=d"], ["words", "--status=done"]),
        (["ls", "--nonsense=d"], ["words"]),
        (["--color", "n"], ["words", "never"]),
        (["--color", "never", "ls", "--time", ""], ["words", "relative", "iso", "unix"]),
        (["wait", "--a"], ["words", "--all", "--any"]),
        (["ls", "--", "--st"], ["words"]),
        (["config", "check", "--", "--time="], ["words"]),
        (["submit", "--timeout", ""], ["words"]),
        (["completion", "z"], ["words", "zsh"]),
        (["completion", "zsh", ""], ["words"]),
        (["events", "--types", "asset."], ["words", "asset.created", "asset.deleted"]),
        (["render", "fl"], ["files", "", "fl"]),
        (["render", "--out=fl"], ["files", "--out=", "fl"]),
        (["render", "-o", "fl"], ["files", "", "fl"]),
        (["backup", "fo"], ["directories", "", "fo"]),
        (["submit", "diagram", "--input", "@fl"], ["files", "@", "fl"]),
        (["submit", "diagram", "-F", "source=@fl"], ["files", "source=@", "fl"]),
        (["submit", "diagram", "--input", "{"], ["words"]),
        (["conf"], ["words", "config"]),
        (["config", ""], ["words", "show", "path", "check"]),
    ],
)
def test_what_is_offered(typed: list[str], offered: list[str]) -> None:
    found = words(*typed)
    if typed[-1] == "--a":
        assert set(found) <= set(offered)
        assert "--any" in found
    else:
        assert found == offered


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nexusctl ls ", ["nexusctl", "ls", ""]),
        ("nexusctl ls --task 'a b", ["nexusctl", "ls", "--task", "a b"]),
        ('nexusctl "a\\"b" c\\ d', ["nexusctl", 'a\\"b', "c d"]),
        ("", [""]),
    ],
)
def test_a_line_is_split_as_a_shell_would(line: str, expected: list[str]) -> None:
    assert split(line) == expected


def test_bash_is_given_what_it_replaces() -> None:
    assert words("ls", "--status=d", shell="bash") == ["words", "done"]
    assert words("submit", "diagram", "-F", "source=@fl", shell="bash") == ["files", "@", "fl"]


@pytest.mark.parametrize(
    ("done", "verb"),
    [
        (["--company", "ls", "show"], "show"),
        (["asset", "get", "x"], "asset get"),
        (["asset"], ""),
        ([], ""),
        (["asset-get"], "asset-get"),
    ],
)
def test_the_verb_is_found(done: list[str], verb: str) -> None:
    assert find_verb(done) == verb
