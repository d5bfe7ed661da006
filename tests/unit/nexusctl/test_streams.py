"""Streams that break, fall silent, lag or are refused: when the client connects again, and what it then asks for."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest

from nexusctl.client.nexus import Nexus
from nexusctl.client.patience import FOR_EVER
from nexusctl.errors import Refused, Unreachable
from tests.unit.nexusctl import documents
from tests.unit.nexusctl.clocks import Clock
from tests.unit.nexusctl.documents import JOB_ID, frame, status_frame
from tests.unit.nexusctl.peer import answer, hang_up, open_peer, stream

if TYPE_CHECKING:
    from pathlib import Path

# See test_nexus: httpcore leaves a socket that could not connect to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning"),
    pytest.mark.usefixtures("collected"),
]

EVENTS = "/v1/companies/default/events"
STOPPING = frame("server.stopping", {"retryAfterSeconds": 3})
RETRY = b"retry: 1000\n\n"


def row(number: int, status: str = "queued") -> bytes:
    return frame(f"content_job.{status}", documents.status_event(status), number)


def snapshot(number: int, *statuses: str) -> list[bytes]:
    end = {"jobs": len(statuses), "complete": True, "resumedFrom": number}
    return [*(frame("snapshot", documents.status_event(status)) for status in statuses), frame("snapshot.end", end, number)]


def open_nexus(path: Path, clock: Clock, seconds: float = 30, silence_seconds: float = 5) -> Nexus:
    return Nexus(path, patience=clock.patience(seconds), silence_seconds=silence_seconds)


def told(nexus: Nexus, count: int, **options: object) -> list[tuple[int | None, str]]:
    """Return the first events of the company, and close the stream."""
    events = nexus.follow_company(**options)  # type: ignore[arg-type]
    return [(event.id, event.name) for event in islice(events, count)]


def test_a_company_is_followed_over_any_number_of_breaks(path: Path) -> None:
    steps = [
        stream(RETRY, b"id: 4\n\n", finish=False),
        hang_up,
        stream(RETRY, row(5), row(6)[:30], finish=False),
        stream(RETRY, row(6), row(7, "running"), STOPPING),
        answer(503, documents.problem("stopping", 503), Retry_After="2"),
        stream(RETRY, row(6), row(7, "running"), row(8, "done")),
    ]
    with open_peer(path, *steps) as peer, open_nexus(path, Clock()) as nexus:
        assert [number for number, _ in told(nexus, 5)] == [5, 6, 7, None, 8]
    assert [seen.headers.get("Last-Event-ID") for seen in peer.seen] == [None, "4", "4", "5", "7", "7"]
    assert {seen.path for seen in peer.seen} == {EVENTS}


def test_types_and_the_company_are_asked_for_on_every_connection(path: Path) -> None:
    steps = [stream(b"id: 4\n\n"), stream(row(5))]
    with open_peer(path, *steps) as peer, open_nexus(path, Clock()) as nexus:
        told(nexus, 1, company="a b", types=["content_job.queued", "asset.created"])
    expected = "/v1/companies/a%20b/events?types=content_job.queued&types=asset.created"
    assert [seen.path for seen in peer.seen] == [expected] * 2


def test_all_companies_are_followed_from_a_cursor(path: Path) -> None:
    with open_peer(path, stream(row(8))) as peer, open_nexus(path, Clock()) as nexus:
        assert next(nexus.follow_all(after=7)).id == 8
    assert (peer.seen[0].path, peer.seen[0].headers["Last-Event-ID"]) == ("/v1/events", "7")


def test_a_torn_snapshot_is_asked_for_anew_and_a_whole_one_never_again(path: Path) -> None:
    steps = [
        stream(RETRY, *snapshot(9, "queued", "running")[:1], finish=False),
        stream(RETRY, *snapshot(10, "running"), finish=False),
        stream(RETRY, row(11, "done")),
    ]
    with open_peer(path, *steps) as peer, open_nexus(path, Clock()) as nexus:
        events = told(nexus, 6, snapshot=True)
    begin, job = (None, "snapshot.begin"), (None, "snapshot")
    assert events == [begin, job, begin, job, (10, "snapshot.end"), (11, "content_job.done")]
    asked = [(seen.path, seen.headers.get("Last-Event-ID")) for seen in peer.seen]
    assert asked == [(f"{EVENTS}?snapshot=active", None)] * 2 + [(EVENTS, "10")]


def test_a_reset_whose_snapshot_is_torn_is_followed_by_another_snapshot(path: Path) -> None:
    reset = frame("reset", {"reason": "pruned", "requested": 3, "resumedFrom": 9, "oldestAvailable": 6})
    steps = [stream(reset, *snapshot(9, "queued")[:1], finish=False), stream(*snapshot(12))]
    with open_peer(path, *steps) as peer, open_nexus(path, Clock()) as nexus:
        names = [name for _, name in told(nexus, 5, after=3)]
    assert names == ["reset", "snapshot.begin", "snapshot", "snapshot.begin", "snapshot.end"]
    asked = [(seen.path, seen.headers.get("Last-Event-ID")) for seen in peer.seen]
    assert asked == [(EVENTS, "3"), (f"{EVENTS}?snapshot=active", None)]


def test_a_slow_reader_comes_back_at_once_while_it_gets_on(path: Path) -> None:
    clock = Clock()
    lagging = [frame("lagging", {"cursor": number, "behind": 5000}, number) for number in (5, 6)]
    steps = [stream(RETRY, row(5), lagging[0]), stream(RETRY, row(6), lagging[1]), stream(RETRY, lagging[1]), stream(row(7))]
    with open_peer(path, *steps) as peer, open_nexus(path, clock) as nexus:
        assert told(nexus, 6, after=4) == [
            (5, "content_job.queued"),
            (5, "lagging"),
            (6, "content_job.queued"),
            (6, "lagging"),
            (6, "lagging"),
            (7, "content_job.queued"),
        ]
    assert [seen.headers["Last-Event-ID"] for seen in peer.seen] == ["4", "5", "6", "6"]
    assert len(clock.pauses) == len(clock.notices) == 1


def test_a_silent_connection_is_given_up_and_resumed(path: Path) -> None:
    steps = [stream(row(5), hold=True), stream(row(6))]
    clock = Clock()
    with open_peer(path, *steps) as peer, open_nexus(path, clock, silence_seconds=0.05) as nexus:
        assert [number for number, _ in told(nexus, 2, after=4)] == [5, 6]
    assert clock.notices == ["nexusd did not answer in time; trying again"]
    assert peer.seen[1].headers["Last-Event-ID"] == "5"


def test_the_pause_is_what_a_stopping_daemon_asks_for_and_more_only_by_jitter(path: Path) -> None:
    clock = Clock()
    with open_peer(path, stream(RETRY, row(5), STOPPING), stream(row(6))), open_nexus(path, clock) as nexus:
        told(nexus, 3, after=4)
    (pause,) = clock.pauses
    assert 3 <= pause <= 4


def test_a_refusal_for_now_is_waited_out_as_long_as_it_says(path: Path) -> None:
    clock = Clock()
    busy = answer(503, documents.problem("too-many-connections", 503), Retry_After="6")
    with open_peer(path, busy, stream(row(5))), open_nexus(path, clock) as nexus:
        told(nexus, 1, after=4)
    assert 6 <= clock.now <= 6.1


def test_the_first_pause_is_as_long_as_retry_says_at_most(path: Path) -> None:
    clock = Clock()
    quiet = [stream(b"retry: 2000\n\n", b"id: 4\n\n") for _ in range(30)]
    with open_peer(path, *quiet, stream(row(5))), open_nexus(path, clock) as nexus:
        told(nexus, 1)
    assert min(clock.pauses) < 1 < max(clock.pauses) <= 2


def test_pauses_grow_from_what_retry_says_while_nothing_comes(path: Path) -> None:
    clock = Clock()
    retry = b"retry: 200\n\n"  # no frame: whoever says no more has not answered
    with open_peer(path, *[stream(retry)] * 40, stream(row(5))), open_nexus(path, clock, FOR_EVER) as nexus:
        told(nexus, 1, after=4)
    assert clock.pauses[0] <= 0.2
    assert 1 < max(clock.pauses) <= 5
    assert max(clock.pauses[20:]) > 2


def test_a_keep_alive_is_an_answer(path: Path) -> None:
    clock = Clock()
    quiet = [stream(RETRY, b"id: 4\n\n", STOPPING) for _ in range(20)]  # 60 seconds, and no event in all that time
    with open_peer(path, *quiet, stream(row(5))), open_nexus(path, clock) as nexus:
        assert [name for _, name in told(nexus, 21)][-1] == "content_job.queued"
    assert max(clock.pauses) <= 4


def test_the_patience_ends_unless_it_is_for_ever(path: Path) -> None:
    clock = Clock()
    with open_nexus(path, clock) as nexus, pytest.raises(Unreachable, match="not answered for"):
        told(nexus, 1)
    assert 30 < clock.now < 36
    with open_nexus(path, Clock(), FOR_EVER) as nexus:
        events = nexus.follow_company(after=0)
        with open_peer(path, *[hang_up] * 50, stream(row(1))):
            assert next(events).id == 1
        events.close()


@pytest.mark.parametrize("status", [400, 404, 422])
def test_what_will_not_get_better_is_refused_at_once(path: Path, status: int) -> None:
    clock = Clock()
    with (
        open_peer(path, answer(status, documents.problem("invalid-request", status))),
        open_nexus(path, clock) as nexus,
        pytest.raises(Refused),
    ):
        told(nexus, 1, types=["nonsense"])
    assert clock.pauses == []


def test_the_status_after_a_jobs_reset_is_given(path: Path) -> None:
    reset = frame("reset", {"reason": "future", "requested": 90, "resumedFrom": 4, "oldestAvailable": 1}, 4)
    steps = [stream(reset, finish=False), stream(status_frame(4, "running"), status_frame(5, "done"))]
    with open_peer(path, *steps) as peer, open_nexus(path, Clock()) as nexus:
        events = [(event.id, event.name) for event in nexus.follow_job(JOB_ID, last_event_id=90)]
    assert events == [(None, "reset"), (4, "status"), (5, "status")]
    assert [seen.headers.get("Last-Event-ID") for seen in peer.seen] == ["90", None]
