"""The rules: what a job costs, what holds its type back, and whether it starts at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nexusd.domain.rules import Pause
from tests.support.rules import make_rules

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ALL = Pause(None, "backup", NOON)
VIDEO = Pause("video", None, NOON)


@pytest.mark.parametrize(
    ("fields", "video", "text"),
    [
        pytest.param({}, True, True, id="nothing in the way"),
        pytest.param({"job_types": frozenset({"text"})}, False, True, id="no renderer"),
        pytest.param({"total": 0}, False, False, id="no slots"),
        pytest.param({"per_job_type": {"video": 0}}, False, True, id="a limit of 0"),
        pytest.param({"per_job_type": {"video": 1}}, True, True, id="a limit"),
        pytest.param({"per_company": 0}, False, False, id="none of any company"),
        pytest.param({"slots_per_job_type": {"video": 9}}, True, True, id="costs more than there is: runs alone"),
        pytest.param({"pauses": [VIDEO]}, False, True, id="its type is paused"),
        pytest.param({"pauses": [ALL]}, False, False, id="everything is paused"),
    ],
)
def test_what_starts_at_all(fields: dict[str, Any], video: bool, text: bool) -> None:
    rules = make_rules(**{"total": 2, "job_types": frozenset({"video", "text"}), **fields})
    assert (rules.may_start("video"), rules.may_start("text")) == (video, text)


def test_a_job_costs_one_slot_unless_something_else_is_said() -> None:
    rules = make_rules(4, frozenset(), slots_per_job_type={"video": 3, "film": 9, "odd": 0})
    assert [rules.limits.slots(job_type) for job_type in ("text", "video", "film", "odd")] == [1, 3, 4, 1]


def test_the_pause_of_the_whole_queue_comes_first() -> None:
    rules = make_rules(1, frozenset(), pauses=[VIDEO, Pause("text", None, NOON), ALL])
    assert rules.pauses_of("video") == [ALL, VIDEO]
    assert rules.pauses_of("other") == [ALL]
