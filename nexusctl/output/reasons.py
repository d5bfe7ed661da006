"""The reasons of `why` as people read them: the summary, then each reason with what goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nexusctl.output.present import STATUS_COLOURS, format_fields
from nexusctl.output.text import clean, clean_line, wrap
from nexusctl.output.times import format_age, format_moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from nexusctl.output.screen import Style
    from nexusd.contract.why import Reason, Why


def format_why(why: Why, style: Style) -> str:
    """Return the summary on the first line, and below it what each reason knows."""
    status = style.paint(str(why.status), STATUS_COLOURS.get(why.status))
    lines = wrap(f"{why.status}: {clean_line(why.summary)}", style.width)
    lines[0] = lines[0].replace(str(why.status), status, 1)
    for number, reason in enumerate(why.reasons):
        fields = [("reason", str(reason.code)), *_fields(reason, style)]
        if number:  # the first message is the summary
            fields.insert(1, ("", clean_line(reason.message)))
        lines += ["", format_fields(fields, style)]
    return "\n".join(lines)


def _fields(reason: Reason, style: Style) -> Iterator[tuple[str, str | None]]:
    told: dict[str, Any] = {
        "limit": None if reason.limit is None else f"{reason.limit}, {reason.allowed}",
        "held by": "\n".join(clean_line(job_id) for job_id in reason.held_by or []),
        "position": reason.position,
        "paused": _since(reason.since, style) if reason.pause_reason is not None or reason.scope is not None else None,
        "running": _since(reason.since, style) if reason.attempt is not None else None,
        "until": format_moment(reason.until, style),
        "ended after": format_moment(reason.timeout_at, style),
        "asked": format_moment(reason.requested_at, style),
        "error": reason.error_code,
        "message": reason.error_message,
        "attempts": None if reason.attempts_used is None else f"{reason.attempts_used} of {reason.max_attempts} used",
        "exit code": reason.exit_code,
        "signal": reason.signal,
        "what to do": reason.advice or reason.remedy,
    }
    for label, value in told.items():
        yield label, None if value is None else clean(str(value))


def _since(moment: datetime | None, style: Style) -> str | None:
    return None if moment is None else f"for {format_age(moment)}, since {format_moment(moment, style)}"
