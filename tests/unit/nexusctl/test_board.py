"""The picture of `top`: events in, rows out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusctl.client.frames import SNAPSHOT, SNAPSHOT_BEGIN, SnapshotBegin
from nexusctl.output import board as boards
from nexusctl.output.board import OVER_MAX, Board
from nexusd.contract.events import JobEvent, ProgressEvent, SnapshotEndEvent
from nexusd.contract.jobs import Job, JobSummary
from nexusd.contract.status import Status
from tests.unit.nexusctl import documents

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def job(number: int, status: str = "queued", **changes: Any) -> JobSummary:
    """A job; those of higher numbers are younger."""
    moment = (NOON + timedelta(seconds=number)).isoformat()
    ends = {"finishedAt": moment} if status in ("done", "failed", "cancelled") else {}
    starts = {"startedAt": moment} if status == "running" else {}
    document = documents.summary(status, id=f"job-{number:08}", createdAt=moment, **starts, **ends)
    return JobSummary.model_validate_json(json.dumps({**document, **changes}))


def event(job: JobSummary) -> JobEvent:
    """The event of a job as it stands."""
    return JobEvent(company_id=job.company_id, job_id=job.id, created_at=NOON, job=job)


def tell(board: Board, *jobs: JobSummary) -> None:
    """Tell a board of jobs, as events do."""
    for each in jobs:
        board.take(f"content_job.{each.status}", event(each))


def snapshot(board: Board, *jobs: JobSummary, complete: bool = True) -> None:
    """Tell a board of all jobs that are not over."""
    board.take(SNAPSHOT_BEGIN, SnapshotBegin())
    for each in jobs:
        board.take(SNAPSHOT, event(each))
    board.take("snapshot.end", SnapshotEndEvent(jobs=len(jobs), complete=complete, resumed_from=1))


def ids(board: Board) -> dict[str, list[str]]:
    """What stands in each section."""
    return {section.title: [job.id for job in section.jobs] for section in board.sections() if section.jobs}


def status(**changes: Any) -> Status:
    """The daemon's status."""
    limits = {
        "runningJobs": 4,
        "slotsPerType": {"video": 2},
        **dict.fromkeys(
            (
                "bodyMaxBytes",
                "batchMaxBytes",
                "attachmentMaxBytes",
                "generatedAssetMaxBytes",
                "writeQueueLength",
                "connections",
                "logMaxBytes",
                "eventRetentionSeconds",
                "eventRetentionCount",
                "spareIdleSeconds",
                "sparesMemoryMaxBytes",
            ),
            1,
        ),
    }
    document = {
        "version": "1.2.3",
        "pid": 1,
        "startedAt": documents.MOMENT,
        "stopping": False,
        "jobs": {"queued": 1, "running": 3, "failed": 2},
        "queue": {"length": 1},
        "assets": 0,
        "lastEventId": 1,
        "events": {"prunedThrough": 0, "highestId": 1},
        "requestsOpen": 0,
        "containment": {"level": "landlock", "processes": "rlimit"},
        "limits": limits,
        "socket": "/s",
        "stateDirectory": "/d",
        "schemaRevision": "1",
        "sqliteVersion": "3",
    }
    return Status.model_validate_json(json.dumps({**document, **changes}))


def test_the_names_of_frames_are_those_of_the_client() -> None:
    assert (boards.SNAPSHOT, boards.SNAPSHOT_BEGIN) == (SNAPSHOT, SNAPSHOT_BEGIN)


def test_a_job_goes_through_the_sections() -> None:
    board = Board()
    for state, section in (("queued", "Queue"), ("running", "Running"), ("failed", "Failed")):
        tell(board, job(1, state))
        assert ids(board) == {section: ["job-00000001"]}
    tell(board, job(2, "done"), job(3, "cancelled"))
    assert ids(board) == {"Failed": ["job-00000001"], "Ended": ["job-00000003", "job-00000002"]}


