"""What `doctor` found, as people read it: a line for each check, and below it what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nexusctl.output.text import clean, wrap

if TYPE_CHECKING:
    from nexusctl.output.screen import Style
    from nexusd.contract.doctor import Check

COLOURS: Final = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "dim"}
_OUTCOME_WIDTH: Final = 8
_INDENT: Final = "  "


def check_line(check: Check, style: Style) -> str:
    """Return a check on a line, or on as many as it takes."""
    outcome = style.paint(check.outcome, COLOURS[check.outcome]) + " " * (_OUTCOME_WIDTH - len(check.outcome))
    told = [line for line in clean(f"{check.name}: {check.message}").split("\n") if line.strip()]
    told += [f"{_INDENT}{line}" for line in clean(check.advice or "").split("\n") if line.strip()]
    width = None if style.width is None else style.width - _OUTCOME_WIDTH
    pieces = [piece for line in told for piece in wrap(line, width, indent=_INDENT)]
    return "\n".join([outcome + pieces[0], *(" " * _OUTCOME_WIDTH + piece for piece in pieces[1:])])
