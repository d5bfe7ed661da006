"""Waiting for a job's end by long polls: the daemon holds each until there is something to say.

Owns the time that is left; asks at least once. A daemon that is away is waited for within the patience, as by every call.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import httpx

from nexusctl.client import calls
from nexusctl.client.transport import read_passing_trouble
from nexusctl.errors import Refused

if TYPE_CHECKING:
    from nexusctl.client.transport import Transport
    from nexusd.contract.jobs import Job

HOLD_SECONDS: Final = 20.0
"""How long one request is held: less than an answer may take."""

_EARLY_SECONDS: Final = 0.1


def wait_job(transport: Transport, company: str, job_id: str, timeout_seconds: float | None) -> Job | None:
    """Return the job once it is over, None when it is not by then. Raises Refused, BadAnswer or Unreachable."""
    patience = transport.patience
    end_at = math.inf if timeout_seconds is None else patience.clock() + timeout_seconds
    while True:
        begun_at = patience.clock()
        hold_seconds = min(HOLD_SECONDS, max(0.0, end_at - begun_at))
        call = calls.wait_job(company, job_id, hold_seconds)
        reason, asked_seconds = "nexusd is stopping", 0.0
        try:
            if body := transport.send_once(call):
                patience.answered()
                return call.parse(body)
        except (httpx.TransportError, Refused) as error:
            reason, asked_seconds = read_passing_trouble(error)
        else:
            if patience.clock() >= begun_at + hold_seconds - _EARLY_SECONDS:
                patience.answered()
                reason = ""
        if patience.clock() >= end_at:
            return None
        if reason:
            patience.failed(reason, pause_seconds=asked_seconds, until=end_at)