def test_the_queue_stands_in_the_order_in_which_jobs_start() -> None:
    board = Board()
    tell(board, job(3), job(1), job(2, priority=5), job(4, priority=-1))
    assert ids(board)["Queue"] == ["job-00000002", "job-00000001", "job-00000003", "job-00000004"]


def test_progress_is_that_of_the_attempt_that_runs() -> None:
    board = Board()
    tell(board, job(1, "running", attempt=2))
    for attempt, progress in ((2, 0.5), (1, 0.9)):
        board.take(
            "content_job.progress",
            ProgressEvent(
                company_id="c", job_id="job-00000001", created_at=NOON, attempt=attempt, progress=progress, message="so far"
            ),
        )
    [found] = board.jobs()
    assert (found.progress, found.progress_message) == (0.5, "so far")


def test_a_snapshot_replaces_what_is_not_over_once_it_is_whole() -> None:
    board = Board()
    tell(board, job(1), job(2, "failed"))
    board.take(SNAPSHOT_BEGIN, SnapshotBegin())
    board.take(SNAPSHOT, event(job(3, "running")))
    assert ids(board) == {"Queue": ["job-00000001"], "Failed": ["job-00000002"]}
    assert not board.is_loaded
    snapshot(board, job(4), complete=False)  # the first broke off: this is all there is
    assert ids(board) == {"Queue": ["job-00000004"], "Failed": ["job-00000002"]}
    assert board.is_loaded
    assert board.sections()[1].more


def test_what_is_over_stays_so_and_is_bounded() -> None:
    board = Board()
    tell(board, job(1, "done"), job(1, "running"))
    assert ids(board) == {"Ended": ["job-00000001"]}
    board.take_over(job(number, "failed") for number in range(100, 100 + OVER_MAX + 5))
    failed = ids(board)["Failed"]
    assert (len(failed), failed[0], failed[-1]) == (OVER_MAX, f"job-{104 + OVER_MAX:08}", "job-00000105")
    assert ids(board)["Ended"] == ["job-00000001"]
    board.take_over([job(7)])  # a list that is older than the events
    assert "Queue" not in ids(board)


def test_trouble_is_over_with_the_next_thing_heard() -> None:
    board = Board(trouble="away")
    tell(board, job(1))
    assert board.trouble == ""
    board.trouble = "away"
    board.take_answers(status(), [])
    assert board.trouble == ""


def test_estimates_of_jobs_that_are_over_are_forgotten() -> None:
    board = Board()
    tell(board, job(1), job(2))
    jobs = [
        Job.model_validate_json(json.dumps(documents.job(id=f"job-{number:08}", queuePosition=number))) for number in (1, 2)
    ]
    board.take_answers(status(), jobs)
    assert {job_id: estimate.position for job_id, estimate in board.estimates.items()} == {"job-00000001": 1, "job-00000002": 2}
    tell(board, job(1, "done"))
    board.take_answers(status(), [])
    assert list(board.estimates) == ["job-00000002"]


def test_slots_are_those_of_types_and_of_other_companies() -> None:
    board = Board()
    assert board.used_slots() is None
    board.take_answers(status(), [])
    assert board.used_slots() == 3
    tell(board, job(1, "running", jobType="video"))
    assert board.used_slots() == 4


@pytest.mark.parametrize(
    ("paused", "whole", "of_type"), [(None, True, True), ("diagram", False, True), ("video", False, False)]
)
def test_pauses_of_the_queue_and_of_types(paused: str | None, whole: bool, of_type: bool) -> None:
    board = Board()
    assert not board.is_paused()
    board.take_answers(status(paused=[{"jobType": paused, "pausedAt": documents.MOMENT}]), [])
    assert (board.is_paused(), board.is_paused("diagram")) == (whole, of_type)


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["queued", "running", "done", "failed", "cancelled"]))))
def test_each_job_stands_in_one_section(told: list[tuple[int, str]]) -> None:
    board = Board()
    for number, state in told:
        tell(board, job(number, state))
    found = [job.id for job in board.jobs()]
    assert len(found) == len(set(found))
    assert set(found) == {f"job-{number:08}" for number, _ in told}
