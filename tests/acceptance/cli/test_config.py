"""Companies, profiles, and the configuration file, as a person meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nexusd.contract.companies import Company, CompanyList

if TYPE_CHECKING:
    from tests.acceptance.cli.home import Home

pytestmark = pytest.mark.slow


def write(home: Home, text: str) -> Path:
    path = Path(home.run("config", "path").stdout.rstrip("\n"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_companies_are_added_listed_and_shown(home: Home) -> None:
    made = Company.model_validate(home.result("company", "add", "acme", "--name", "Acme, Inc."))
    assert (made.slug, made.name) == ("acme", "Acme, Inc.")
    assert Company.model_validate(home.result("company", "show", "acme")) == made
    listed = CompanyList.model_validate(home.result("company", "ls"))
    assert [company.slug for company in listed.items] == ["default", "acme"]
    assert home.run("company", "ls", "-q").stdout.split()[-1] == made.id
    _, narrow = home.run_in_terminal("company", "ls", columns=40, NO_COLOR="1")
    assert max(map(len, narrow.splitlines())) <= 40
    assert home.run("company", "add", "acme", "--verbose").returncode == 4
    assert home.run("company", "add", "Not a slug").returncode == 2
    assert home.run("company", "show", "nobody").returncode == 4
    assert home.run("company", "show", "--company", "acme", "--format", "{slug}").stdout == "acme\n"


def test_a_profile_says_which_daemon_and_whose_jobs(home: Home) -> None:
    home.run("company", "add", "acme")
    job_id = home.run("submit", "diagram", "-F", "source=a", "--company", "acme", "--wait", "-q").stdout.strip()
    write(home, f'[profiles.work]\nsocket = "{home.socket}"\ncompany = "acme"\n')
    elsewhere = home.socket.parent.parent / "x.sock"
    for arguments, variables in (
        (["--profile", "work"], {"NEXUSCTL_SOCKET": str(elsewhere)}),
        ([], {"NEXUSCTL_PROFILE": "work"}),
        (["--company", "acme", "--socket", str(home.socket)], {"NEXUSCTL_COMPANY": "default"}),
    ):
        done = home.run("ls", "-q", "--no-start", *arguments, **variables)
        assert (done.returncode, done.stdout) == (0, f"{job_id}\n"), (arguments, done.stderr)
    assert home.run("ls", "-q").stdout == ""
    shown = home.run("config", "show", "--profile", "work", "--json", NEXUSCTL_TIME="iso")
    told = json.loads(shown.stdout)
    assert told["company"] == {"value": "acme", "origin": "profile work"}
    assert told["time"] == {"value": "iso", "origin": "NEXUSCTL_TIME"}
    assert told["color"] == {"value": "auto", "origin": "default"}


def test_a_wrong_file_is_told_by_line_and_key(home: Home) -> None:
    path = write(home, '[profiles.work]\ncompany = ""\nsocet = "x"\n')
    done = home.run("ls")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{path}, line 2: profiles.work.company: must be a text" in done.stderr
    checked = home.run("config", "check")
    assert checked.returncode == 2
    assert [line.split(" ")[0] for line in checked.stdout.splitlines()] == [f"{path}:2:", f"{path}:3:"]
    document = json.loads(home.run("config", "check", "--json").stdout)
    assert [wrong["key"] for wrong in document["wrong"]] == ["profiles.work.company", "profiles.work.socet"]
    assert home.run("config", "show").returncode == 2
    assert home.run("ls", "--help").returncode == home.run("version").returncode == 0
    path.unlink()
    assert home.run("config", "check").returncode == 0
    assert not home.socket.exists()
