"""What follows an attempt: the table of the module's docstring, then its rules over whole histories."""

from __future__ import annotations

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusd.domain.retry import (
    BACKOFF_MAX_SECONDS,
    CRASHES_MAX,
    RETRYABLE,
    Cancel,
    Cancelled,
    Crashed,
    Decision,
    Done,
    Fail,
    Failed,
    Finish,
    History,
    Outcome,
    Requeue,
    SpawnFailed,
    Stopped,
    backoff_seconds,
    decide,
    spawn_failure,
)
from nexusd.domain.states import TRANSITIONS, Action, ErrorCode, JobStatus

FRESH = History(attempts_used=0, max_attempts=3)
LAST = History(attempts_used=2, max_attempts=3)
ASKED = History(attempts_used=0, max_attempts=3, cancel_requested=True)
KILLED = Failed(ErrorCode.KILLED, "gone")
REJECTED = Failed(ErrorCode.INVALID_INPUT, "line 3")


@pytest.mark.parametrize(
    ("outcome", "history", "expected"),
    [
        pytest.param(Done(), FRESH, Finish(), id="done"),
        pytest.param(Done(), ASKED, Finish(), id="done before the cancel could act"),
        pytest.param(Cancelled(), ASKED, Cancel(), id="cancelled"),
        pytest.param(REJECTED, FRESH, Fail(ErrorCode.INVALID_INPUT, "line 3"), id="bad input is not retried"),
        pytest.param(KILLED, FRESH, Requeue(0.75, counts_attempt=True), id="killed: again after half to one second"),
        pytest.param(KILLED, History(1, 3), Requeue(1.5, counts_attempt=True), id="killed again: twice as long"),
        pytest.param(KILLED, LAST, Fail(ErrorCode.KILLED, "gone"), id="no try left"),
        pytest.param(KILLED, History(0, 1), Fail(ErrorCode.KILLED, "gone"), id="only one try wanted"),
        pytest.param(KILLED, ASKED, Cancel(), id="a cancel is pending: not tried again"),
        pytest.param(REJECTED, ASKED, Fail(ErrorCode.INVALID_INPUT, "line 3"), id="failed before the cancel could act"),
        pytest.param(KILLED, History(0, 3, crashes=2), Requeue(0.75, counts_attempt=True, crashes=0), id="ends a row"),
        pytest.param(SpawnFailed("EAGAIN"), FRESH, Requeue(0.75, counts_attempt=True), id="no process to be had"),
        pytest.param(SpawnFailed("EAGAIN"), LAST, Fail(ErrorCode.INTERNAL, "EAGAIN"), id="no process to be had, three times"),
        pytest.param(Stopped(), LAST, Requeue(0.0, counts_attempt=False), id="a stop is not a failure"),
        pytest.param(Stopped(), ASKED, Cancel(counts_attempt=False), id="stopped with a cancel pending"),
        pytest.param(Crashed(), LAST, Requeue(0.0, counts_attempt=False, crashes=1), id="a crash uses no attempt"),
        pytest.param(Crashed(), History(0, 3, crashes=1), Requeue(1.5, counts_attempt=False, crashes=2), id="second crash"),
        pytest.param(Crashed(), ASKED, Cancel(counts_attempt=False), id="crashed with a cancel pending"),
    ],
)
def test_what_follows(outcome: Outcome, history: History, expected: Decision) -> None:
    assert decide(outcome, history, 0.5) == expected


def test_the_third_crash_in_a_row_is_poison() -> None:
    decision = decide(Crashed(), History(0, 3, crashes=CRASHES_MAX - 1), 0.5)
    assert isinstance(decision, Fail)
    assert (decision.code, decision.counts_attempt, decision.crashes) == (ErrorCode.POISONED, False, 3)
    assert "3 times in a row" in decision.message


@pytest.mark.parametrize("code", ErrorCode)
def test_only_what_another_try_can_mend_is_retried(code: ErrorCode) -> None:
    retried = isinstance(decide(Failed(code, ""), FRESH, 0.0), Requeue)
    assert retried == (code in {"out_of_memory", "killed", "storage_full", "interrupted"}) == (code in RETRYABLE)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOENT, Failed),
        (errno.EACCES, Failed),
        (errno.ENOEXEC, Failed),
        (errno.EAGAIN, SpawnFailed),
        (errno.ENOMEM, SpawnFailed),
        (errno.EMFILE, SpawnFailed),
    ],
)
def test_a_program_that_cannot_run_is_final_and_a_full_system_is_not(number: int, expected: type[Outcome]) -> None:
    outcome = spawn_failure(OSError(number, os.strerror(number)), "d2")
    assert type(outcome) is expected
    assert isinstance(outcome, Failed | SpawnFailed)
    assert "d2" in outcome.message
    assert os.strerror(number) in outcome.message


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_back_off_doubles_up_to_its_cap_and_keeps_half_of_itself(tries: int, random: float) -> None:
    full = min(BACKOFF_MAX_SECONDS, 2.0 ** min(tries - 1, 100))
    assert full / 2 <= backoff_seconds(tries, random) <= full


def test_the_back_off_spreads_by_chance() -> None:
    assert backoff_seconds(1, 0.0) == 0.5
    assert backoff_seconds(20, 0.0) == 150.0
    assert backoff_seconds(20, 0.999) > 299.0


outcomes = st.sampled_from([KILLED, REJECTED, SpawnFailed(""), Done(), Cancelled(), Stopped(), Crashed(), Stopped(), Crashed()])


@given(st.lists(outcomes, min_size=1, max_size=40), st.integers(1, 5))
def test_over_a_whole_life(life: list[Outcome], max_attempts: int) -> None:
    used = crashes = row = 0
    for outcome in life:
        decision = decide(outcome, History(used, max_attempts, crashes), 0.0)
        assert (JobStatus.RUNNING, decision.action) in TRANSITIONS
        row = row + 1 if isinstance(outcome, Crashed) else 0
        used += decision.counts_attempt
        assert used <= max_attempts
        assert row <= CRASHES_MAX
        if not isinstance(decision, Requeue):
            return
        assert isinstance(outcome, Stopped | Crashed) != decision.counts_attempt
        assert decision.action == (Action.REQUEUE if decision.counts_attempt else Action.RELEASE)
        crashes = decision.crashes
        assert crashes == row
