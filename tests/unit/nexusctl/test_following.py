"""The cursor of a stream: what is new, what is old, and when a job is over."""

from __future__ import annotations

import json

import pytest

from nexusctl.client.following import Following
from nexusctl.client.frames import EVENTS
from nexusctl.errors import BadAnswer
from nexusd.contract.events import AssetEvent, JobEvent, LaggingEvent, ResetEvent, SnapshotEndEvent
from nexusd.contract.jobs import Job
from tests.unit.nexusctl import documents
from tests.unit.nexusctl.documents import frame, progress_frame, status_frame


def numbers(following: Following, *chunks: bytes) -> list[int | None]:
    return [event.id for chunk in chunks for event in following.receive(chunk)]


def test_events_come_in_order_until_the_terminal_status() -> None:
    following = Following()
    following.connected()
    assert numbers(following, status_frame(1, "queued"), progress_frame(2, 0.5), status_frame(3, "done")) == [1, 2, 3]
    assert following.finished


def test_nothing_follows_the_terminal_status() -> None:
    following = Following()
    assert numbers(following, status_frame(3, "failed") + status_frame(4, "running")) == [3]
    assert following.cursor == 3


def test_the_first_connection_sends_no_id_and_the_next_the_last_one() -> None:
    following = Following()
    assert "Last-Event-ID" not in following.connected()
    numbers(following, status_frame(5, "running"))
    assert following.connected()["Last-Event-ID"] == "5"


def test_a_keep_alive_moves_the_cursor() -> None:
    following = Following()
    numbers(following, status_frame(5, "running") + b"id: 40\n\n")
    assert following.connected()["Last-Event-ID"] == "40"


def test_an_event_is_never_returned_twice() -> None:
    following = Following()
    numbers(following, status_frame(5, "running") + progress_frame(6, 0.1))
    following.connected()
    assert numbers(following, status_frame(5, "running") + progress_frame(6, 0.1) + progress_frame(7, 0.2)) == [7]


def test_half_a_frame_of_a_lost_connection_is_forgotten() -> None:
    following = Following()
    numbers(following, status_frame(5, "running") + progress_frame(6, 0.1)[:-1])
    following.connected()
    assert numbers(following, progress_frame(6, 0.1)) == [6]


def test_a_reset_moves_the_cursor_to_where_it_says() -> None:
    following = Following(900)
    reset = {"reason": "future", "requested": 900, "resumedFrom": 4, "oldestAvailable": 1}
    events = list(following.receive(frame("reset", reset, 4) + status_frame(5, "running")))
    assert [type(event.data) for event in events] == [ResetEvent, JobEvent]
    assert following.cursor == 5


def test_the_status_after_a_reset_is_new_whatever_its_id_and_a_break_before_it_begins_anew() -> None:
    following = Following(900)
    reset = frame("reset", RESET | {"resumedFrom": 4}, 4)
    assert [event.id for event in following.receive(reset)] == [None]
    assert "Last-Event-ID" not in following.connected()
    assert numbers(following, reset + status_frame(4, "running"), status_frame(5, "done")) == [None, 4, 5]


def test_a_stopping_server_is_told_and_moves_nothing() -> None:
    following = Following(3)
    events = list(following.receive(frame("server.stopping", {"retryAfterSeconds": 7})))
    assert [event.name for event in events] == ["server.stopping"]
    assert (following.cursor, following.finished, following.pause_seconds) == (3, False, 7)
    following.connected()
    assert following.pause_seconds == 0


RESET = {"reason": "pruned", "requested": 9, "resumedFrom": 40, "oldestAvailable": 21}


def told(following: Following, *chunks: bytes) -> list[tuple[int | None, str]]:
    return [(event.id, event.name) for chunk in chunks for event in following.receive(chunk)]


def snapshot_frame(status: str = "queued") -> bytes:
    return frame("snapshot", documents.status_event(status))


def end_frame(number: int, jobs: int) -> bytes:
    return frame("snapshot.end", {"jobs": jobs, "complete": True, "resumedFrom": number}, number)


def test_events_of_a_company_have_the_types_of_the_contract_and_no_end() -> None:
    asset = {"companyId": "c", "assetId": "a", "createdAt": documents.MOMENT, "asset": documents.asset()}
    stream = frame("content_job.done", documents.status_event("done"), 1) + frame("asset.created", asset, 2)
    following = Following(0, EVENTS)
    first, second = list(following.receive(stream))
    assert isinstance(first.data, JobEvent)
    assert isinstance(second.data, AssetEvent)
    assert (following.cursor, following.finished) == (2, False)


