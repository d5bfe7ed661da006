"""Long polls: asked again until the job is over or the time is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from nexusctl.client.nexus import Nexus
from nexusctl.client.patience import Patience
from nexusctl.errors import Refused, Unreachable
from tests.unit.nexusctl import documents
from tests.unit.nexusctl.clocks import Clock
from tests.unit.nexusctl.documents import JOB_ID
from tests.unit.nexusctl.peer import answer, content, hang_up, open_peer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.nexusctl.peer import Handler, Step

# See test_nexus: httpcore leaves a socket that could not connect to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning"),
    pytest.mark.usefixtures("collected"),
]

NOTHING = content(204, b"")
OVER = answer(200, documents.job("done"))


def holding(clock: Clock) -> Step:
    """Answer 204 after as long as was asked for."""

    def step(handler: Handler) -> None:
        (seconds,) = parse_qs(urlsplit(handler.path).query)["timeout"]
        clock.now += float(seconds)
        NOTHING(handler)

    return step


def test_a_job_that_is_over_is_returned(path: Path) -> None:
    with open_peer(path, OVER) as peer, Nexus(path, patience=Clock().patience()) as nexus:
        job = nexus.wait_job(JOB_ID, timeout_seconds=7.5)
    assert job is not None
    assert job.status == "done"
    assert peer.seen[0].path == f"/v1/companies/default/content-jobs/{JOB_ID}/wait?timeout=7.500"


def test_it_is_asked_again_until_the_time_is_over_and_not_a_moment_longer(path: Path) -> None:
    clock = Clock()
    with open_peer(path, *[holding(clock)] * 3) as peer, Nexus(path, patience=clock.patience()) as nexus:
        assert nexus.wait_job(JOB_ID, timeout_seconds=50) is None
    assert [seen.path.partition("=")[2] for seen in peer.seen] == ["20.000", "20.000", "10.000"]
    assert (clock.now, clock.pauses) == (50, [])


def test_no_poll_is_held_longer_than_an_answer_may_take(path: Path) -> None:
    patience = Patience(answer_seconds=3)
    with open_peer(path, OVER) as peer, Nexus(path, patience=patience) as nexus:
        assert nexus.wait_job(JOB_ID) is not None
    assert peer.seen[0].path.endswith("?timeout=2.000")


def test_without_a_timeout_it_waits_for_ever(path: Path) -> None:
    clock = Clock()
    with open_peer(path, *[holding(clock)] * 50, OVER), Nexus(path, patience=clock.patience()) as nexus:
        assert nexus.wait_job(JOB_ID) is not None
    assert (clock.now, clock.pauses, clock.notices) == (1000, [], [])


def test_a_poll_that_was_held_is_an_answer(path: Path) -> None:
    clock = Clock()
    steps = [hang_up, holding(clock), holding(clock), hang_up, OVER]
    with open_peer(path, *steps), Nexus(path, patience=clock.patience()) as nexus:
        assert nexus.wait_job(JOB_ID) is not None
    assert len(clock.notices) == 2


def test_no_time_at_all_is_one_question(path: Path) -> None:
    clock = Clock()
    with open_peer(path, NOTHING) as peer, Nexus(path, patience=clock.patience()) as nexus:
        assert nexus.wait_job(JOB_ID, timeout_seconds=0) is None
    assert [seen.path.partition("=")[2] for seen in peer.seen] == ["0.000"]


def test_a_daemon_that_stops_answers_early_and_is_not_asked_in_a_loop(path: Path) -> None:
    clock = Clock()
    with open_peer(path, NOTHING, hang_up, OVER), Nexus(path, patience=clock.patience()) as nexus:
        assert nexus.wait_job(JOB_ID, timeout_seconds=50) is not None
    assert len(clock.pauses) == 2
    assert clock.notices == ["nexusd is stopping; trying again"]


def test_the_time_is_over_also_while_the_daemon_is_away(path: Path) -> None:
    clock = Clock()
    with Nexus(path, patience=clock.patience()) as nexus:
        assert nexus.wait_job(JOB_ID, timeout_seconds=5) is None
    assert clock.now == 5


def test_a_daemon_that_stays_away_is_unreachable(path: Path) -> None:
    with Nexus(path, patience=Clock().patience()) as nexus, pytest.raises(Unreachable):
        nexus.wait_job(JOB_ID)


def test_a_busy_daemon_is_asked_again_and_another_problem_told(path: Path) -> None:
    clock = Clock()
    busy, lost = (answer(status, documents.problem("x", status), Retry_After="4") for status in (503, 404))
    with open_peer(path, busy, lost), Nexus(path, patience=clock.patience()) as nexus, pytest.raises(Refused) as caught:
        nexus.wait_job(JOB_ID)
    assert caught.value.status == 404
    assert 4 <= clock.now <= 4.1
