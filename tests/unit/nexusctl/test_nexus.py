"""The synchronous client against a peer on a real Unix socket: answers, problems, lost connections, resumed streams."""

from __future__ import annotations

import hashlib
import io
import os
from typing import TYPE_CHECKING

import anyio
import pytest

from nexusctl import AsyncNexus
from nexusctl.client.nexus import Nexus
from nexusctl.client.patience import Patience
from nexusctl.errors import BadAnswer, Refused, Unreachable
from nexusd.contract.jobs import JobSubmission
from tests.unit.nexusctl import documents
from tests.unit.nexusctl.clocks import Clock
from tests.unit.nexusctl.documents import JOB_ID, progress_frame, status_frame
from tests.unit.nexusctl.peer import answer, content, hang_up, open_peer, stream, torn

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.nexusctl.peer import Step

# httpcore 1.0 leaves a socket that could not connect to the garbage collector, which closes it with a warning: here, and not
# in whatever test happens to run when the collector comes.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning"),
    pytest.mark.usefixtures("collected"),
]

BASE = "/v1/companies/default"


def open_nexus(path: Path, clock: Clock | None = None) -> Nexus:
    return Nexus(path, patience=(clock or Clock()).patience())


def test_a_submission_carries_its_key_and_gives_the_job(path: Path) -> None:
    accepted = {"jobId": JOB_ID, "status": "queued", "createdAt": documents.MOMENT}
    with open_peer(path, answer(202, accepted)) as peer, open_nexus(path) as nexus:
        submission = JobSubmission(job_type="diagram", input={"source": "ä -> b"}, priority=3)
        assert nexus.submit(submission, key="k-1").job_id == JOB_ID
    (seen,) = peer.seen
    assert (seen.method, seen.path) == ("POST", f"{BASE}/content-jobs")
    assert (seen.headers["Idempotency-Key"], seen.headers["Host"]) == ("k-1", "nexusd")
    assert seen.body.decode() == '{"jobType": "diagram", "input": {"source": "ä -> b"}, "priority": 3}'


def test_a_lost_answer_is_asked_for_again_with_the_same_key(path: Path) -> None:
    clock = Clock()
    accepted = {"jobId": JOB_ID, "status": "queued", "createdAt": documents.MOMENT}
    with open_peer(path, hang_up, hang_up, answer(202, accepted)) as peer, open_nexus(path, clock) as nexus:
        nexus.submit(JobSubmission(job_type="diagram", input={}), key="k-1")
    assert {seen.headers["Idempotency-Key"] for seen in peer.seen} == {"k-1"}
    assert (len(peer.seen), clock.revived, len(clock.notices)) == (3, 2, 1)


def test_a_busy_daemon_is_asked_again_when_it_says_so(path: Path) -> None:
    clock = Clock()
    busy = answer(503, documents.problem("write-queue-full", 503), Retry_After="7")
    with open_peer(path, busy, answer(200, documents.job())), open_nexus(path, clock) as nexus:
        assert nexus.get_job(JOB_ID).id == JOB_ID
    assert 7 <= clock.now < 7.2  # and never all clients at the same moment


def test_a_daemon_that_stays_busy_has_refused(path: Path) -> None:
    busy = answer(503, documents.problem("stopping", 503, "going down"), Retry_After="20")
    with open_peer(path, busy, busy, busy, busy), open_nexus(path) as nexus, pytest.raises(Refused, match="going down"):
        nexus.status()


def test_a_problem_is_a_refusal_that_names_the_places(path: Path) -> None:
    invalid = [{"name": "/input/source", "reason": "is missing"}]
    step = answer(422, documents.problem("invalid-request", 422, "not valid", invalidParams=invalid))
    with open_peer(path, step), open_nexus(path) as nexus, pytest.raises(Refused) as caught:
        nexus.submit(JobSubmission(job_type="diagram", input={}), key="k")
    assert (str(caught.value), caught.value.slug, caught.value.exit_code) == ("not valid", "invalid-request", 4)
    assert caught.value.hint == "/input/source: is missing"


@pytest.mark.parametrize(
    "step", [content(502, b"<html>bad gateway"), content(200, b"[]"), content(200, b"nonsense"), answer(200, {})]
)
def test_what_is_not_this_protocol_is_a_bad_answer(path: Path, step: object) -> None:
    with open_peer(path, step), open_nexus(path) as nexus, pytest.raises(BadAnswer) as caught:  # type: ignore[arg-type]
        nexus.get_job(JOB_ID)
    assert caught.value.exit_code == 4


