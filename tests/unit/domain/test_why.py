"""Why a job does not run: each reason by itself, several at once and their order, and every failure with its advice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusd.contract.why import Reason as Told
from nexusd.domain.reasons import (
    ADVICE,
    HELD_BY_MAX,
    FailedFacts,
    Holder,
    LowDisk,
    QueuedFacts,
    Reason,
    ReasonCode,
    RunningFacts,
)
from nexusd.domain.rules import Pause, Rules
from nexusd.domain.states import ErrorCode
from nexusd.domain.why import why_cancelled, why_done, why_failed, why_queued, why_running
from tests.support.rules import make_rules
from tests.support.stores import NOON

TYPES = frozenset({"x", "y"})
CODES = list(ReasonCode)


def queued(rules: Rules | None = None, **fields: Any) -> list[Reason]:
    return why_queued(QueuedFacts(**{"company_id": "a", "job_type": "x", "rules": rules or make_rules(2, TYPES), **fields}))


def busy(*job_types: str, company: str = "a") -> list[Holder]:
    return [Holder(f"job-{number}", company, job_type) for number, job_type in enumerate(job_types)]


def codes(reasons: list[Reason]) -> list[str]:
    return [reason.code.value for reason in reasons]


@pytest.mark.parametrize(
    ("rules", "fields", "expected"),
    [
        pytest.param(make_rules(2, TYPES), {}, "starting", id="nothing holds it"),
        pytest.param(make_rules(2, TYPES), {"running": busy("x")}, "starting", id="a slot is free"),
        pytest.param(make_rules(2, frozenset("y")), {}, "renderer_missing", id="no renderer"),
        pytest.param(make_rules(2, TYPES), {"unavailable": "pip install d2"}, "renderer_unavailable", id="a tool is missing"),
        pytest.param(make_rules(2, TYPES, pauses=[Pause(None, "x", NOON)]), {}, "paused", id="the queue is paused"),
        pytest.param(make_rules(2, TYPES, pauses=[Pause("x", None, NOON)]), {}, "paused", id="its type is paused"),
        pytest.param(make_rules(2, TYPES, pauses=[Pause("y", None, NOON)]), {}, "starting", id="another type is paused"),
        pytest.param(make_rules(2, TYPES), {"low_disk": LowDisk(1, 2)}, "disk_low", id="the disk is nearly full"),
        pytest.param(make_rules(2, TYPES), {"is_stopping": True}, "stopping", id="the daemon stops"),
        pytest.param(make_rules(2, TYPES), {"available_at": NOON}, "backing_off", id="it backs off"),
        pytest.param(make_rules(2, TYPES), {"running": busy("x", "y")}, "limit_reached", id="no slot is free"),
        pytest.param(make_rules(2, TYPES, {"x": 1}), {"running": busy("x")}, "limit_reached", id="its type is full"),
        pytest.param(make_rules(2, TYPES, {"y": 1}), {"running": busy("y")}, "starting", id="another type is full"),
        pytest.param(make_rules(2, TYPES, {"x": 0}), {}, "limit_reached", id="its type never starts"),
        pytest.param(make_rules(2, TYPES, per_company=1), {"running": busy("y")}, "limit_reached", id="its company is full"),
        pytest.param(
            make_rules(2, TYPES, per_company=1), {"running": busy("y", company="b")}, "starting", id="another is full"
        ),
        pytest.param(
            make_rules(4, TYPES, slots_per_job_type={"x": 4}), {"running": busy("y")}, "limit_reached", id="needs all slots"
        ),
        pytest.param(make_rules(2, TYPES), {"ahead": {("b", "y"): 1}}, "starting", id="both start now"),
        pytest.param(make_rules(2, TYPES), {"ahead": {("b", "y"): 2}}, "waiting_turn", id="others start now"),
        pytest.param(
            make_rules(2, TYPES),
            {"ahead": {("b", "y"): 3}, "running": busy("x", "x")},
            "limit_reached waiting_turn",
            id="a queue",
        ),
        pytest.param(
            make_rules(2, TYPES, pauses=[Pause("y", None, NOON)]),
            {"ahead": {("b", "y"): 9}},
            "starting",
            id="those ahead are paused",
        ),
        pytest.param(make_rules(2, TYPES), {"ahead": {("b", "gone"): 9}}, "starting", id="those ahead have no renderer"),
        pytest.param(
            make_rules(2, TYPES, {"y": 1}),
            {"ahead": {("b", "y"): 9}, "running": busy("y")},
            "starting",
            id="those ahead are full",
        ),
        pytest.param(make_rules(9, TYPES, {"x": 1}), {"ahead": {("b", "x"): 1}}, "waiting_turn", id="one ahead fills the type"),
        pytest.param(
            make_rules(9, TYPES, per_company=1), {"ahead": {("a", "y"): 1}}, "waiting_turn", id="one ahead fills the company"
        ),
        pytest.param(
            make_rules(3, TYPES, per_company=1), {"ahead": {("b", "y"): 9}}, "starting", id="their company is full soon"
        ),
        pytest.param(
            make_rules(4, TYPES, slots_per_job_type={"y": 4}),
            {"ahead": {("b", "y"): 1}},
            "waiting_turn",
            id="one ahead takes all",
        ),
        pytest.param(
            make_rules(1, frozenset("y"), {"x": 0}, 1, pauses=[Pause("x", None, NOON), Pause(None, None, NOON)]),
            {
                "is_stopping": True,
                "low_disk": LowDisk(1, 2),
                "unavailable": "z",
                "available_at": NOON,
                "running": busy("y"),
                "ahead": {("b", "y"): 1},
            },
            "renderer_missing paused paused disk_low stopping renderer_unavailable backing_off" + " limit_reached" * 3,
            id="all at once, the most decisive first",
        ),
    ],
)
def test_what_holds_a_queued_job(rules: Rules, fields: dict[str, Any], expected: str) -> None:
    assert " ".join(codes(queued(rules, **fields))) == expected


@pytest.mark.parametrize(
    ("rules", "fields", "data", "says"),
    [
        (make_rules(2, frozenset("y")), {}, {"job_type": "x"}, "no renderer for x"),
        (
            make_rules(2, TYPES),
            {"unavailable": "pip install d2"},
            {"job_type": "x", "remedy": "pip install d2"},
            "pip install d2",
        ),
        (
            make_rules(2, TYPES, pauses=[Pause(None, "backup", NOON)]),
            {},
            {"scope": "queue", "job_type": None, "since": NOON, "pause_reason": "backup"},
            "The queue is paused: backup",
        ),
        (
            make_rules(2, TYPES, pauses=[Pause("x", None, NOON)]),
            {},
            {"scope": "job_type", "job_type": "x", "since": NOON, "pause_reason": None},
            "Jobs of type x are paused. ",
        ),
        (
            make_rules(2, TYPES),
            {"low_disk": LowDisk(5, 70)},
            {"free_bytes": 5, "needed_bytes": 70},
            "5 bytes are free, 70 are to stay",
        ),
        (
            make_rules(2, TYPES),
            {"available_at": NOON, "last_outcome": "killed"},
            {"until": NOON, "last_outcome": "killed"},
            "after an attempt that ended killed",
        ),
        (
            make_rules(2, TYPES),
            {"running": busy("x", "y")},
            {"limit": "total", "allowed": 2, "held_by": ["job-0", "job-1"]},
            "2 slots, and 2 jobs run",
        ),
        (
            make_rules(9, TYPES, {"x": 1}),
            {"running": busy("y", "x")},
            {"limit": "job_type", "allowed": 1, "held_by": ["job-1"]},
            "of jobs of type x at most 1 ",
        ),
        (
            make_rules(9, TYPES, {"x": 0}),
            {},
            {"limit": "job_type", "allowed": 0, "held_by": []},
            "no jobs of type x run at all",
        ),
        (
            make_rules(9, TYPES, per_company=1),
            {"running": [*busy("y", company="b"), Holder("mine", "a", "y")]},
            {"limit": "company", "allowed": 1, "held_by": ["mine"]},
            "of jobs of its company at most 1 ",
        ),
        (
            make_rules(2, TYPES),
            {"ahead": {("b", "y"): 2, ("a", "gone"): 5}},
            {"position": 8, "ahead": 2},
            "behind 2 jobs that may",
        ),
        (make_rules(9, TYPES), {"ahead": {("b", "y"): 2}}, {"position": 3}, "starts now"),
    ],
)
def test_what_a_reason_knows(rules: Rules, fields: dict[str, Any], data: dict[str, Any], says: str) -> None:
    [reason] = queued(rules, **fields)
    assert {name: reason.data[name] for name in data} == data
    assert says in reason.message


def test_of_many_that_hold_a_limit_some_are_named() -> None:
    [reason] = queued(make_rules(30, TYPES, {"x": 25}), running=busy(*"x" * 25))
    assert reason.data["held_by"] == [f"job-{number}" for number in range(HELD_BY_MAX)]
    assert reason.data["allowed"] == 25


def test_a_running_job() -> None:
    facts: dict[str, Any] = {"since": NOON, "attempt": 2, "progress": 0.25, "timeout_at": NOON}
    [reason] = why_running(RunningFacts(**facts))
    assert (reason.code, reason.data) == (ReasonCode.RUNNING, facts)
    assert reason.message == "Attempt 2 runs and says it is 25% done."
    more = why_running(RunningFacts(since=None, attempt=1, cancel_requested_at=NOON, is_stopping=True))
    assert codes(more) == ["cancelling", "stopping", "running"]
    assert more[0].data == {"requested_at": NOON}
    assert more[2].message == "Attempt 1 runs."


def test_a_job_that_is_over() -> None:
    assert codes(why_done()) == ["done"]
    [cancelled] = why_cancelled(NOON)
    assert (cancelled.code, cancelled.data) == (ReasonCode.CANCELLED, {"requested_at": NOON})


@pytest.mark.parametrize("code", ErrorCode)
def test_every_failure_has_its_advice(code: ErrorCode) -> None:
    assert ADVICE[code].endswith(".")
    [reason] = why_failed(FailedFacts(code, "what it said", 1, 1, 3))
    assert (reason.data["error_code"], reason.data["advice"]) == (code, ADVICE[code])


@pytest.mark.parametrize(
    ("facts", "says", "tried_again"),
    [
        (FailedFacts(ErrorCode.INVALID_INPUT, "line 3: no\nmore", 1, 1, 3, exit_code=65),
         "It failed with invalid_input after 1 attempt, the last one with exit code 65. It says: line 3: no", False),
        (FailedFacts(ErrorCode.KILLED, None, 3, 3, 3, signal=9),
         "It failed with killed after 3 attempts, the last one ended by SIGKILL.", True),
        (FailedFacts(ErrorCode.KILLED, None, 1, 1, 1, signal=40),
         "It failed with killed after 1 attempt, the last one ended by signal 40.", False),
        (FailedFacts(ErrorCode.POISONED, "", 3, 0, 3), "It failed with poisoned after 3 attempts.", True),
        (FailedFacts(ErrorCode.NO_OUTPUT, None, 1, 1, 3, exit_code=0), "It failed with no_output after 1 attempt.", False),
        (FailedFacts(ErrorCode.INVALID_INPUT, None, 0, 0, 3), "It failed with invalid_input.", False),
    ],
)  # fmt: skip
def test_how_a_job_failed(facts: FailedFacts, says: str, tried_again: bool) -> None:
    [reason] = why_failed(facts)
    assert reason.message == says
    assert reason.data["tried_again"] == tried_again
    assert (reason.data["exit_code"], reason.data["signal"]) == (facts.exit_code, facts.signal)


def test_a_long_message_is_cut_in_the_sentence_and_whole_in_the_data() -> None:
    [reason] = why_failed(FailedFacts(ErrorCode.INTERNAL, "x" * 4000, 1, 1, 3))
    assert len(reason.message) < 300
    assert reason.message.endswith("x…")
    assert reason.data["error_message"] == "x" * 4000


job_types = st.sampled_from("xyz")
rule_sets = st.builds(
    make_rules,
    st.integers(0, 3),
    st.frozensets(job_types),
    st.dictionaries(job_types, st.integers(0, 2)),
    st.none() | st.integers(0, 2),
    st.dictionaries(job_types, st.integers(1, 4)),
    st.lists(st.builds(Pause, st.none() | job_types, st.none(), st.just(NOON)), max_size=2),
)
facts = st.builds(
    QueuedFacts,
    st.sampled_from("ab"),
    job_types,
    rule_sets,
    st.dictionaries(st.tuples(st.sampled_from("ab"), job_types), st.integers(1, 3)),
    st.lists(st.builds(Holder, st.uuids().map(str), st.sampled_from("ab"), job_types), max_size=4),
    st.none() | st.just(NOON),
    st.none() | st.just("killed"),
    st.none() | st.just("a tool"),
    st.booleans(),
)


@given(facts)
def test_there_is_always_a_reason_in_order_and_the_contract_can_tell_it(facts: QueuedFacts) -> None:
    reasons = why_queued(facts)
    assert reasons
    order = [CODES.index(reason.code) for reason in reasons]
    assert order == sorted(order)
    assert (ReasonCode.STARTING in codes(reasons)) == (len(reasons) == 1 and reasons[0].code is ReasonCode.STARTING)
    for reason in reasons:
        assert reason.message.endswith(".")
        assert reason.data.keys() <= Told.model_fields.keys()
        Told(code=reason.code, message=reason.message, **reason.data)
    if not facts.rules.may_start(facts.job_type):
        assert ReasonCode.STARTING not in codes(reasons)
