"""The answer of `why` as people read it: the summary first, then what each reason knows, and nothing a terminal obeys."""

from __future__ import annotations

from typing import Any

import pytest

from nexusctl.output.reasons import format_why
from nexusctl.output.screen import Style
from nexusctl.output.text import cell_width
from nexusd.contract.why import Why
from nexusd.domain.reasons import ReasonCode
from tests.unit.nexusctl import documents

PLAIN = Style(is_terminal=False, width=None, colour=False)
WIDE = Style(is_terminal=True, width=80, colour=False)
NARROW = Style(is_terminal=True, width=40, colour=False)
OTHER_ID = documents.ASSET_ID


def why(status: str, *reasons: dict[str, Any]) -> Why:
    told = [{"message": "Because of a reason.", **reason} for reason in reasons]
    summary = told[0]["message"]
    return Why.model_validate({"jobId": documents.JOB_ID, "status": status, "summary": summary, "reasons": told})


FAILED = why(
    "failed",
    {
        "code": "failed",
        "message": "It failed with killed after 3 attempts.",
        "errorCode": "killed",
        "errorMessage": "ended by SIGKILL\nsecond line",
        "attemptsUsed": 3,
        "maxAttempts": 3,
        "triedAgain": True,
        "signal": 9,
        "advice": "Find out who sent the signal.",
    },
)
QUEUED = why(
    "queued",
    {
        "code": "paused",
        "scope": "queue",
        "since": documents.MOMENT,
        "pauseReason": "backup",
        "message": "It is paused: backup.",
    },
    {"code": "limit_reached", "limit": "total", "allowed": 2, "heldBy": [documents.JOB_ID, OTHER_ID], "message": "No room."},
    {"code": "waiting_turn", "position": 7, "ahead": 3, "message": "It waits."},
)


def test_a_failure_says_what_to_do() -> None:
    lines = format_why(FAILED, PLAIN).split("\n")
    assert lines[0] == "failed: It failed with killed after 3 attempts."
    assert lines[2:] == [
        "reason       failed",
        "error        killed",
        "message      ended by SIGKILL",
        "             second line",
        "attempts     3 of 3 used",
        "signal       9",
        "what to do   Find out who sent the signal.",
    ]


def test_several_reasons_are_told_one_after_the_other() -> None:
    first, *rest = format_why(QUEUED, PLAIN).split("\n\n")
    assert first == "queued: It is paused: backup."
    assert [part.split("\n")[0].split()[1] for part in rest] == ["paused", "limit_reached", "waiting_turn"]
    assert "since 2026-" in rest[0]
    assert "total, 2" in rest[1]
    assert f"held by      {documents.JOB_ID}\n             {OTHER_ID}" in rest[1]
    assert "No room." in rest[1]
    assert "position     7" in rest[2]


@pytest.mark.parametrize("style", [WIDE, NARROW])
@pytest.mark.parametrize("told", [FAILED, QUEUED])
def test_it_fits_the_terminal(told: Why, style: Style) -> None:
    assert style.width is not None
    assert all(cell_width(line) <= style.width for line in format_why(told, style).split("\n"))


@pytest.mark.parametrize("code", ReasonCode)
def test_a_reason_may_know_nothing_more(code: ReasonCode) -> None:
    shown = format_why(why("queued", {"code": code}), PLAIN)
    assert "None" not in shown
    assert code in shown


def test_the_status_alone_is_coloured() -> None:
    shown = format_why(FAILED, Style(is_terminal=True, width=80, colour=True))
    assert shown.startswith("\x1b[31mfailed\x1b[0m: It failed")
    assert shown.count("\x1b") == 2


def test_a_renderers_escapes_reach_no_terminal() -> None:
    evil = "\x1b]0;pwned\x07\x1b[2Jline\r\x9b31m"
    fields = {"errorMessage": evil, "advice": evil, "remedy": evil, "heldBy": [evil], "message": evil, "errorCode": "killed"}
    for style in (PLAIN, WIDE, NARROW):
        shown = format_why(why("failed", {"code": "failed", **fields}, {"code": "failed", **fields}), style)
        assert not set(shown) & set("\x1b\x9b\r\x07")
