"""What is examined and found: by the daemon (`GET /v1/doctor`), by `nexusd --check`, and by `nexusctl doctor`."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from nexusd.contract.base import Answer, Query, Timestamp

PROBLEMS_MAX: Final = 20
EXAMINATION_MAX_SECONDS: Final = 60


class ExaminationQuery(Query):
    """The query of `GET /v1/doctor`."""

    timeout: float = Field(default=10, gt=0, le=EXAMINATION_MAX_SECONDS, allow_inf_nan=False, description="In seconds.")


class DatabaseFindings(Answer):
    """What SQLite says of the database."""

    sound: bool | None = Field(description="Null when the time was over first.")
    problems: list[str] = Field(default_factory=list, description=f"At most {PROBLEMS_MAX} of what is wrong.")
    schema_revision: str | None = Field(default=None, description="As the file says.")
    latest_event_at: Timestamp | None = None


class DiskRoom(Answer):
    """The disk of the state directory."""

    free_bytes: int
    needed_bytes: int = Field(description="Below it no job starts and uploads are refused.")


class Examination(Answer):
    """`GET /v1/doctor`: what only the daemon can look at safely."""

    database: DatabaseFindings
    disk: DiskRoom | None = Field(default=None, description="Null when nobody can tell.")


class Setup(Answer):
    """What a daemon would start with: printed by `nexusd --check`, which starts none."""

    version: str
    config_file: str
    reason: str | None = Field(default=None, description="Why it would not start: a setting is wrong. Null when all are right.")
    socket: str | None = None
    state_directory: str | None = None
    known_revisions: list[str] = Field(default_factory=list, description="The schemas it can open, the last is its own.")
    disk: DiskRoom | None = None


class Check(Answer):
    """One thing that was looked at. `skipped`: it could not be, and `message` says why."""

    name: str
    outcome: Literal["ok", "warning", "failed", "skipped"]
    message: str
    advice: str | None = Field(default=None, description="What to do.")


class Diagnosis(Answer):
    """What `nexusctl doctor --json` prints."""

    version: str = Field(description="Of nexusctl.")
    socket: str | None
    checks: list[Check]
    healthy: bool = Field(description="Whether nothing has failed; warnings do not count.")
