"""The baseline: every table, the trigger that guards the job lifecycle, and the one row of the retention.

Frozen: later revisions change it, nobody edits it.
"""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE companies (
    id VARCHAR NOT NULL,
    slug VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (slug)
)
;
CREATE TABLE content_jobs (
    id VARCHAR NOT NULL,
    company_id VARCHAR NOT NULL,
    job_type VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    input TEXT NOT NULL,
    source_task_id VARCHAR,
    priority INTEGER NOT NULL,
    timeout_seconds FLOAT,
    max_attempts INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    attempts_used INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    progress FLOAT,
    progress_message VARCHAR,
    result_asset_id VARCHAR,
    error_code VARCHAR,
    error_message VARCHAR,
    retry_of VARCHAR,
    cancel_requested_at TEXT,
    available_at TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    started_at TEXT,
    finished_at TEXT,
    PRIMARY KEY (id),
    CONSTRAINT status_is_known CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    CONSTRAINT progress_is_a_fraction CHECK (progress IS NULL OR progress BETWEEN 0 AND 1),
    FOREIGN KEY(company_id) REFERENCES companies (id),
    FOREIGN KEY(retry_of) REFERENCES content_jobs (id)
)
;
CREATE INDEX content_jobs_by_company ON content_jobs (company_id, id)
;
CREATE INDEX content_jobs_by_company_and_created ON content_jobs (company_id, created_at)
;
CREATE INDEX content_jobs_by_company_and_status ON content_jobs (company_id, status)
;
CREATE INDEX content_jobs_by_source_task ON content_jobs (company_id, source_task_id)
;
CREATE INDEX content_jobs_queue ON content_jobs (company_id, job_type, priority DESC, id) WHERE status = 'queued'
;
CREATE INDEX content_jobs_backing_off ON content_jobs (available_at) WHERE status = 'queued' AND available_at IS NOT NULL
;
CREATE INDEX content_jobs_running ON content_jobs (id) WHERE status = 'running'
;
CREATE TABLE job_attempts (
    id VARCHAR NOT NULL,
    job_id VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    outcome VARCHAR,
    message VARCHAR,
    boot_id VARCHAR,
    pid INTEGER,
    pid_start_ticks INTEGER,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    exit_code INTEGER,
    signal INTEGER,
    peak_memory_bytes INTEGER,
    cpu_seconds FLOAT,
    PRIMARY KEY (id),
    CONSTRAINT attempt_numbers_are_unique UNIQUE (job_id, number),
    FOREIGN KEY(job_id) REFERENCES content_jobs (id)
)
;
CREATE UNIQUE INDEX job_attempts_live ON job_attempts (job_id) WHERE finished_at IS NULL
;
CREATE TABLE assets (
    id VARCHAR NOT NULL,
    company_id VARCHAR NOT NULL,
    namespace VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    object_key VARCHAR NOT NULL,
    content_type VARCHAR NOT NULL,
    byte_size INTEGER NOT NULL,
    sha256 VARCHAR NOT NULL,
    original_filename VARCHAR,
    job_id VARCHAR,
    source_task_id VARCHAR,
    created_by_agent_id VARCHAR,
    created_by_user_id VARCHAR,
    created_at TEXT NOT NULL,
    deleted_at TEXT,
    PRIMARY KEY (id),
    CONSTRAINT object_keys_are_unique UNIQUE (provider, object_key),
    FOREIGN KEY(company_id) REFERENCES companies (id),
    FOREIGN KEY(job_id) REFERENCES content_jobs (id)
)
;
CREATE INDEX assets_by_company ON assets (company_id, id)
;
CREATE INDEX assets_by_hash ON assets (company_id, sha256)
;
CREATE INDEX assets_by_job ON assets (job_id)
;
CREATE INDEX assets_by_source_task ON assets (source_task_id)
;
CREATE TABLE job_asset_references (
    job_id VARCHAR NOT NULL,
    asset_id VARCHAR NOT NULL,
    PRIMARY KEY (job_id, asset_id),
    FOREIGN KEY(job_id) REFERENCES content_jobs (id) ON DELETE CASCADE,
    FOREIGN KEY(asset_id) REFERENCES assets (id)
)
;
CREATE INDEX job_asset_references_by_asset ON job_asset_references (asset_id)
;
CREATE TABLE events (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    company_id VARCHAR NOT NULL,
    job_id VARCHAR,
    asset_id VARCHAR,
    type VARCHAR NOT NULL,
    data TEXT NOT NULL,
    created_at TEXT NOT NULL,
    FOREIGN KEY(company_id) REFERENCES companies (id)
)
;
CREATE INDEX events_by_company ON events (company_id, id)
;
CREATE INDEX events_by_job ON events (job_id, id)
;
CREATE TABLE event_retention (
    id INTEGER NOT NULL,
    pruned_through INTEGER NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT one_row CHECK (id = 1)
)
;
CREATE TABLE idempotency_keys (
    company_id VARCHAR NOT NULL,
    route VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    body_sha256 VARCHAR NOT NULL,
    job_id VARCHAR NOT NULL,
    job_ids TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (company_id, route, "key"),
    FOREIGN KEY(company_id) REFERENCES companies (id),
    FOREIGN KEY(job_id) REFERENCES content_jobs (id) ON DELETE CASCADE
)
;
CREATE INDEX idempotency_keys_by_job ON idempotency_keys (job_id)
"""

TRIGGER = """
CREATE TRIGGER content_jobs_move_legally
BEFORE UPDATE OF status ON content_jobs
WHEN old.status <> new.status AND (old.status || ' ' || new.status) NOT IN (
    'queued running', 'queued cancelled', 'queued failed',
    'running done', 'running failed', 'running cancelled', 'running queued'
)
BEGIN
    SELECT raise(ABORT, 'a content job cannot change its status that way');
END
"""


def upgrade() -> None:
    """Make the schema in an empty file."""
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    op.execute(TRIGGER)
    op.execute("INSERT INTO event_retention (id, pruned_through) VALUES (1, 0)")
