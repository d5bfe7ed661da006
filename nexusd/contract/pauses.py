"""Pauses of the queue on the wire. A pause keeps jobs from starting; those that run go on, and new ones are taken."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from nexusd.contract.base import Answer, Request, Timestamp
from nexusd.contract.jobs import JobType

Reason = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class PauseRequest(Request):
    """The body of `POST /v1/queue/pause`."""

    model_config = ConfigDict(strict=True)

    job_type: JobType | None = Field(default=None, description="Without one, the whole queue.")
    reason: Reason | None = Field(default=None, description="For people.")


class ResumeRequest(Request):
    """The body of `POST /v1/queue/resume`."""

    model_config = ConfigDict(strict=True)

    job_type: JobType | None = Field(
        default=None, description="Without one, the pause of the whole queue; those of job types stay."
    )
    all: bool = Field(default=False, description="Lift every pause there is.")


class QueuePause(Answer):
    """What is paused, and since when. Without a job type, the whole queue."""

    job_type: str | None = None
    reason: str | None = None
    paused_at: Timestamp


class QueueState(Answer):
    """What is paused, the whole queue first, and how many jobs of all companies run and wait."""

    paused: list[QueuePause]
    running: int
    queued: int
