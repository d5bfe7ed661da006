"""What the daemon says about itself and its renderers."""

from __future__ import annotations

from pydantic import Field

from nexusd.contract.base import Answer, JsonObject, Timestamp
from nexusd.domain.states import JobStatus


class Renderer(Answer):
    """What this daemon can render. `inputSchema` is JSON Schema 2020-12."""

    job_type: str
    description: str
    version: str
    available: bool
    unavailable_reason: str | None = None
    output_content_types: list[str]
    default_timeout_seconds: float
    input_schema: JsonObject


class RendererList(Answer):
    """Every renderer, by job type."""

    items: list[Renderer]


class Limits(Answer):
    """Bounds in force."""

    running_jobs: int
    body_max_bytes: int
    batch_max_bytes: int
    attachment_max_bytes: int
    generated_asset_max_bytes: int = Field(description="0 = none.")
    write_queue_length: int
    connections: int
    log_max_bytes: int


class Status(Answer):
    """`GET /v1/status`."""

    version: str
    pid: int
    started_at: Timestamp
    stopping: bool
    jobs: dict[JobStatus, int]
    assets: int
    last_event_id: int
    requests_open: int
    containment: str = Field(description="How children are held: `process-group` = own session, tree ended by its mark.")
    limits: Limits
    socket: str
    state_directory: str
    schema_revision: str
    sqlite_version: str
    failpoints: list[str] | None = Field(default=None, description="What a test has armed by `--unsafe-failpoints`.")


class Health(Answer):
    """`GET /v1/health`: 200 when ready, 503 when not."""

    ready: bool
    reason: str | None = None
