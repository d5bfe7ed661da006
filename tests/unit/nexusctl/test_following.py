"""The cursor of a stream: what is new, what is old, and when a job is over."""

from __future__ import annotations

import json

import pytest

from nexusctl.client.following import Following
from nexusctl.errors import BadAnswer
from nexusd.contract.events import JobEvent, ResetEvent
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


def test_a_stopping_server_is_told_and_moves_nothing() -> None:
    following = Following(3)
    events = list(following.receive(frame("server.stopping", {"retryAfterSeconds": 1})))
    assert [event.name for event in events] == ["server.stopping"]
    assert (following.cursor, following.finished) == (3, False)


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
