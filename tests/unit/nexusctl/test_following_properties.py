"""Whatever breaks, and wherever: a reader of events has every one once, and a picture of the jobs that is true.

The daemon is a model; its streams are cut into connections and chunks at any byte. Frames come again, snapshots break off, the
retention overtakes the reader, the daemon stops.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from nexusctl.client.following import Following
from nexusctl.client.frames import EVENTS, JOB
from nexusd.contract.events import JobEvent, ResetEvent
from nexusd.contract.jobs import Job
from tests.unit.nexusctl import documents
from tests.unit.nexusctl.worlds import TERMINAL, Plan, Row, World, tell_events, tell_job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nexusctl.client.frames import StreamEvent

WATCHED = "watched"
PLANS = st.lists(
    st.builds(
        Plan,
        grow=st.integers(0, 4),
        prune=st.sampled_from([0, 0, 0, 2, 9]),
        overlap=st.integers(0, 3),
        later=st.integers(0, 4),
        overtake=st.none() | st.none() | st.integers(0, 3),
        ending=st.sampled_from(["", "lagging", "stopping"]),
        cut=st.none() | st.integers(0, 20_000),
        pieces=st.lists(st.integers(0, 20_000), max_size=8),
    ),
    max_size=8,
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw the lives of a few jobs, woven into each other, with ids that leave some out."""
    lives = {
        f"job-{number}": ["queued", "running", draw(st.sampled_from(["done", "failed"]))]
        for number in range(draw(st.integers(1, 5)))
    }
    order = draw(st.permutations([job for job in lives for _ in range(3)]))
    steps = draw(st.lists(st.integers(1, 3), min_size=len(order), max_size=len(order)))
    strangers = draw(st.sets(st.sampled_from(sorted(lives))))
    rows = [
        Row(number, job, lives[job].pop(0), job not in strangers) for number, job in zip(accumulate(steps), order, strict=True)
    ]
    return World(rows)


@dataclass
class Reader:
    """Somebody who keeps a picture of the jobs that are not over, by the rules of the contract, and is checked at each step."""

    world: World
    start: int | None
    rows: list[int] = field(default_factory=list)
    picture: dict[str, str] | None = None
    building: bool = False
    lost: bool = False

    def take(self, event: StreamEvent) -> None:
        """Take one event."""
        if event.name == "reset":
            self.start, self.picture, self.building, self.lost = None, None, False, True
        elif event.name == "snapshot.begin":
            self.start, self.picture, self.building = None, {}, True
        elif event.name == "snapshot.end":
            self.start, self.rows, self.building, self.lost = event.id, [], False, False
            self._check(event.id)
        elif event.name == "snapshot":
            assert self.building
            assert event.id is None
            self._draw(event)
        elif isinstance(event.data, JobEvent):
            assert not self.building, "a row inside a snapshot"
            assert not self.lost, "a row after a reset, before its snapshot"
            assert event.id is not None
            self.begin()
            assert self.start is not None
            self.rows.append(event.id)
            assert self.rows == [row.id for row in self.world.between(self.start, event.id)]
            self._draw(event)
            self._check(event.id)

    def begin(self) -> None:
        """Note where a stream without a cursor began, once it is known to have begun."""
        if self.start is None:
            self.start, self.rows = self.world.begun, []

    def _draw(self, event: StreamEvent) -> None:
        assert isinstance(event.data, JobEvent)
        if self.picture is not None:
            self.picture[event.data.job_id] = event.data.job.status
            if event.data.job.status.is_terminal:
                del self.picture[event.data.job_id]

    def _check(self, at: int | None) -> None:
        assert at is not None
        assert self.picture in (None, self.world.active(at))


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(world=worlds(), plans=PLANS, begun=st.integers(0, 6), after=st.none() | st.integers(0, 30), snapshot=st.booleans())
def test_every_event_once_and_a_true_picture(
    world: World, plans: list[Plan], begun: int, after: int | None, snapshot: bool
) -> None:
    world.grow(begun)
    following = Following(after, EVENTS, snapshot=snapshot)
    reader = Reader(world, after, picture={} if after == 0 else None)
    for plan in [*plans, Plan(), Plan(grow=100)]:
        headers = following.connected()
        cursor = int(headers["Last-Event-ID"]) if "Last-Event-ID" in headers else None
        for chunk in plan.chunks(tell_events(world, plan, cursor, snapshot=bool(following.params))):
            for event in following.receive(chunk):
                reader.take(event)
                note(event.name)
            if following.cursor is not None:
                reader.begin()
    assert reader.start is not None
    assert reader.rows == [row.id for row in world.between(reader.start, world.highest)]
    assert following.cursor == world.highest
    assert reader.picture is not None or after is not None or not snapshot


def ask_job(following: Following, world: World, plan: Plan, job: str) -> Iterator[StreamEvent]:
    """Make one connection to the stream of a job."""
    headers = following.connected()
    stream = tell_job(world, plan, int(headers["Last-Event-ID"]) if "Last-Event-ID" in headers else None, job)
    if stream is None:
        status = world.between(0, world.highest, job)[-1].status
        row = documents.job(status, id=job, finishedAt=documents.MOMENT)
        yield from following.conclude(Job.model_validate_json(json.dumps(row)))
        return
    for chunk in plan.chunks(stream):
        yield from following.receive(chunk)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(world=worlds(), plans=PLANS, after=st.none() | st.integers(0, 30))
def test_the_job_as_it_stands_and_then_each_of_its_events_once(world: World, plans: list[Plan], after: int | None) -> None:
    job = next((row.job for row in world.rows if row.is_ours), None)
    if job is None:
        return
    world.grow([row.job for row in world.rows].index(job) + 1)
    following = Following(after, JOB)
    begun, seen, is_owed = after, list[int](), after is None
    statuses = []
    for plan in [*plans, Plan(), Plan(grow=100)]:
        if following.finished:
            break
        for event in ask_job(following, world, plan, job):
            note(event.name)
            if isinstance(event.data, ResetEvent):
                is_owed = True
            elif isinstance(event.data, JobEvent):
                statuses.append(event.data.job.status)
                if is_owed:
                    assert event.id is not None
                    begun, seen, is_owed = event.id, [], False
                    assert statuses[-1] == world.between(0, begun, job)[-1].status
                elif event.id != begun and event.id not in seen[-1:]:  # else the end, told once more by a 204
                    assert event.id is not None
                    seen.append(event.id)
                assert begun is not None
                if seen:
                    assert seen == [row.id for row in world.between(begun, seen[-1], job)]
    assert following.finished
    assert not is_owed
    assert statuses[-1] in TERMINAL
    assert len([status for status in statuses if status in TERMINAL]) == 1
