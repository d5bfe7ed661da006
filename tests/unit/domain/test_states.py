"""The rules of the state machine's docstring, read off its table."""

from __future__ import annotations

import itertools

import pytest

from nexusd.domain.states import TERMINAL, TRANSITIONS, Action, JobStatus, advance, draw
from nexusd.errors import CannotAdvance

LEGAL = {
    "queued": {"claim": "running", "cancel": "cancelled", "reject": "failed"},
    "running": {"finish": "done", "fail": "failed", "cancel": "cancelled", "release": "queued", "requeue": "queued"},
    "done": {},
    "failed": {},
    "cancelled": {},
}


@pytest.mark.parametrize(("status", "action"), list(itertools.product(JobStatus, Action)))
def test_every_action_in_every_state(status: JobStatus, action: Action) -> None:
    expected = LEGAL[status].get(action)
    if expected is None:
        with pytest.raises(CannotAdvance, match=f"^cannot {action} a job that is {status}$"):
            advance(status, action)
    else:
        assert advance(status, action) is JobStatus(expected)


def test_no_action_leads_out_of_a_terminal_state() -> None:
    assert not {start for start, _ in TRANSITIONS} & TERMINAL
    assert {status for status in JobStatus if status.is_terminal} == TERMINAL == set(JobStatus) - {"queued", "running"}


def test_every_state_can_be_reached_from_queued() -> None:
    reached = {JobStatus.QUEUED}
    for _ in JobStatus:
        reached |= {end for (start, _), end in TRANSITIONS.items() if start in reached}
    assert reached == set(JobStatus)


def test_every_state_that_is_not_terminal_can_end() -> None:
    for status in set(JobStatus) - TERMINAL:
        assert {end for (start, _), end in TRANSITIONS.items() if start is status} & TERMINAL


def test_only_claim_starts_an_attempt_and_only_out_of_queued() -> None:
    assert [key for key, end in TRANSITIONS.items() if end is JobStatus.RUNNING] == [(JobStatus.QUEUED, Action.CLAIM)]


def test_the_drawing_shows_each_transition_once_and_marks_the_ends() -> None:
    drawing = draw()
    for (start, action), end in TRANSITIONS.items():
        assert drawing.count(f'  {start} -> {end} [label="{action}"];\n') == 1
    assert drawing.count("->") == len(TRANSITIONS)
    assert {line.split()[0] for line in drawing.splitlines() if "doublecircle" in line} == TERMINAL
