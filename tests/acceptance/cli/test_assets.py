"""The verbs of assets against a real daemon: stored, listed, shown with where they came from, fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nexusd.contract.assets import Asset, AssetList
from nexusd.contract.source_tasks import SourceTask

if TYPE_CHECKING:
    from tests.acceptance.cli.home import Home

pytestmark = pytest.mark.slow


def test_a_file_is_stored_listed_shown_and_fetched(shared: Home) -> None:
    shared.file("photo.jpg", b"no picture at all")
    put = shared.run("asset", "put", "photo.jpg", "--source-task", "t/1")
    assert (put.returncode, put.stderr) == (0, "")
    asset_id = put.stdout.strip()
    other = Asset.model_validate(
        shared.result("asset", "put", "photo.jpg", "--name", "x.bin", "--namespace", "mine", "--content-type", "a/b")
    )
    assert (other.original_filename, other.namespace, other.content_type) == ("x.bin", "mine", "a/b")
    assert shared.run("asset", "ls", "-q", "--limit", "2").stdout.split() == [other.id, asset_id]
    assert shared.run("asset", "ls", "-q", "--task", "t/1").stdout.split() == [asset_id]
    assert shared.run("asset", "ls", "-q", "--namespace", "mine").stdout.split() == [other.id]
    assert shared.run("asset", "ls", "--job", "nobodys").stderr == "nexusctl: no assets\n"
    [listed] = AssetList.model_validate(shared.result("asset", "ls", "--limit", "1")).items
    assert listed == other
    shown = shared.run("asset", "show", asset_id)
    assert shown.returncode == 0
    assert "type         image/jpeg" in shown.stdout
    assert "source task  t/1" in shown.stdout
    assert Asset.model_validate(shared.result("asset", "show", asset_id)).sha256 in shown.stdout
    for verb in (["asset", "get"], ["asset-get"]):
        fetched = shared.run(*verb, asset_id, "-o", "-")
        assert (fetched.returncode, fetched.stdout) == (0, "no picture at all")


def test_show_tells_what_made_an_asset(shared: Home) -> None:
    shared.file("flow.d2", "a -> b")
    rendered = shared.result("render", "flow.d2", "-o", "flow.svg", "--source-task", "t-2")
    shown = shared.run("asset", "show", rendered["resultAssetId"])
    assert f"job          {rendered['id']}" in shown.stdout
    assert "source task  t-2" in shown.stdout


def test_a_task_lists_jobs_and_assets_and_with_a_filter_its_jobs(shared: Home) -> None:
    shared.file("a.md", "# Title")
    uploaded = shared.run("asset", "put", "a.md", "--source-task", "t/3").stdout.strip()
    shared.file("flow.d2", "a -> b")
    job = shared.result("render", "flow.d2", "-o", "flow.svg", "--source-task", "t/3")
    ids = [job["resultAssetId"], job["id"], uploaded]
    found = SourceTask.model_validate(shared.result("ls", "--task", "t/3"))
    assert [item.id for item in found.items] == ids
    table = shared.run("ls", "--task", "t/3").stdout.splitlines()
    assert [line.split()[:2] for line in table[1:]] == [[ids[0], "asset"], [ids[1], "done"], [ids[2], "asset"]]
    assert shared.run("ls", "--task", "t/3", "--limit", "1").stdout.split()[5] == ids[0]
    for narrowed in (["-q"], ["--status", "done", "-q"], ["--type", "diagram", "-q"]):
        assert shared.run("ls", "--task", "t/3", *narrowed).stdout.split() == [job["id"]]
    assert shared.run("ls", "--task", "nobodys").stderr == "nexusctl: no jobs and no assets\n"


def test_what_cannot_be_meant_is_refused(shared: Home) -> None:
    shared.file("a", b"x")
    for arguments, code, said in (
        (["asset", "put", "no-such-file"], 2, "No such file"),
        (["asset", "put", "."], 2, "Is a directory"),
        (["asset", "put", "a", "--name", ""], 2, "empty"),
        (["asset", "put", "a", "--namespace", "generated/x", "--verbose"], 4, "[invalid-request]"),
        (["asset", "show", "nobodys", "--verbose"], 4, "[not-found]"),
        (["asset", "get", "nobodys", "--verbose"], 4, "[not-found]"),
        (["asset", "ls", "--task", ""], 2, "empty"),
        (["asset", "nothing"], 2, "No such command"),
        (["asset"], 2, ""),
        (["ls", "--task", ""], 2, "empty"),
    ):
        done = shared.run(*arguments)
        assert done.returncode == code, (arguments, done)
        assert said in done.stderr, (arguments, done)
        assert "Traceback" not in done.stderr
