"""Who starts next: a table of cases, then the module's invariants against a plain reading of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random  # noqa: TC003 - hypothesis reads the annotation
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexusd.domain.schedule import Limits, QueuedJob, RunningJob, choose

if TYPE_CHECKING:
    from collections.abc import Sequence


def queue(*specs: str) -> list[QueuedJob]:
    """Return jobs from `company/type/priority`; their ids are 1, 2, … in the order given."""
    jobs = []
    for number, spec in enumerate(specs, 1):
        company, job_type, priority = spec.split("/")
        jobs.append(QueuedJob(str(number), company, job_type, int(priority)))
    return jobs


def running(*specs: str) -> list[RunningJob]:
    return [RunningJob(*spec.split("/")) for spec in specs]


COST = {"3": 3, "9": 9}


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
        pytest.param(queue("a/x/0", "a/x/0", "b/x/-1"), running("a/x"), Limits(9, per_company=2), "13", id="full company"),
        pytest.param(queue("a/x/0"), running("a/x", "a/x"), Limits(9, per_company=1), "", id="company over its limit"),
        pytest.param(queue("a/3/0", "a/1/0", "a/1/0"), running(), Limits(4, {}, None, COST), "12", id="slots are added up"),
        pytest.param(queue("a/3/0", "a/1/0"), running("a/3"), Limits(4, {}, None, COST), "", id="the next keeps what is free"),
        pytest.param(queue("a/1/0", "a/3/0"), running("a/3"), Limits(4, {}, None, COST), "1", id="those before it do not wait"),
        pytest.param(queue("a/3/0", "a/1/1"), running("a/3"), Limits(4, {}, None, COST), "2", id="the more urgent neither"),
        pytest.param(queue("a/1/0", "b/3/1"), running("a/3"), Limits(4, {}, None, COST), "", id="kept from other companies"),
        pytest.param(
            queue("a/3/0", "a/1/0"), running("a/3"), Limits(4, {"3": 1}, None, COST), "2", id="nothing is kept for a full type"
        ),
        pytest.param(
            queue("a/3/0", "b/1/0"), running("a/3"), Limits(4, {}, 1, COST), "2", id="nothing is kept for a full company"
        ),
        pytest.param(queue("a/9/0", "a/1/0"), running(), Limits(4, {}, None, COST), "1", id="heavier than all: runs"),
        pytest.param(queue("a/9/0", "a/1/0"), running("a/1"), Limits(4, {}, None, COST), "", id="heavier than all: alone"),
        pytest.param(queue("a/1/0"), running("a/9"), Limits(4, {}, None, COST), "", id="and nothing beside it"),
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
limit_sets = st.builds(
    Limits,
    total=st.integers(0, 12),
    per_job_type=st.dictionaries(job_types, st.integers(0, 4)),
    per_company=st.none() | st.integers(0, 4),
    slots_per_job_type=st.dictionaries(job_types, st.integers(1, 14)),
)


def cost(job: QueuedJob | RunningJob, limits: Limits) -> int:
    return min(limits.slots_per_job_type.get(job.job_type, 1), max(1, limits.total))


def has_room(job: QueuedJob, started: Sequence[QueuedJob | RunningJob], limits: Limits) -> bool:
    """Whether neither the type nor the company of a job is full; slots are not asked for."""
    of_type = sum(other.job_type == job.job_type for other in started)
    of_company = sum(other.company_id == job.company_id for other in started)
    is_company_full = limits.per_company is not None and of_company >= limits.per_company
    return of_type < limits.per_job_type.get(job.job_type, 1_000) and not is_company_full


def next_in_order(queued: list[QueuedJob], started: Sequence[QueuedJob | RunningJob], limits: Limits) -> QueuedJob | None:
    """Return the job whose turn it is: invariants 2 and 3, said plainly."""
    eligible = [job for job in queued if job not in started and has_room(job, started, limits)]
    load = Counter(other.company_id for other in started)
    return min(eligible, key=lambda job: (-job.priority, load[job.company_id], job.id), default=None)


@pytest.mark.slow
@given(queues, busy_sets, limit_sets)
@settings(deadline=None)
def test_no_limit_is_exceeded(queued: list[QueuedJob], busy: list[RunningJob], limits: Limits) -> None:
    chosen = choose(queued, busy, limits)
    assert len({job.id for job in chosen}) == len(chosen)
    together: list[QueuedJob | RunningJob] = [*busy, *chosen]
    of_type = Counter(job.job_type for job in together)
    of_company = Counter(job.company_id for job in together)
    for job in chosen:
        assert sum(cost(each, limits) for each in together) <= limits.total
        assert of_type[job.job_type] <= limits.per_job_type.get(job.job_type, 1_000)
        assert limits.per_company is None or of_company[job.company_id] <= limits.per_company


@pytest.mark.slow
@given(queues, busy_sets, limit_sets)
@settings(deadline=None)
def test_each_choice_is_the_most_urgent_then_the_fairest_then_the_oldest(
    queued: list[QueuedJob], busy: list[RunningJob], limits: Limits
) -> None:
    started: list[QueuedJob | RunningJob] = [*busy]
    for job in choose(queued, busy, limits):
        assert job == next_in_order(queued, started, limits)
        started.append(job)


@pytest.mark.slow
@given(queues, busy_sets, limit_sets)
@settings(deadline=None)
def test_a_slot_stays_free_only_when_the_next_in_order_needs_more(
    queued: list[QueuedJob], busy: list[RunningJob], limits: Limits
) -> None:
    started: list[QueuedJob | RunningJob] = [*busy, *choose(queued, busy, limits)]
    waiting = next_in_order(queued, started, limits)
    if waiting is not None:
        assert sum(cost(job, limits) for job in [*started, waiting]) > limits.total


@pytest.mark.slow
@given(st.data())
@settings(deadline=None)
def test_light_jobs_never_starve_a_heavy_one(data: st.DataObject) -> None:
    """Light jobs of every company keep coming; those that run end in any order, but each one ends."""
    total, longest = data.draw(st.integers(2, 5)), 4
    limits = Limits(total, slots_per_job_type={"heavy": data.draw(st.integers(2, 6))})
    specs = data.draw(st.lists(companies, max_size=4))
    queued = [*queue(*(f"{company}/light/0" for company in specs)), QueuedJob("5", data.draw(companies), "heavy")]
    busy: dict[str, tuple[RunningJob, int]] = {}
    for turn in range(100, 150):
        queued += [QueuedJob(f"later {turn}{company}", company, "light") for company in "abc"]
        for job in choose(queued, [running for running, _ in busy.values()], limits):
            if job.job_type == "heavy":
                return
            queued.remove(job)
            busy[job.id] = RunningJob(job.company_id, job.job_type), turn + longest
        over = [job_id for job_id, (_, ends_at) in busy.items() if ends_at <= turn]
        for job_id in over or [data.draw(st.sampled_from(sorted(busy)))] if busy else []:
            del busy[job_id]
    raise AssertionError("it never started")


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
def test_as_many_heads_as_there_are_free_slots_are_enough(
    queued: list[QueuedJob], busy: list[RunningJob], limits: Limits
) -> None:
    """What the store offers: of each company and job type only so many."""
    heads: dict[tuple[str, str], list[QueuedJob]] = defaultdict(list)
    for job in sorted(queued, key=lambda job: (-job.priority, job.id)):
        line = heads[job.company_id, job.job_type]
        if len(line) < limits.free_slots(busy):
            line.append(job)
    offered = [job for line in heads.values() for job in line]
    assert choose(offered, busy, limits) == choose(queued, busy, limits)


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
