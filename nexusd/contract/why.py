"""Why a job does not run, or how it ended, on the wire."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nexusd.contract.base import Answer, Timestamp
from nexusd.domain.reasons import HELD_BY_MAX, ReasonCode
from nexusd.domain.states import ErrorCode, JobStatus


class Reason(Answer):
    """One reason. `code` and `message` are always there; of the rest, what the code calls for: nothing here is ever null."""

    code: ReasonCode
    message: str = Field(description="One sentence for people.")
    scope: Literal["queue", "job_type"] | None = Field(default=None, description="paused: what is.")
    job_type: str | None = Field(default=None, description="paused, renderer_missing, renderer_unavailable: which.")
    pause_reason: str | None = Field(default=None, description="paused: what whoever paused it said.")
    since: Timestamp | None = Field(default=None, description="paused, running: since when.")
    limit: Literal["total", "job_type", "company"] | None = Field(default=None, description="limit_reached: which.")
    allowed: int | None = Field(default=None, description="limit_reached: how many; slots for `total`, jobs otherwise.")
    held_by: list[str] | None = Field(
        default=None, description=f"limit_reached: ids of jobs that run, at most {HELD_BY_MAX}.", max_length=HELD_BY_MAX
    )
    free_bytes: int | None = Field(default=None, description="disk_low: what the disk has free.")
    needed_bytes: int | None = Field(default=None, description="disk_low: what is to stay free.")
    until: Timestamp | None = Field(default=None, description="backing_off: not started before.")
    last_outcome: str | None = Field(default=None, description="backing_off: how the attempt before ended.")
    remedy: str | None = Field(default=None, description="renderer_missing, renderer_unavailable: what to install.")
    position: int | None = Field(default=None, description="waiting_turn, starting: the job's queuePosition.")
    ahead: int | None = Field(default=None, description="waiting_turn: how many of those before it may start as well.")
    requested_at: Timestamp | None = Field(default=None, description="cancelling, cancelled: when somebody asked.")
    attempt: int | None = Field(default=None, description="running: which.")
    progress: float | None = Field(default=None, ge=0, le=1, description="running: as the renderer said last.")
    timeout_at: Timestamp | None = Field(default=None, description="running: when the attempt is ended at the latest.")
    error_code: ErrorCode | None = Field(default=None, description="failed.")
    error_message: str | None = Field(default=None, description="failed.")
    attempts_used: int | None = Field(default=None, description="failed: how many attempts counted.")
    max_attempts: int | None = Field(default=None, description="failed: how many may count.")
    tried_again: bool | None = Field(default=None, description="failed: whether there was more than one attempt.")
    exit_code: int | None = Field(default=None, description="failed: of the last attempt's process.")
    signal: int | None = Field(default=None, description="failed: what ended the last attempt's process.")
    advice: str | None = Field(default=None, description="failed: what to do about it, one sentence.")


class Why(Answer):
    """Why a job stands as it does. Several reasons may hold at once: the most decisive is first, and is the `summary`."""

    job_id: str
    status: JobStatus
    summary: str
    reasons: list[Reason]
