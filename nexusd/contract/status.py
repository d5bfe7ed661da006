"""What the daemon says about itself and its renderers."""

from __future__ import annotations

from pydantic import Field

from nexusd.contract.base import Answer, JsonObject, Timestamp
from nexusd.contract.pauses import QueuePause
from nexusd.domain.states import JobStatus


class RendererLimits(Answer):
    """What one job of a renderer may take."""

    timeout_seconds: float = Field(description="Of an attempt, unless the job says another.")
    memory_max_bytes: int = Field(description="Of each process.")
    processes_max: int = Field(description="Threads count.")
    slots: int = Field(description="How many of the daemon's slots a job takes.")
    network: bool = Field(default=False, description="Whether it asks for the network.")


class Renderer(Answer):
    """What this daemon can render. `inputSchema` is JSON Schema 2020-12."""

    job_type: str
    description: str
    version: str = Field(description="ownVersion, and the tools with their versions.")
    own_version: str = Field(default="", description="Another one may make other bytes of the same input.")
    tools: dict[str, str | None] = Field(default_factory=dict, description="Packages and their versions; null: it is missing.")
    available: bool
    unavailable_reason: str | None = Field(default=None, description="What to install.")
    outputs: dict[str, str] = Field(default_factory=dict, description="The extensions of what it makes, with content types.")
    output_content_types: list[str]
    extensions: dict[str, JsonObject] = Field(
        default_factory=dict, description="The files that are sources for it, with the fields of the input that follow from it."
    )
    examples: dict[str, JsonObject] = Field(default_factory=dict, description="Inputs that work, by name, the plainest first.")
    default_timeout_seconds: float
    limits: RendererLimits | None = None
    input_schema: JsonObject


class PlugInProblem(Answer):
    """A plug-in that should have brought a renderer, and did not."""

    name: str = Field(description="Of the entry point.")
    package: str | None = Field(default=None, description="The distribution that it came with.")
    reason: str


class RendererList(Answer):
    """Every renderer, by job type."""

    items: list[Renderer]
    problems: list[PlugInProblem] = Field(default_factory=list, description="Plug-ins that were skipped at the start.")


class Limits(Answer):
    """Bounds in force."""

    running_jobs: int = Field(description="Slots; a job takes one, or as many as slotsPerType says.")
    running_jobs_per_company: int | None = Field(default=None, description="null = no limit but the slots.")
    slots_per_type: dict[str, int] = Field(default_factory=dict, description="Job types that take more than one slot.")
    body_max_bytes: int
    batch_max_bytes: int
    attachment_max_bytes: int
    generated_asset_max_bytes: int = Field(description="0 = none.")
    write_queue_length: int
    connections: int
    log_max_bytes: int
    spares_per_type: dict[str, int] = Field(
        default_factory=dict, description="How many warm spares each engine of a job type may have; none where it is missing."
    )
    spare_idle_seconds: float = Field(description="How long a spare waits since the last job of its kind.")
    spares_memory_max_bytes: int = Field(description="Of all spares together. 0 = no spares.")
    event_retention_seconds: float = Field(description="How old events may become. 0 = no limit.")
    event_retention_count: int = Field(description="How many of the newest events are kept. 0 = no limit.")


class EventHistory(Answer):
    """Which events there are. A stream can be resumed after any id from `prunedThrough` to `highestId`."""

    pruned_through: int = Field(description="Up to this id only the ends of jobs are kept.")
    highest_id: int


class Containment(Answer):
    """How children are held, as it was seen to work when the daemon started."""

    level: str = Field(
        description="`bubblewrap`: namespaces. `landlock`: Landlock and seccomp. `limits`: resource limits and a supervisor."
    )
    processes: str = Field(description="What bounds the number of a job's processes: `rlimit`, `cgroup` or `none`.")
    refused: dict[str, str] = Field(default_factory=dict, description="Why each stronger level was not reached.")


class SpareState(Answer):
    """A child that was started before there is a job for it."""

    job_type: str
    engine: str = Field(description="What it renders with: jobs of this type that are rendered by another one start cold.")
    warm: bool = Field(description="false while it gets ready.")
    memory_bytes: int | None = Field(default=None, description="Resident, when it was ready.")


class QueueOutlook(Answer):
    """What waits, and for how long."""

    length: int = Field(description="Jobs that are queued.")
    estimated_empty_at: Timestamp | None = Field(
        default=None,
        description="About when all that is queued now will have ended. Null when the queue is empty, when nobody knows what "
        "some of it takes, or when some of it cannot start: its type is paused or has no renderer.",
    )


class Status(Answer):
    """`GET /v1/status`."""

    version: str
    pid: int
    started_at: Timestamp
    stopping: bool
    jobs: dict[JobStatus, int]
    paused: list[QueuePause] = Field(default_factory=list, description="What is paused, the whole queue first.")
    queue: QueueOutlook
    assets: int
    last_event_id: int
    events: EventHistory
    requests_open: int
    spares: list[SpareState] = Field(default_factory=list, description="Children that wait for a job, and those getting ready.")
    containment: Containment
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
