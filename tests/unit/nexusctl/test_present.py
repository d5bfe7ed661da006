"""Tables and details at 80 and at 40 columns, without a terminal, with and without colour."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nexusctl.output.present import describe, event_line, format_job, format_jobs, format_size, format_status
from nexusctl.output.screen import Style
from nexusctl.output.text import cell_width
from nexusctl.output.times import format_age
from nexusd.contract.jobs import Job, JobSummary
from nexusd.contract.status import Status
from tests.unit.nexusctl import documents

PLAIN = Style(is_terminal=False, width=None, colour=False)
WIDE = Style(is_terminal=True, width=80, colour=False)
NARROW = Style(is_terminal=True, width=40, colour=False)
LONG = "d2: compilation failed because of a very long reason that nobody reads to the end, line 12"


def job(status: str = "queued", **changes: Any) -> Job:
    return Job.model_validate_json(json.dumps(documents.job(status, **changes)))


JOBS: list[JobSummary] = [
    job("running", progress=0.42, progressMessage="漢字 encoding", startedAt=documents.MOMENT),
    job("failed", errorCode="invalid_input", errorMessage=LONG),
    job("done", resultAssetId=documents.ASSET_ID, startedAt=documents.MOMENT, finishedAt=documents.MOMENT),
]


def test_a_wide_table_has_columns_that_fit() -> None:
    lines = format_jobs(JOBS, WIDE).split("\n")
    assert lines[0].split() == ["JOB", "STATUS", "TYPE", "AGE", "DETAIL"]
    assert len(lines) == 4
    assert all(cell_width(line) <= 80 for line in lines)
    assert all(line.startswith(documents.JOB_ID) for line in lines[1:])
    assert lines[2].endswith("…")


def test_a_narrow_table_stacks_and_keeps_ids_whole() -> None:
    lines = format_jobs(JOBS, NARROW).split("\n")
    assert all(cell_width(line) <= 40 for line in lines)
    assert lines[::2] == [documents.JOB_ID] * 3
    assert lines[1].split()[:2] == ["running", "diagram"]


def test_without_a_terminal_nothing_is_shortened() -> None:
    table = format_jobs(JOBS, PLAIN)
    assert LONG in table
    assert "…" not in table


def test_colour_only_where_it_is_wanted() -> None:
    assert "\x1b" not in format_jobs(JOBS, WIDE)
    assert "\x1b[31mfailed\x1b[0m" in format_jobs(JOBS, Style(is_terminal=True, width=80, colour=True))


def test_a_daemons_escapes_reach_no_terminal() -> None:
    evil = job(
        "failed",
        errorCode="renderer_failed",
        errorMessage="\x1b]0;pwned\x07\x1b[2Jline one\nline\rtwo",
        sourceTaskId="t\x1b[31m",
    )
    for style in (PLAIN, WIDE, NARROW):
        assert "\x1b" not in format_jobs([evil], style) + format_job(evil, style) + event_line(evil, style)


@pytest.mark.parametrize("style", [WIDE, NARROW])
def test_details_fit_but_never_cut_an_id(style: Style) -> None:
    assets = [documents.asset(jobId=documents.JOB_ID, originalFilename="flow.svg")]
    attempts = [
        {
            "id": "a",
            "number": 1,
            "outcome": "released",
            "startedAt": documents.MOMENT,
            "finishedAt": documents.MOMENT,
            "signal": 9,
        }
    ]
    shown = format_job(
        job("failed", errorCode="invalid_input", errorMessage=LONG + "\nline two", assets=assets, attempts=attempts, attempt=1),
        style,
    )
    assert style.width is not None
    assert all(cell_width(line) <= style.width for line in shown.split("\n"))
    assert documents.JOB_ID in shown
    assert documents.ASSET_ID in shown
    assert "signal 9" in shown


def test_details_leave_out_what_is_not_there() -> None:
    shown = format_job(job("queued", queuePosition=1), WIDE)
    assert "position 1" in shown
    assert "starts" not in shown
    assert "error" not in shown
    assert "None" not in shown


def test_a_job_that_waits_says_about_when_it_starts_and_ends() -> None:
    later = "2027-01-02T00:00:00.000Z"
    shown = format_job(job("queued", estimatedStartAt=later, estimatedFinishAt=later), WIDE)
    assert [line.split()[:2] for line in shown.split("\n") if "2027" in line] == [["starts", "about"], ["ends", "about"]]


def test_status_says_what_runs() -> None:
    limits: dict[str, Any] = dict.fromkeys(
        ("runningJobs", "bodyMaxBytes", "batchMaxBytes", "attachmentMaxBytes", "generatedAssetMaxBytes"), 2
    ) | dict.fromkeys(("writeQueueLength", "connections", "logMaxBytes", "eventRetentionSeconds", "eventRetentionCount"), 3)
    limits |= dict.fromkeys(("spareIdleSeconds", "sparesMemoryMaxBytes"), 4)
    document: dict[str, Any] = {
        "version": "0.1.0",
        "pid": 7,
        "startedAt": documents.MOMENT,
        "stopping": True,
        "jobs": {"queued": 1, "running": 0, "done": 2, "failed": 0, "cancelled": 0},
        "queue": {"length": 1, "estimatedEmptyAt": documents.MOMENT},
        "assets": 2,
        "lastEventId": 9,
        "events": {"prunedThrough": 2, "highestId": 9},
        "requestsOpen": 1,
        "containment": {"level": "landlock", "processes": "cgroup", "refused": {"bubblewrap": "it is not installed"}},
        "limits": limits,
        "socket": "/run/user/0/nexusd/nexusd.sock",
        "stateDirectory": "/s",
        "schemaRevision": "0001",
        "sqliteVersion": "3.51.3",
    }
    shown = format_status(Status.model_validate_json(json.dumps(document)), WIDE)
    assert "paused" not in shown
    assert "spares" not in shown
    assert "at most 2 at once\n" in shown
    engine = "nexusd.renderers.engines.{}:render"
    document["spares"] = [
        {"jobType": "diagram", "engine": engine.format("mermaid"), "warm": True, "memoryBytes": 79_691_776},
        {"jobType": "document", "engine": engine.format("document"), "warm": False},
    ]
    limits = limits | {"runningJobsPerCompany": 1, "slotsPerType": {"video": 2}}
    pauses = [
        {"jobType": None, "pausedAt": documents.MOMENT},
        {"jobType": "video", "reason": "x\ny", "pausedAt": documents.MOMENT},
    ]
    document |= {"limits": limits, "paused": pauses}
    lines = format_status(Status.model_validate_json(json.dumps(document)), WIDE).splitlines()
    first = lines.index(next(line for line in lines if line.startswith("paused")))
    assert "the whole queue, since " in lines[first]
    assert lines[first + 1].strip().startswith("video, since ")
    assert lines[first + 1].endswith(": x y")
    assert "running      at most 2 at once, 1 of a company; video counts as 2" in lines
    assert "spares       mermaid (76.0 MiB), document (warming)" in lines
    assert "0.1.0, pid 7, stopping" in shown
    assert "1 queued, 2 done" in shown
    assert "landlock, processes bounded by cgroup" in shown
    assert "not bubblewrap: it is not installed" in shown
    assert "empty about 2026-11-21" in shown


def test_a_job_that_was_asked_to_stop_is_cancelling() -> None:
    assert event_line(job("running", cancelRequestedAt=documents.MOMENT, progress=0.5), WIDE) == "cancelling 50%"
    assert event_line(job("cancelled", cancelRequestedAt=documents.MOMENT), WIDE) == "cancelled"


def test_describe_says_the_one_thing_to_know() -> None:
    assert [describe(each) for each in JOBS] == ["42% 漢字 encoding", f"invalid_input: {LONG}", "took 0.0 s"]
    assert describe(job("queued")) == ""


@pytest.mark.parametrize(("seconds", "text"), [(-5, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (86_400 * 400, "400d")])
def test_ages_have_one_unit(seconds: int, text: str) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    assert format_age(now - timedelta(seconds=seconds), now) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3_565_158, "3.4 MiB"), (1 << 60, "1048576.0 TiB")]
)
def test_sizes_have_the_unit_that_suits_them(size: int, text: str) -> None:
    assert format_size(size) == text


def test_a_job_tells_what_its_attempts_took_and_what_made_its_assets() -> None:
    attempt = {
        "id": "t-1",
        "number": 1,
        "outcome": "done",
        "startedAt": "2026-11-21T10:00:00Z",
        "finishedAt": "2026-11-21T10:00:02Z",
        "cpuSeconds": 1.234,
        "peakMemoryBytes": 52_428_800,
        "containment": "bubblewrap",
    }
    made = {"jobType": "document", "rendererVersion": "3", "tools": {"typst": "0.14"}, "inputSha256": "ab", "pages": 2}
    asset = documents.asset(id="a-1", provenance=made)
    job = Job.model_validate(
        documents.job("done", attempt=1, attemptsUsed=1, attempts=[attempt], assets=[asset], input={"x": "y"})
    )
    shown = format_job(job, PLAIN)
    assert "1. done, 2.0 s\n" in shown
    assert "1.23 s of processor, 50.0 MiB of memory, held by bubblewrap\n" in shown
    assert "document 3, typst 0.14, 2 pages" in shown
    assert '"x"' not in shown
    assert '{\n               "x": "y"\n             }' in format_job(job, PLAIN, with_input=True)
    narrow = format_job(job, Style(is_terminal=True, width=40, colour=False), with_input=True)
    assert max(map(cell_width, narrow.splitlines())) <= 40