def test_a_daemon_that_stays_away_is_unreachable(path: Path) -> None:
    clock = Clock()
    with open_nexus(path, clock) as nexus, pytest.raises(Unreachable, match="not answered for"):
        nexus.get_job(JOB_ID)
    assert 30 < clock.now < 33
    assert clock.notices == ["nexusd is not running; trying again"]


def test_ids_are_quoted_and_empty_ones_refused(path: Path) -> None:
    with open_peer(path, answer(200, documents.job()), answer(200, documents.job())) as peer, open_nexus(path) as nexus:
        nexus.get_job("../assets?x#y")
        nexus.get_job("..")
        with pytest.raises(Exception, match="empty"):
            nexus.get_job("")
    assert [seen.path for seen in peer.seen] == [f"{BASE}/content-jobs/..%2Fassets%3Fx%23y", f"{BASE}/content-jobs/%2E%2E"]


def test_an_upload_streams_a_file_and_says_what_it_is(path: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a b.png"
    picture.write_bytes(b"x" * 200_000)
    with open_peer(path, hang_up, answer(201, documents.asset())) as peer, open_nexus(path) as nexus:
        nexus.upload_asset(picture, filename="a b.png", content_type="image/png")
    assert peer.seen[1].path == f"{BASE}/assets?namespace=attachments&filename=a+b.png"
    assert (peer.seen[1].headers["Content-Type"], peer.seen[1].body) == ("image/png", b"x" * 200_000)


def test_an_open_file_is_sent_again_from_where_it_stood(path: Path) -> None:
    file = io.BytesIO(b"head" + b"x" * 400_000)
    file.seek(4)
    busy = answer(503, documents.problem("write-queue-full", 503))
    with open_peer(path, hang_up, busy, answer(201, documents.asset())) as peer, open_nexus(path) as nexus:
        nexus.upload(file)
    assert [seen.body for seen in peer.seen[1:]] == [b"x" * 400_000] * 2
    assert not file.closed


def test_what_cannot_be_read_again_is_refused_when_the_daemon_is_busy(path: Path) -> None:
    file = io.BufferedReader(io.FileIO(os.memfd_create("x")))
    file.seekable = lambda: False  # type: ignore[method-assign]
    with (
        open_peer(path, answer(503, documents.problem("busy", 503))) as peer,
        open_nexus(path) as nexus,
        file,
        pytest.raises(Refused),
    ):
        nexus.upload(file)
    assert len(peer.seen) == 1


@pytest.mark.parametrize("loop", ["trio", "asyncio"])
def test_an_asynchronous_client_goes_on_as_the_other_does(path: Path, tmp_path: Path, loop: str) -> None:
    row = documents.asset() | {"byteSize": 10, "sha256": hashlib.sha256(b"0123456789").hexdigest()}
    steps = [
        hang_up,
        answer(200, row),
        torn(200, b"0123", 10),
        torn(206, b"456", 6),
        content(206, b"789"),
        stream(status_frame(1, "running"), progress_frame(2, 0.3)[:20], finish=False),
        stream(progress_frame(2, 0.3), hold=True),
        stream(status_frame(3, "done")),
        hang_up,
        answer(201, row),
        content(502, b"bad gateway"),
    ]

    async def main() -> list[int | None]:
        async with AsyncNexus(path, patience=Patience(), silence_seconds=0.1) as nexus:
            saved = await nexus.download("a", tmp_path / "a")
            assert saved.read_bytes() == b"0123456789"
            told = [event.id async for event in nexus.follow(JOB_ID)]
            assert (await nexus.upload(io.BytesIO(b"x" * 400_000))).byte_size == 10
            with pytest.raises(BadAnswer):
                await nexus.status()
            return told

    with open_peer(path, *steps) as peer:
        assert anyio.run(main, backend=loop) == [1, 2, 3]
    assert [seen.headers.get("Range") for seen in peer.seen[2:5]] == [None, "bytes=4-", "bytes=7-"]
    assert [seen.headers.get("Last-Event-ID") for seen in peer.seen[5:8]] == [None, "1", "2"]
    assert peer.seen[9].body == b"x" * 400_000


def follow(nexus: Nexus) -> list[int | None]:
    return [event.id for event in nexus.follow_job(JOB_ID)]


def test_a_stream_is_followed_to_its_end(path: Path) -> None:
    step = stream(b"retry: 1000\n\n", status_frame(1, "queued"), status_frame(2, "running"), status_frame(3, "done"))
    with open_peer(path, step), open_nexus(path) as nexus:
        assert follow(nexus) == [1, 2, 3]


def test_a_broken_stream_is_resumed_by_id_without_gap_or_repetition(path: Path) -> None:
    first = stream(status_frame(1, "running"), progress_frame(2, 0.2), progress_frame(3, 0.3)[:20], finish=False)
    second = stream(progress_frame(2, 0.2), progress_frame(3, 0.3), finish=False)
    third = stream(status_frame(4, "done"))
    with open_peer(path, first, hang_up, second, third) as peer, open_nexus(path) as nexus:
        assert follow(nexus) == [1, 2, 3, 4]
    assert [seen.headers.get("Last-Event-ID") for seen in peer.seen] == [None, "2", "2", "3"]


def test_a_stream_that_ends_early_is_resumed(path: Path) -> None:
    stopping = documents.frame("server.stopping", {"retryAfterSeconds": 1})
    with (
        open_peer(path, stream(status_frame(1, "running"), stopping), stream(status_frame(2, "done"))),
        open_nexus(path) as nexus,
    ):
        assert follow(nexus) == [1, None, 2]


def test_a_resumed_stream_with_nothing_left_ends_with_the_job(path: Path) -> None:
    steps = [stream(status_frame(1, "running"), finish=False), content(204, b""), answer(200, documents.job("failed"))]
    with open_peer(path, *steps), open_nexus(path) as nexus:
        events = list(nexus.follow_job(JOB_ID))
    assert [(event.id, event.name) for event in events] == [(1, "status"), (1, "status")]
    assert events[-1].document["job"]["status"] == "failed"


def test_a_stopping_daemon_is_waited_for(path: Path) -> None:
    steps = [answer(503, documents.problem("stopping", 503)), stream(status_frame(1, "done"))]
    with open_peer(path, *steps), open_nexus(path) as nexus:
        assert follow(nexus) == [1]


def test_following_a_job_that_is_not_there_is_refused(path: Path) -> None:
    with open_peer(path, answer(404, documents.problem("not-found", 404))), open_nexus(path) as nexus, pytest.raises(Refused):
        follow(nexus)


def test_a_daemon_that_never_comes_back_ends_the_following(path: Path) -> None:
    clock = Clock()
    with open_nexus(path, clock) as nexus:
        with open_peer(path, stream(status_frame(1, "running"), finish=False)):
            events = nexus.follow_job(JOB_ID)
            assert next(events).id == 1
        with pytest.raises(Unreachable):
            next(events)
    assert clock.revived > 5


def test_a_download_goes_on_where_it_broke(path: Path) -> None:
    steps = [torn(200, b"0123", 10), torn(206, b"456", 6), content(206, b"789")]
    with open_peer(path, *steps) as peer, open_nexus(path) as nexus:
        assert b"".join(nexus.download_asset("a")) == b"0123456789"
    assert [seen.headers.get("Range") for seen in peer.seen] == [None, "bytes=4-", "bytes=7-"]


def test_a_download_from_a_peer_without_ranges_skips_what_it_has(path: Path) -> None:
    with open_peer(path, torn(200, b"0123", 10), content(200, b"0123456789")), open_nexus(path) as nexus:
        assert b"".join(nexus.download_asset("a")) == b"0123456789"


def test_what_runs_is_asked_of_every_company_page_by_page(path: Path) -> None:
    def company(identity: str) -> dict[str, str]:
        return {"id": identity, "slug": identity, "name": identity, "createdAt": documents.MOMENT}

    def page(*items: object, cursor: str | None = None) -> Step:
        return answer(200, {"items": list(items), "nextCursor": cursor})

    jobs = [documents.summary("running", id=f"j{number}") for number in range(3)]
    steps = [page(company("a"), cursor="c"), page(jobs[0], cursor="d"), page(jobs[1]), page(company("b")), page(jobs[2])]
    with open_peer(path, *steps) as peer, open_nexus(path) as nexus:
        assert [job.id for job in nexus.find_running("gate")] == ["j0", "j1", "j2"]
    running = "content-jobs?status=running&jobType=gate"
    assert [seen.path for seen in peer.seen] == [
        "/v1/companies",
        f"/v1/companies/a/{running}",
        f"/v1/companies/a/{running}&cursor=d",
        "/v1/companies?cursor=c",
        f"/v1/companies/b/{running}",
    ]


def test_a_job_of_another_company_is_followed_there(path: Path) -> None:
    steps = [stream(status_frame(1, "running"), finish=False), content(204, b""), answer(200, documents.job("done"))]
    with open_peer(path, *steps) as peer, open_nexus(path) as nexus:
        assert [event.id for event in nexus.follow_job(JOB_ID, company="b")] == [1, 1]
    assert {seen.path.removesuffix("/events") for seen in peer.seen} == {f"/v1/companies/b/content-jobs/{JOB_ID}"}


def test_the_queue_is_paused_and_resumed_as_asked(path: Path) -> None:
    state = {"paused": [], "running": 0, "queued": 0}
    with open_peer(path, *[answer(200, state)] * 5) as peer, open_nexus(path) as nexus:
        nexus.pause_queue()
        nexus.pause_queue("a", "why")
        nexus.resume_queue()
        nexus.resume_queue("a")
        assert nexus.resume_queue(every=True).paused == []
    assert [(seen.path, seen.body.decode()) for seen in peer.seen] == [
        ("/v1/queue/pause", "{}"),
        ("/v1/queue/pause", '{"jobType": "a", "reason": "why"}'),
        ("/v1/queue/resume", "{}"),
        ("/v1/queue/resume", '{"jobType": "a"}'),
        ("/v1/queue/resume", '{"all": true}'),
    ]


def page(text: str, offset: int, *, complete: bool, attempt: int | None = 2) -> dict[str, object]:
    """A page of a log."""
    size = offset + len(text.encode())
    return {"jobId": JOB_ID, "attempt": attempt, "offset": offset, "nextOffset": size, "complete": complete, "text": text}


def test_a_log_is_read_page_by_page_and_stays_with_its_attempt(path: Path) -> None:
    pages = [page("ä", 0, complete=False), page("bc", 2, complete=False), page("", 4, complete=False)]
    with open_peer(path, *(answer(200, each) for each in pages)) as peer, open_nexus(path) as nexus:
        assert [found.text for _, found in nexus.read_log(JOB_ID)] == ["ä", "bc", ""]
    log = f"{BASE}/content-jobs/{JOB_ID}/log"
    assert [seen.path for seen in peer.seen] == [f"{log}?offset=0", f"{log}?attempt=2&offset=2", f"{log}?attempt=2&offset=4"]


def test_a_log_that_is_complete_is_not_asked_for_again(path: Path) -> None:
    with open_peer(path, answer(200, page("all", 0, complete=True))) as peer, open_nexus(path) as nexus:
        assert [found.text for _, found in nexus.read_log(JOB_ID, attempt=1)] == ["all"]
    assert len(peer.seen) == 1


def test_a_raw_log_is_read_until_there_is_no_more(path: Path) -> None:
    parts = (b"\xff\xfe", b"\x1b", b"")
    with open_peer(path, *(content(200, part) for part in parts)) as peer, open_nexus(path) as nexus:
        assert b"".join(nexus.read_raw_log(JOB_ID, attempt=1)) == b"\xff\xfe\x1b"
    assert [seen.path.partition("?")[2] for seen in peer.seen] == [
        f"attempt=1&offset={offset}&raw=true" for offset in (0, 2, 3)
    ]


def test_a_retry_carries_its_key(path: Path) -> None:
    accepted = {"jobId": JOB_ID, "status": "queued", "createdAt": documents.MOMENT}
    with open_peer(path, hang_up, answer(202, accepted)) as peer, open_nexus(path) as nexus:
        assert nexus.retry_job("old", key="k-1").job_id == JOB_ID
    assert [(seen.method, seen.path) for seen in peer.seen] == [("POST", f"{BASE}/content-jobs/old/retry")] * 2
    assert {seen.headers["Idempotency-Key"] for seen in peer.seen} == {"k-1"}