def test_a_snapshot_begins_and_only_its_end_is_a_place() -> None:
    following = Following(None, EVENTS, snapshot=True)
    following.connected()
    assert following.params == {"snapshot": ["active"]}
    assert told(following, snapshot_frame(), snapshot_frame("running")) == [
        (None, "snapshot.begin"),
        (None, "snapshot"),
        (None, "snapshot"),
    ]
    assert "Last-Event-ID" not in following.connected()
    assert following.params == {"snapshot": ["active"]}
    assert told(following, snapshot_frame() + end_frame(40, 1)) == [
        (None, "snapshot.begin"),
        (None, "snapshot"),
        (40, "snapshot.end"),
    ]
    assert following.connected()["Last-Event-ID"] == "40"
    assert following.params == {}


def test_a_snapshot_of_no_jobs_begins_too() -> None:
    following = Following(None, EVENTS, snapshot=True)
    *_, end = following.receive(end_frame(7, 0))
    assert isinstance(end.data, SnapshotEndEvent)
    assert end.data.complete
    following.connected()
    assert told(Following(None, EVENTS), end_frame(7, 0)) == [(None, "snapshot.begin"), (7, "snapshot.end")]


def test_a_reader_that_has_a_cursor_asks_for_no_snapshot_until_it_is_reset() -> None:
    following = Following(9, EVENTS, snapshot=True)
    assert following.params == {}
    assert told(following, frame("reset", RESET)) == [(None, "reset")]
    following.connected()
    assert following.params == {"snapshot": ["active"]}


@pytest.mark.parametrize("snapshot", [True, False])
def test_a_reset_in_the_midst_of_rows_leaves_no_place_but_the_end_of_its_snapshot(snapshot: bool) -> None:
    row = frame("content_job.queued", documents.status_event(), 9)
    following = Following(8, EVENTS, snapshot=snapshot)
    told(following, row + frame("reset", RESET) + snapshot_frame())  # whose id lines are missing: a browser would keep 9
    assert following.cursor is None
    assert "Last-Event-ID" not in following.connected()
    assert told(following, end_frame(40, 0))[-1] == (40, "snapshot.end")


def test_a_snapshot_that_nobody_asked_for_counts_like_one_that_was() -> None:
    following = Following(9, EVENTS)
    told(following, snapshot_frame())
    assert "Last-Event-ID" not in following.connected()
    assert following.params == {"snapshot": ["active"]}


def test_without_a_snapshot_the_first_keep_alive_is_the_place() -> None:
    following = Following(None, EVENTS)
    following.connected()
    assert following.params == {}
    assert numbers(following, b"retry: 1000\n\nid: 12\n\n") == []
    assert following.connected()["Last-Event-ID"] == "12"


def test_a_reader_that_lags_hurries_only_when_it_has_moved() -> None:
    lagging = frame("lagging", {"cursor": 5, "behind": 4097}, 5)
    following = Following(3, EVENTS)
    following.connected()
    row = frame("content_job.queued", documents.status_event(), 5)
    *_, event = following.receive(row + lagging)
    assert isinstance(event.data, LaggingEvent)
    assert (event.id, following.hurry) == (5, True)
    assert following.connected()["Last-Event-ID"] == "5"
    assert not following.hurry
    told(following, lagging)
    assert not following.hurry


def test_a_connection_is_heard_once_a_frame_or_a_keep_alive_has_come() -> None:
    following = Following(3, EVENTS)
    following.connected()
    told(following, b"retry: 2500\n\n", b"id: 4\n")
    assert (following.heard, following.retry_seconds) == (False, 2.5)
    told(following, b"\n")
    assert following.heard
    following.connected()
    assert not following.heard
    told(following, frame("novelty", {}))
    assert following.heard


def test_frames_of_a_later_daemon_are_skipped_and_unknown_fields_kept() -> None:
    following = Following()
    status = documents.status_event("running") | {"mood": "good"}
    events = list(following.receive(frame("novelty", {"x": 1}, 2) + frame("status", status, 3)))
    assert [event.id for event in events] == [3]
    assert events[0].document["mood"] == "good"


@pytest.mark.parametrize("data", ["{", "[]", '{"jobId": 1}'])
def test_data_that_is_not_the_contracts_is_a_bad_answer(data: str) -> None:
    with pytest.raises(BadAnswer, match="event stream"):
        list(Following().receive(f"event: status\nid: 1\ndata: {data}\n\n".encode()))


def test_a_frame_above_the_bound_is_a_bad_answer() -> None:
    with pytest.raises(BadAnswer, match="longer than"):
        list(Following().receive(b"data: " + b"x" * 5_000_000))


def test_a_job_that_is_over_concludes_the_stream() -> None:
    following = Following(8)
    job = Job.model_validate_json(json.dumps(documents.job("done", finishedAt=documents.MOMENT)))
    (event,) = following.conclude(job)
    assert isinstance(event.data, JobEvent)
    assert event.data.job.status == "done"
    assert "input" not in event.document["job"]
    assert list(following.conclude(job)) == []


def test_a_job_that_goes_on_does_not() -> None:
    following = Following(8)
    assert list(following.conclude(Job.model_validate_json(json.dumps(documents.job("running"))))) == []
    assert not following.finished
