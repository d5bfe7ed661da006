"""Who says what nexusctl takes for true, in which order, and what a wrong file is answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusctl.commands.config_files import find_lines
from nexusctl.commands.session import open_session
from nexusctl.commands.settings import Given, config_path, read_file, resolve, with_defaults
from nexusctl.errors import UsageError
from nexusd.contract.paths import default_socket_path

FILE = """
company = "of-file"
timeout = 7
profile = "usual"

[profiles.usual]
company = "of-usual"
time = "iso"

[profiles.named]  # asked for
company = "of-named"
socket = "~/named.sock"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "nexusctl").mkdir()
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def write(environment: dict[str, str], text: str | bytes) -> Path:
    path = config_path(environment)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


LAYERS = [
    ({"company": "of-option"}, {}, "of-option", "--company"),
    ({"profile": "named"}, {}, "of-named", "profile named"),
    ({}, {"NEXUSCTL_COMPANY": "of-variable"}, "of-variable", "NEXUSCTL_COMPANY"),
    ({}, {"NEXUSCTL_PROFILE": "named"}, "of-named", "profile named"),
    ({}, {}, "of-usual", "profile usual"),
]


@pytest.mark.parametrize("first", range(len(LAYERS)))
def test_the_first_that_says_something_counts(first: int, environment: dict[str, str]) -> None:
    write(environment, FILE)
    options: dict[str, str] = {}
    variables = dict(environment)
    for given_options, given_variables, _, _ in reversed(LAYERS[first:]):
        options |= given_options
        variables |= given_variables
    found = resolve(Given(options), variables)["company"]
    assert (found.value, found.origin) == LAYERS[first][2:]


def test_what_the_profile_leaves_out_the_file_says(environment: dict[str, str]) -> None:
    path = write(environment, FILE)
    found = resolve(Given({"profile": "named"}), environment)
    assert (found["timeout"].value, found["timeout"].origin) == (7, str(path))
    assert found["socket"].value == Path("~/named.sock").expanduser()
    assert "time" not in found  # the usual profile is not in use
    assert resolve(Given(), environment)["time"].value == "iso"
    write(environment, FILE.replace('profile = "usual"', ""))
    assert resolve(Given(), environment)["company"].value == "of-file"


def test_without_a_file_there_are_the_defaults(environment: dict[str, str]) -> None:
    assert resolve(Given(), environment) == {}
    assert {key: setting.value for key, setting in with_defaults({}).items()} == {
        "socket": default_socket_path(),
        "company": "default",
        "color": "auto",
        "time": "relative",
        "preview": "auto",
    }
    assert resolve(Given(), environment | {"NEXUSCTL_COMPANY": "", "NEXUSCTL_TIMEOUT": "1.5"}).keys() == {"timeout"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("company = 5", "line 1: company: must be a text"),
        ("\n\nsocet = 'x'", "line 3: socet: there is no such setting; there are: socket, company"),
        ("# x\n[profiles.a]\ncolor = 'blue'", "line 3: profiles.a.color: must be one of auto, always, never"),
        ("[profiles.a]\ncompany = 'x'\n[profiles.b]\ncompany = ''", "line 4: profiles.b.company: must be a text"),
        ("profiles.a.timeout = -1", "line 1: profiles.a.timeout: must be a number of seconds"),
        ("timeout = nan", "line 1: timeout: must be a number of seconds"),
        ("timeout = true", "line 1: timeout: must be a number of seconds"),
        ("profiles = 5", "line 1: profiles: must hold profiles"),
        ("[profiles]\na = 5", "line 2: profiles.a: must be a table"),
        ("profile = 'b'\n[profiles.a]", "line 1: profile: there is no profile 'b'; there are: a"),
        ("[profiles.a]\nprofile = 'a'", "line 2: profiles.a.profile: there is no such setting"),
        ("company = ", "line 1: is not TOML"),
        ("a = 1\n[x", "line 2: is not TOML"),
        ("[x]\n\n[x]", "line 3: is not TOML"),
        (b"company = 'x'\n# \xff", "line 2: is not UTF-8 text"),
    ],
)
def test_a_wrong_file_is_refused_by_line_and_key(text: str | bytes, says: str, environment: dict[str, str]) -> None:
    path = write(environment, text)
    with pytest.raises(UsageError) as caught:
        resolve(Given(), environment)
    assert str(caught.value).startswith(f"{path}, {says}")
    assert caught.value.hint == "see all of it with: nexusctl config check"


def test_all_that_is_wrong_is_found_in_the_order_of_lines(environment: dict[str, str]) -> None:
    path = write(environment, "[profiles.a]\ntime = 'x'\n[profiles.b]\nx = 1\n[profiles.c]\ncompany = 1\n")
    assert [(wrong.line, wrong.key) for wrong in read_file(path).wrong] == [
        (2, "profiles.a.time"),
        (4, "profiles.b.x"),
        (6, "profiles.c.company"),
    ]


def test_a_file_that_cannot_be_read_is_refused(environment: dict[str, str]) -> None:
    config_path(environment).mkdir()
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        resolve(Given(), environment)


@pytest.mark.parametrize(
    ("options", "variables", "says"),
    [
        ({"timeout": "soon"}, {}, "--timeout must be a number of seconds"),
        ({}, {"NEXUSCTL_TIMEOUT": "-1"}, "NEXUSCTL_TIMEOUT must be a number of seconds"),
        ({"color": "blue"}, {}, "--color must be one of"),
        ({"company": ""}, {}, "--company must be a text"),
        ({"profile": "nope"}, {}, r"there is no profile nope \(--profile\)"),
        ({}, {"NEXUSCTL_PROFILE": "nope"}, r"there is no profile nope \(NEXUSCTL_PROFILE\)"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_who_said_it(
    options: dict[str, str], variables: dict[str, str], says: str, environment: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match=says):
        resolve(Given(options), environment | variables)


def test_a_session_suggests_what_it_was_given(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    write(environment, FILE)
    monkeypatch.setenv("XDG_CONFIG_HOME", environment["XDG_CONFIG_HOME"])
    for name in ("COMPANY", "PROFILE", "SOCKET", "TIMEOUT", "TIME", "COLOR"):
        monkeypatch.delenv(f"NEXUSCTL_{name}", raising=False)
    session = open_session(Given({"profile": "named", "time": "unix"}, verbose=True))
    assert session.suggest("watch", "x") == "nexusctl --profile named watch x"
    assert (session.company, session.time, session.timeout_seconds, session.verbose) == ("of-named", "unix", 7, True)


def test_lines_of_keys_are_found_however_they_are_written() -> None:
    text = '"a" = 1\nb . c = 2\n[ d . "e" ] # x\nf = """\n"""\n[[g]]\n'
    assert find_lines(text) == {"a": 1, "b.c": 2, "d.e": 3, "d.e.f": 4}


@given(st.text())
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "config.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    for wrong in read_file(path).wrong:
        assert wrong.reason
