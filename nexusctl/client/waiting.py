"""Waiting for a job's end by long polls: the daemon holds each until there is something to say.

Owns the time that is left; asks at least once. A daemon that is away is waited for within the patience, as by every call.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from nexusctl.client import asking, calls
from nexusctl.client.steps import Lost
from nexusctl.errors import Refused

if TYPE_CHECKING:
    from nexusctl.client.patience import Patience
    from nexusctl.client.steps import Plan
    from nexusd.contract.jobs import Job

HOLD_SECONDS: Final = 20.0
"""How long one request is held, at most."""

_HELD_SHARE: Final = 2 / 3
"""Of the time that an answer may take."""

_EARLY_SECONDS: Final = 0.1


def wait_job(patience: Patience, company: str, job_id: str, timeout_seconds: float | None) -> Plan[Job | None]:
    """Return the job once it is over, None when it is not by then. Raises Refused, BadAnswer or Unreachable."""
    end_at = math.inf if timeout_seconds is None else patience.clock() + timeout_seconds
    while True:
        begun_at = patience.clock()
        hold_seconds = min(HOLD_SECONDS, patience.answer_seconds * _HELD_SHARE, max(0.0, end_at - begun_at))
        call = calls.wait_job(company, job_id, hold_seconds)
        reason, asked_seconds = "nexusd is stopping", 0.0
        try:
            if body := (yield from asking.send_once(patience, call)):
                return call.parse(body)
        except (Lost, Refused) as error:
            reason, asked_seconds = asking.read_passing_trouble(error)
        else:
            if patience.clock() >= begun_at + hold_seconds - _EARLY_SECONDS:
                patience.answered()
                reason = ""
        if patience.clock() >= end_at:
            return None
        if reason:
            yield from patience.failed(reason, pause_seconds=asked_seconds, until=end_at)
