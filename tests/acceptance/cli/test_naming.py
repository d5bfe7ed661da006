"""Parts of ids, `-`, templates and times: with every verb that takes or lists a job or an asset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nexusd.contract.assets import Asset
from nexusd.contract.jobs import Job

if TYPE_CHECKING:
    from tests.acceptance.cli.home import Home

pytestmark = pytest.mark.slow


@pytest.fixture
def made(shared: Home) -> Job:
    """The newest job of the desktop, which is done."""
    done = shared.run("submit", "diagram", "-F", "source=a -> b", "--wait", "--source-task", "naming", "--json")
    assert done.returncode == 0, done.stderr
    return Job.model_validate_json(done.stdout)


def test_a_job_is_named_by_a_part_of_its_id_everywhere(shared: Home, made: Job) -> None:
    part = made.id[-9:].upper()
    for verb in (["show"], ["why"], ["logs"], ["watch"], ["wait"], ["asset", "ls", "--job"], ["events", "--job"]):
        done = shared.run(*verb, part)
        assert done.returncode == 0, (verb, done.stderr)
    assert Job.model_validate(shared.result("show", made.id[:-3])).id == made.id
    again = shared.run("retry", part)
    assert again.returncode == 0
    assert shared.result("show", again.stdout.strip()[-12:])["retryOf"] == made.id
    assert shared.run("wait", "-q", again.stdout.strip()).stdout == ""
    assert shared.run("cancel", part).returncode == 4  # it is over, and it was found


def test_an_asset_is_named_by_a_part_of_its_id_everywhere(shared: Home, made: Job) -> None:
    asset_id = made.result_asset_id
    assert asset_id is not None
    part = asset_id[-10:]
    assert Asset.model_validate(shared.result("asset", "show", part)).id == asset_id
    for verb in (["get", "-o", "x.svg"], ["pin"], ["unpin"]):
        assert shared.run("asset", *verb, part).returncode == 0, verb
    assert shared.run("asset", "verify", "--after", part).returncode == 0
    assert shared.run("asset", "rm", part, "0000000000").returncode == 4
    assert shared.run("asset", "rm", part).stdout == f"{asset_id}\n"


def test_a_dash_is_the_newest_and_says_which(shared: Home, made: Job) -> None:
    done = shared.run("show", "-", "--format", "{id}")
    assert done.stdout == f"{made.id}\n"
    assert done.stderr.startswith(f"nexusctl: - is {made.id} job, diagram done")
    shown = shared.run("asset", "show", "-", "--format", "{jobId} {provenance.rendererVersion}")
    assert shown.stdout == f"{made.id} {made.assets[0].provenance and made.assets[0].provenance.renderer_version}\n"


def test_what_is_not_one_alone_is_told(shared: Home, made: Job) -> None:
    shared.run("submit", "diagram", "-F", "source=a", "--wait")
    done = shared.run("show", "0", "--verbose")
    assert (done.returncode, done.stdout) == (2, "")
    what, *candidates = done.stderr.splitlines()
    assert what == "nexusctl: 0 may be any of several: [ambiguous]"
    assert any(line.startswith(f"  {made.id} job, diagram done") for line in candidates)
    none = shared.run("cancel", "ffffffff", "--verbose")
    assert none.returncode == 4
    assert "no job whose id begins or ends with ffffffff [not-found]" in none.stderr
    assert (
        "there is no job yet"
        in shared.run("show", "-", "--company", shared.run("company", "add", "no-jobs").stdout.strip()).stderr
    )


def test_lists_are_printed_as_one_likes(shared: Home, made: Job) -> None:
    assert shared.run("ls", "--limit", "1", "--format", r"{{.ID}}\t{{.Status}}").stdout == f"{made.id}\tdone\n"
    table = shared.run("ls", "--limit", "1", "--format", r"table {id}\t{status}").stdout
    assert table.split() == ["ID", "STATUS", made.id, "done"]
    _, shown = shared.run_in_terminal("ls", "--limit", "1", "--time", "iso", columns=200)
    assert shared.result("ls", "--limit", "1")["items"][0]["createdAt"] in shown
    assert "\x1b[" in shown
    _, plain = shared.run_in_terminal("ls", "--limit", "1", "--color", "never")
    assert "\x1b[" not in plain
    assert "\x1b[" in shared.run("ls", "--limit", "1", "--color=always").stdout
    task = shared.run("task", "naming", "-q").stdout.split()
    assert {made.id, made.result_asset_id} <= set(task)
    assert shared.run("task", "nobody-asked").returncode == 0


def test_a_wrong_template_is_refused_before_anything_is_contacted(home: Home) -> None:
    for arguments in (
        ["ls", "--format", "{nope}"],
        ["asset", "ls", "--format", "{id"],
        ["show", "x", "--format", "{nope}"],
        ["events", "--format", "{nope}"],
        ["wait", "x", "--format", "{nope}"],
        ["ls", "--format", "{id}", "--json"],
        ["ls", "--format", "{id}", "-q"],
        ["company", "ls", "--format", "{nope}"],
        ["status", "--format", "{nope}"],
    ):
        done = home.run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert "--format" in done.stderr
    assert not home.socket.exists()
