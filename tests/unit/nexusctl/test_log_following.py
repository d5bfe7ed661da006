"""A reader of a log that is followed: what it goes on from after each kind of break, and what it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nexusctl.client.log_following import LogFollowing, LogFrame
from nexusctl.client.nexus import Nexus
from nexusctl.client.patience import Patience
from nexusctl.errors import BadAnswer, Refused
from nexusd.contract.logs import LogEvent
from tests.unit.nexusctl.documents import JOB_ID, frame, job, problem
from tests.unit.nexusctl.peer import Peer, answer, content, hang_up, open_peer, stream

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PREAMBLE = b"retry: 1000\n\n"
LOG = f"/v1/companies/default/content-jobs/{JOB_ID}/log"


def piece(offset: int, text: str, attempt: int = 1) -> bytes:
    """A `log` frame."""
    end = offset + len(text.encode())
    data = {"attempt": attempt, "offset": offset, "nextOffset": end, "text": text}
    return frame("log", data, (attempt - 1) * 2**40 + end)


def end(position: int, attempt: int | None = 1, status: str = "done") -> bytes:
    """An `end` frame."""
    return frame("end", {"attempt": attempt, "status": status, "complete": True}, position)


def text_of(frames: Iterable[LogFrame]) -> str:
    """Return the text of the pieces."""
    return "".join(each.data.text for each in frames if isinstance(each.data, LogEvent))


def read(following: LogFollowing, *chunks: bytes) -> list[LogFrame]:
    """Return the frames of a connection."""
    following.connected()
    return [each for chunk in chunks for each in following.receive(chunk)]


def test_the_place_moves_with_whole_frames_and_keep_alives() -> None:
    following = LogFollowing()
    assert "Last-Event-ID" not in following.connected()
    whole = PREAMBLE + piece(0, "aü")
    for cut in range(len(whole)):
        following = LogFollowing()
        assert read(following, whole[:cut]) == []
        assert following.position is None
    assert text_of(read(following, whole)) == "aü"
    assert following.connected()["Last-Event-ID"] == "3"
    assert read(following, PREAMBLE, b"id: 7\n\n") == []
    assert following.connected()["Last-Event-ID"] == "7"
    assert text_of(read(following, piece(0, "b", attempt=2))) == "b"
    assert following.connected()["Last-Event-ID"] == str(2**40 + 1)


def test_nothing_comes_after_the_end_and_nothing_of_frames_that_are_unknown() -> None:
    following = LogFollowing()
    found = read(following, frame("server.stopping", {"retryAfterSeconds": 1}), frame("later", {}), piece(0, "a"), end(1))
    assert [(each.id, each.name) for each in found] == [(1, "log"), (1, "end")]
    assert following.finished
    assert list(following.receive(piece(1, "b"))) == []


@pytest.mark.parametrize("spoilt", [frame("log", {"attempt": 1}, 1), b"event: end\ndata: {\n\n", b"data: " + b"x" * 5_000_000])
def test_what_is_not_the_protocol_is_said(spoilt: bytes) -> None:
    with pytest.raises(BadAnswer, match=r"log|stream"):
        read(LogFollowing(), spoilt)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the peer listens."""
    return tmp_path / "s"


def open_nexus(path: Path) -> Nexus:
    """A client that does not pause."""
    return Nexus(path, patience=Patience(sleep=lambda _: None))


def asked(peer: Peer) -> list[tuple[str, str | None]]:
    """What was asked for: the path, and the place to go on from."""
    return [(seen.path, seen.headers.get("Last-Event-ID")) for seen in peer.seen]


def test_a_connection_that_breaks_or_ends_is_made_again_where_it_was(path: Path) -> None:
    busy: dict[str, Any] = problem("write-queue-full", 503)
    script = [
        stream(PREAMBLE, piece(0, "one"), piece(3, "tw")[:-9], finish=False),
        hang_up,
        answer(503, busy, Retry_After="0"),
        stream(PREAMBLE, piece(3, "two"), frame("server.stopping", {"retryAfterSeconds": 1})),
        stream(PREAMBLE, piece(0, "again", attempt=2), finish=False),
        stream(PREAMBLE, end(2**40 + 5, attempt=2)),
    ]
    with open_peer(path, *script) as peer, open_nexus(path) as nexus:
        frames = list(nexus.follow_log(JOB_ID))
        assert text_of(frames) == "onetwoagain"
        assert frames[-1].document == {"attempt": 2, "status": "done", "complete": True}
        again = f"{LOG}?follow=true"
        places = [None, "3", "3", "3", "6", str(2**40 + 5)]
        assert asked(peer) == [(again, place) for place in places]
        assert peer.seen[0].headers["Accept"] == "text/event-stream"


def test_a_log_with_nothing_left_ends(path: Path) -> None:
    script = [stream(piece(0, "a"), finish=False), content(204, b""), answer(200, job("failed", attempt=3))]
    with open_peer(path, *script) as peer, open_nexus(path) as nexus:
        *_, last = nexus.follow_log(JOB_ID, attempt=3)
        assert (last.id, last.name) == (1, "end")
        assert last.document == {"attempt": 3, "status": "failed", "complete": True}
        assert asked(peer)[0] == (f"{LOG}?follow=true&attempt=3", None)


def test_a_job_that_there_is_not_is_not_asked_for_again(path: Path) -> None:
    with open_peer(path, answer(404, problem("not-found", 404))) as peer, open_nexus(path) as nexus:
        with pytest.raises(Refused):
            list(nexus.follow_log(JOB_ID))
        assert len(peer.seen) == 1


def test_only_bytes_that_are_no_text_are_asked_for_anew(path: Path) -> None:
    script = [content(200, b"\xff"), content(200, b"\xfe!and more that is not meant")]
    with open_peer(path, *script) as peer, open_nexus(path) as nexus:
        clear = LogEvent(attempt=2, offset=3, next_offset=6, text="aü")
        assert nexus.read_raw_piece(JOB_ID, clear) == "aü".encode()
        assert peer.seen == []
        spoilt = LogEvent(attempt=2, offset=3, next_offset=6, text="\ufffd\ufffd!")
        assert nexus.read_raw_piece(JOB_ID, spoilt) == b"\xff\xfe!"
        assert [seen.path for seen in peer.seen] == [f"{LOG}?attempt=2&offset=3&raw=true", f"{LOG}?attempt=2&offset=4&raw=true"]
        peer.script = [content(200, b"")]
        assert nexus.read_raw_piece(JOB_ID, spoilt) == b""
