"""Estimates: a table of cases, then the bounds that the model promises, against jobs that are really dealt out to slots."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusd.domain.estimate import Load, Work, find_empty, find_start, usual_seconds, wait_seconds
from nexusd.domain.rules import Pause, Rules
from tests.support.rules import make_rules
from tests.support.stores import NOON

if TYPE_CHECKING:
    from collections.abc import Sequence

TYPES = frozenset({"x", "y"})


def loads(*seconds: float | None) -> list[Load]:
    return [Load(each) for each in seconds]


def jobs(*specs: tuple[str, float | None], company: str = "a") -> list[Work]:
    return [Work(company, job_type, seconds) for job_type, seconds in specs]


@pytest.mark.parametrize(
    ("slots", "running", "ahead", "expected"),
    [
        pytest.param(1, loads(), loads(), 0, id="nothing to wait for"),
        pytest.param(3, loads(None), loads(None), 0, id="a free slot: what others take is not needed"),
        pytest.param(2, loads(10, 4), loads(), 4, id="the first that ends"),
        pytest.param(2, loads(10), loads(4), 4, id="what is ahead starts now, and may end first"),
        pytest.param(2, loads(10, None), loads(), 10, id="not later than the one that is known"),
        pytest.param(2, loads(10, -3), loads(), 10, id="not later than the one that is not overdue"),
        pytest.param(2, loads(-3, None), loads(), None, id="nobody knows"),
        pytest.param(2, loads(0, -3), loads(), None, id="all overdue: nobody knows"),
        pytest.param(1, loads(10), loads(5), 15, id="one slot: one after the other"),
        pytest.param(2, loads(10, 4), loads(6), 10, id="work / slots"),
        pytest.param(2, loads(10, -4), loads(6), 8, id="an overdue one may end now"),
        pytest.param(2, loads(10, 4), loads(None), None, id="one that is ahead is unknown"),
        pytest.param(2, loads(None, 4), loads(6), None, id="one that runs is unknown"),
        pytest.param(4, loads(8), [Load(2, count=100)], 52, id="as many as one likes are one load"),
        pytest.param(0, loads(), loads(), None, id="no slots at all"),
    ],
)
def test_when_a_lane_lets_the_next_through(slots: int, running: list[Load], ahead: list[Load], expected: float | None) -> None:
    assert wait_seconds(slots, running, ahead) == expected


@pytest.mark.parametrize(
    ("running", "ahead", "wanted", "expected"),
    [
        pytest.param([Load(5, slots=2)], loads(), 2, 0, id="room for both"),
        pytest.param([Load(5, slots=2), Load(3)], loads(), 2, 3, id="one slot is free, one more is needed"),
        pytest.param([Load(5, slots=2), Load(3), Load(9)], loads(), 4, 9, id="all of them"),
        pytest.param([Load(5, slots=3)], [Load(4, slots=2)], 1, 23 / 4, id="slots count, not jobs"),
        pytest.param([Load(5, slots=4)], [Load(4)], 4, 24, id="alone: only when all is done"),
        pytest.param(loads(), loads(), 5, None, id="more than there are"),
    ],
)
def test_jobs_that_cost_more_than_one_slot(running: list[Load], ahead: list[Load], wanted: int, expected: float | None) -> None:
    assert wait_seconds(4, running, ahead, wanted) == expected


@pytest.mark.parametrize(
    ("rules", "running", "ahead", "expected"),
    [
        pytest.param(make_rules(2, TYPES), jobs(("x", 8)), jobs(), 0, id="a free slot"),
        pytest.param(make_rules(1, TYPES), jobs(("x", 8)), jobs(("y", 2)), 10, id="all jobs share the slots"),
        pytest.param(make_rules(2, TYPES, {"x": 1}), jobs(("x", 8)), jobs(), 8, id="its type is full, slots are free"),
        pytest.param(make_rules(2, TYPES, {"y": 1}), jobs(("y", 8)), jobs(), 0, id="another type is full"),
        pytest.param(
            make_rules(9, TYPES, {"x": 2}), jobs(("x", 8), ("x", 4)), jobs(("x", 6), ("y", None)), 9, id="lane of the type"
        ),
        pytest.param(make_rules(9, TYPES, per_company=1), jobs(("y", 8)), jobs(), 8, id="its company is full"),
        pytest.param(make_rules(9, TYPES, per_company=1), jobs(("y", 8), company="b"), jobs(), 0, id="another company is full"),
        pytest.param(make_rules(1, TYPES, {"x": 1}), jobs(("y", 20)), jobs(("x", 2)), 22, id="the slowest lane decides"),
        pytest.param(make_rules(4, TYPES, slots_per_job_type={"x": 4}), jobs(("y", 20)), jobs(), 20, id="needs all slots"),
        pytest.param(make_rules(1, frozenset("y")), jobs(), jobs(), None, id="no renderer"),
        pytest.param(make_rules(1, TYPES, pauses=[Pause("x", None, NOON)]), jobs(), jobs(), None, id="paused"),
        pytest.param(make_rules(1, TYPES, {"x": 0}), jobs(), jobs(), None, id="a limit of 0"),
        pytest.param(make_rules(1, TYPES, pauses=[Pause("y", None, NOON)]), jobs(), jobs(("y", 9)), 0, id="ahead, but paused"),
        pytest.param(make_rules(1, TYPES), jobs(), jobs(("gone", None)), 0, id="ahead, but without a renderer"),
    ],
)
def test_when_a_job_of_type_x_starts(rules: Rules, running: list[Work], ahead: list[Work], expected: float | None) -> None:
    assert find_start(Work("a", "x", 5), running, ahead, rules) == expected


@pytest.mark.parametrize(
    ("rules", "running", "queued", "expected"),
    [
        pytest.param(make_rules(2, TYPES), jobs(("x", 8)), [Work("a", "x", 3, 4)], 10, id="work / slots"),
        pytest.param(make_rules(2, TYPES), jobs(("x", 30)), jobs(("x", 3)), 30, id="not before the longest job ends"),
        pytest.param(make_rules(9, TYPES, {"x": 1}), jobs(("x", 8)), [Work("a", "x", 3, 4)], 20, id="the busiest lane"),
        pytest.param(make_rules(9, TYPES, per_company=1), jobs(("x", 8)), [Work("a", "y", 3, 4)], 20, id="a company's lane"),
        pytest.param(make_rules(1, TYPES), jobs(("x", -5)), jobs(("x", 3)), 3, id="overdue"),
        pytest.param(make_rules(1, TYPES), jobs(("x", None)), jobs(("x", 3)), None, id="one that runs is unknown"),
        pytest.param(make_rules(1, TYPES), jobs(("x", 1)), jobs(("y", None)), None, id="one that waits is unknown"),
        pytest.param(make_rules(1, TYPES, pauses=[Pause("y", None, NOON)]), jobs(), jobs(("y", 1)), None, id="one is paused"),
        pytest.param(
            make_rules(1, TYPES, {"x": 0}), jobs(("x", 4)), jobs(("y", 1)), 5, id="a limit that was lowered meanwhile"
        ),
    ],
)
def test_when_the_queue_is_worked_off(rules: Rules, running: list[Work], queued: list[Work], expected: float | None) -> None:
    assert find_empty(running, queued, rules) == expected


@pytest.mark.parametrize(("samples", "usual"), [([], None), ([3], 3), ([1, 100, 2], 2), ([1, 2, 3, 100], 2.5)])
def test_the_usual_is_the_median(samples: list[float], usual: float | None) -> None:
    assert usual_seconds(samples) == usual


def deal_out(slots: int, running: Sequence[int], ahead: Sequence[int]) -> int:
    """Give jobs to slots in order; return when the next one starts."""
    ends = [*running, *[0] * (slots - len(running))]
    heapq.heapify(ends)
    for seconds in ahead:
        heapq.heappush(ends, heapq.heappop(ends) + seconds)
    return ends[0]


seconds = st.integers(1, 60)


@given(st.integers(1, 5), st.data())
def test_an_estimate_is_never_too_early_and_late_by_less_than_the_longest_job(slots: int, data: st.DataObject) -> None:
    running = data.draw(st.lists(seconds, max_size=slots))
    ahead = data.draw(st.lists(seconds, max_size=12))
    estimate = wait_seconds(slots, loads(*running), loads(*ahead))
    assert estimate is not None
    really = deal_out(slots, running, ahead)
    assert really <= estimate + 1e-9
    assert estimate - really <= max([0, *running, *ahead])
    if slots == 1 or len(running) + len(ahead) <= slots:
        assert estimate == pytest.approx(really)


@given(st.integers(1, 5), st.lists(seconds, max_size=4), st.lists(seconds, max_size=8), seconds)
def test_one_more_ahead_never_makes_it_sooner(slots: int, running: list[int], ahead: list[int], more: int) -> None:
    before, after = (wait_seconds(slots, loads(*running), loads(*each)) for each in (ahead, [*ahead, more]))
    assert before is not None
    assert after is not None
    assert before <= after + 1e-9


@given(st.integers(1, 3), st.lists(st.sampled_from([None, 5.0, -1.0]), max_size=6), st.integers(0, 3))
def test_jobs_alike_may_be_one_load_or_many(slots: int, running: list[float | None], count: int) -> None:
    many = wait_seconds(slots, loads(*running), loads(*[7.0] * count))
    assert wait_seconds(slots, loads(*running), [Load(7.0, count)] if count else []) == many
