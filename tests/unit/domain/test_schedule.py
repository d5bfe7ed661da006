"""Who starts next: a table of cases, then the module's invariants against a plain reading of them."""

from __future__ import annotations

from collections import Counter
from random import Random  # noqa: TC003 - hypothesis reads the annotation

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexusd.domain.schedule import Limits, QueuedJob, RunningJob, choose


def queue(*specs: str) -> list[QueuedJob]:
    """Return jobs from `company/type/priority`; their ids are 1, 2, … in the order given."""
    jobs = []
    for number, spec in enumerate(specs, 1):
        company, job_type, priority = spec.split("/")
        jobs.append(QueuedJob(str(number), company, job_type, int(priority)))
    return jobs


def running(*specs: str) -> list[RunningJob]:
    return [RunningJob(*spec.split("/")) for spec in specs]


@pytest.mark.parametrize(
    ("queued", "busy", "limits", "expected"),
    [
        pytest.param(queue(), running(), Limits(4), "", id="nothing queued"),
        pytest.param(queue("a/x/0"), running(), Limits(0), "", id="no slots at all"),
        pytest.param(queue("a/x/0"), running("b/x", "b/x"), Limits(1), "", id="the limit was lowered"),
        pytest.param(queue("a/x/0", "a/x/0", "a/x/0"), running("a/x"), Limits(3), "12", id="oldest first into what is free"),
        pytest.param(queue("a/x/0", "a/x/5", "a/x/-5", "a/x/5"), running(), Limits(3), "241", id="priority before age"),
        pytest.param(queue("a/x/0", "a/x/0", "a/x/0", "b/x/0"), running(), Limits(3), "142", id="companies take turns"),
        pytest.param(queue("a/x/0", "b/x/0"), running("a/x"), Limits(2), "2", id="the company with less running goes first"),
        pytest.param(queue("a/x/1", "b/x/0"), running("a/x"), Limits(2), "1", id="priority before fairness"),
        pytest.param(
            queue("a/video/9", "a/video/8", "b/x/0"),
            running(),
            Limits(3, {"video": 1}),
            "13",
            id="full type blocks no other",
        ),
        pytest.param(queue("a/video/9", "a/x/0"), running("b/video"), Limits(3, {"video": 1}), "2", id="running fill a type"),
        pytest.param(queue("a/video/9", "a/x/0"), running(), Limits(3, {"video": 0}), "2", id="a paused type"),
        pytest.param(queue("a/v/0", "a/x/0", "b/v/0"), running(), Limits(2, {"v": 1}), "12", id="full type: next turn"),
    ],
)
def test_the_order_of_starting(queued: list[QueuedJob], busy: list[RunningJob], limits: Limits, expected: str) -> None:
    assert "".join(job.id for job in choose(queued, busy, limits)) == expected


companies = st.sampled_from("abc")
job_types = st.sampled_from("xyz")
queues = st.lists(st.tuples(companies, job_types, st.integers(0, 2)), max_size=14).map(
    lambda specs: [QueuedJob(f"{number:03}", *spec) for number, spec in enumerate(specs)]
)
busy_sets = st.lists(st.builds(RunningJob, companies, job_types), max_size=6)
limit_sets = st.builds(Limits, st.integers(0, 12), st.dictionaries(job_types, st.integers(0, 4)))


def has_room(job_type: str, started: list[QueuedJob], busy: list[RunningJob], limits: Limits) -> bool:
    count = sum(job.job_type == job_type for job in started) + sum(job.job_type == job_type for job in busy)
    return count < limits.per_job_type.get(job_type, 1_000)


@pytest.mark.slow
@given(queues, busy_sets, limit_sets)
@settings(deadline=None)
def test_no_limit_is_exceeded(queued: list[QueuedJob], busy: list[RunningJob], limits: Limits) -> None:
    chosen = choose(queued, busy, limits)
    assert len(chosen) <= max(0, limits.total - len(busy))
    already = Counter(job.job_type for job in busy)
    for job_type, count in Counter(job.job_type for job in chosen).items():
        assert count + already[job_type] <= limits.per_job_type.get(job_type, 1_000)
    assert len({job.id for job in chosen}) == len(chosen)


@pytest.mark.slow
@given(queues, busy_sets, limit_sets)
@settings(deadline=None)
def test_no_slot_stays_free_while_a_job_could_use_it(queued: list[QueuedJob], busy: list[RunningJob], limits: Limits) -> None:
    chosen = choose(queued, busy, limits)
    if len(chosen) < limits.total - len(busy):
        left = [job for job in queued if job not in chosen]
        assert not [job for job in left if has_room(job.job_type, chosen, busy, limits)]


@pytest.mark.slow
@given(queues, busy_sets, limit_sets, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_the_arguments_does_not_matter(
    queued: list[QueuedJob], busy: list[RunningJob], limits: Limits, random: Random
) -> None:
    expected = choose(queued, busy, limits)
    random.shuffle(queued)
    random.shuffle(busy)
    assert choose(queued, busy, limits) == expected


@pytest.mark.slow
@given(queues, busy_sets, limit_sets)
@settings(deadline=None)
def test_each_choice_is_the_most_urgent_then_the_fairest_then_the_oldest(
    queued: list[QueuedJob], busy: list[RunningJob], limits: Limits
) -> None:
    started: list[QueuedJob] = []
    for job in choose(queued, busy, limits):
        eligible = [other for other in queued if other not in started and has_room(other.job_type, started, busy, limits)]
        load = Counter([other.company_id for other in started] + [other.company_id for other in busy])
        assert job == min(eligible, key=lambda other: (-other.priority, load[other.company_id], other.id))
        started.append(job)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 12))
def test_two_companies_with_work_never_differ_by_more_than_one(many: int, few: int, slots: int) -> None:
    queued = queue(*["a/x/0"] * many, *["b/x/0"] * few)
    counts = Counter({"a": 0, "b": 0})
    for job in choose(queued, [], Limits(slots)):
        if counts["a"] < many and counts["b"] < few:
            assert abs(counts["a"] - counts["b"]) <= 1
        counts[job.company_id] += 1
    if counts["a"] < many and counts["b"] < few:
        assert abs(counts["a"] - counts["b"]) <= 1
