"""The store looked after: deleted, pinned, collected, verified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nexusd.contract.storage import CollectionReport, VerificationPage

if TYPE_CHECKING:
    from tests.acceptance.cli.home import Home

pytestmark = pytest.mark.slow


def put(home: Home, name: str) -> tuple[str, Path]:
    """Store a file; return its id, and where its bytes lie."""
    home.file(name, f"this is {name}")
    done = home.run("asset", "put", name)
    assert done.returncode == 0, done.stderr
    asset_id = done.stdout.strip()
    return asset_id, file_of(home, home.result("asset", "show", asset_id)["objectKey"])


def file_of(home: Home, object_key: str) -> Path:
    return Path(home.environment["XDG_STATE_HOME"], "nexusd", "assets", object_key)


def test_assets_are_deleted_unless_they_are_pinned_or_needed(home: Home) -> None:
    ids, files = zip(*(put(home, name) for name in ("a.txt", "b.txt", "c.txt")), strict=True)
    assert home.run("asset", "pin", ids[0]).stdout.startswith(ids[0])
    assert "pinned " in home.run("asset", "show", ids[0]).stdout
    refused = home.run("asset", "rm", ids[1], ids[0], ids[2], "--verbose")
    assert (refused.returncode, refused.stdout) == (4, f"{ids[1]}\n")
    assert "[asset-pinned]" in refused.stderr
    assert f"asset unpin {ids[0]}" in refused.stderr
    assert [file.exists() for file in files] == [True, False, True]
    assert home.run("asset", "unpin", ids[0]).returncode == 0
    assert home.run("asset", "rm", ids[0]).returncode == 0
    gone = home.run("asset", "rm", ids[0], "--verbose")
    assert (gone.returncode, gone.stdout) == (4, "")
    assert "[not-found]" in gone.stderr
    assert home.run("asset", "rm", "").returncode == 2
    assert home.run("asset", "ls", "-q").stdout.split() == [ids[2]]


def test_what_is_wrong_is_told_and_garbage_goes(home: Home) -> None:
    (torn, torn_file), (missing, missing_file), (_, whole_file) = (put(home, name) for name in ("a.txt", "b.txt", "c.txt"))
    assert home.run("asset", "verify").returncode == 0
    missing_file.unlink()
    torn_file.chmod(0o600)
    torn_file.write_text("something else")
    (whole_file.parent / "strange").write_text("x")
    found = home.run("asset", "verify")
    assert found.returncode == 1
    kinds = [line.split()[:2] for line in found.stdout.splitlines()]
    assert kinds == [["torn", torn], ["missing", missing], ["foreign", "-"]]
    assert "3 things are wrong with 3 assets" in found.stderr
    rest = home.run("asset", "verify", "--after", missing, "--json")
    assert rest.returncode == 1
    page = VerificationPage.model_validate_json(rest.stdout)
    assert ([finding.kind for finding in page.findings], page.checked) == (["foreign"], 1)
    rowless = whole_file.with_name("0199c0de-0000-7000-8000-000000000000-x.txt")
    rowless.write_text("y" * 2000)
    planned = home.run("gc", "--dry-run")
    assert planned.returncode == 0
    assert planned.stdout.startswith("rowless 2.0 KiB ")
    assert "1 files, 2.0 KiB would be freed" in planned.stderr
    assert rowless.exists()
    report = CollectionReport.model_validate_json(home.run("gc", "--json").stdout)
    assert ([file.object_key for file in report.files], report.complete) == (
        [str(rowless.relative_to(file_of(home, "")))],
        True,
    )
    assert not rowless.exists()
    assert "0 files, 0 B freed" in home.run("gc").stderr


def test_an_asset_that_a_job_needs_stays(home: Home) -> None:
    asset_id, file = put(home, "a.txt")
    home.run("pause", "diagram")
    body = json.dumps({"source": {"$asset": asset_id}})
    submitted = home.run("submit", "diagram", "--input", body)
    assert submitted.returncode == 0, submitted.stderr
    refused = home.run("asset", "rm", asset_id, "--verbose")
    assert refused.returncode == 4
    assert "[asset-in-use]" in refused.stderr
    assert submitted.stdout.strip() in refused.stderr
    assert file.exists()
    assert home.run("cancel", submitted.stdout.strip()).returncode == 0
    assert home.run("asset", "rm", asset_id).returncode == 0
