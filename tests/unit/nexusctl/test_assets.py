"""Assets as people read them: tables that fit, and a provenance that leaves out what nobody knows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nexusctl.output.assets import format_asset, format_assets, format_source_task
from nexusctl.output.screen import Style
from nexusctl.output.text import cell_width
from nexusd.contract.assets import Asset
from nexusd.contract.source_tasks import SourceTaskItem
from tests.unit.nexusctl import documents

PLAIN = Style(is_terminal=False, width=None, colour=False)
WIDE = Style(is_terminal=True, width=80, colour=False)
NARROW = Style(is_terminal=True, width=40, colour=False)
MADE: dict[str, Any] = {
    "jobId": documents.JOB_ID,
    "attempt": 2,
    "sourceTaskId": "chat\x1b[31m-42",
    "originalFilename": "flow.svg",
    "pinnedAt": documents.MOMENT,
    "provenance": {
        "jobType": "diagram",
        "rendererVersion": "3",
        "tools": {"typst": "0.14", "d2": "0.9.1"},
        "inputSha256": "ab" * 32,
        "width": 640,
        "height": 480,
        "durationSeconds": 65.25,
        "pages": 3,
    },
}


def asset(**changes: Any) -> Asset:
    return Asset.model_validate_json(json.dumps(documents.asset(**changes)))


def fields(shown: str) -> dict[str, str]:
    """Return the values by their labels."""
    return {line[:13].strip(): line[13:] for line in shown.split("\n")}


def test_the_details_tell_where_an_asset_came_from() -> None:
    shown = fields(format_asset(asset(**MADE), PLAIN))
    assert (
        shown
        | {
            "asset": documents.ASSET_ID,
            "name": "flow.svg",
            "size": "5 B (5 bytes)",
            "sha256": "0" * 64,
            "stored": "local_disk: k",
            "source task": "chat-42",
            "job": documents.JOB_ID,
            "attempt": "2",
            "renderer": "diagram 3",
            "tools": "d2 0.9.1, typst 0.14",
            "input": f"sha256 {'ab' * 32}",
            "dimensions": "640 x 480",
            "duration": "1 min 5.2 s",
            "pages": "3",
        }
        == shown
    )
    assert shown["pinned"] == shown["created"]


def test_the_details_leave_out_what_is_not_known() -> None:
    for changes in (
        {},
        {"provenance": MADE["provenance"] | {"height": None, "durationSeconds": None, "pages": None, "tools": {}}},
    ):
        shown = fields(format_asset(asset(**changes), PLAIN))
        assert not shown.keys() & {
            "name",
            "pinned",
            "source task",
            "job",
            "attempt",
            "dimensions",
            "duration",
            "pages",
            "tools",
        }
        assert not any("None" in value for value in shown.values())


@pytest.mark.parametrize("style", [WIDE, NARROW])
def test_tables_fit_and_keep_ids_whole(style: Style) -> None:
    long = asset(originalFilename="x" * 300)
    job = documents.summary("failed", errorCode="timeout", errorMessage="too slow " * 30)
    items = [SourceTaskItem.model_validate({"kind": "job", "job": job}), SourceTaskItem(kind="asset", asset=long)]
    for table in (format_assets([long], style), format_source_task(items, style)):
        assert style.width is not None
        assert all(cell_width(line) <= style.width for line in table.split("\n"))
        assert documents.ASSET_ID in table
    assert documents.JOB_ID in format_source_task(items, style)


def test_the_table_of_a_task_tells_jobs_from_assets() -> None:
    items = [
        SourceTaskItem.model_validate({"kind": "job", "job": documents.summary("failed", errorCode="timeout")}),
        SourceTaskItem(kind="asset", asset=asset(**MADE)),
    ]
    head, first, second = (line.split() for line in format_source_task(items, PLAIN).split("\n"))
    assert head == ["ID", "STATUS", "TYPE", "AGE", "DETAIL"]
    assert (first[:3], first[-1]) == ([documents.JOB_ID, "failed", "diagram"], "timeout")
    assert (second[:3], second[-3:]) == ([documents.ASSET_ID, "asset", "image/svg+xml"], ["5", "B", "flow.svg"])
