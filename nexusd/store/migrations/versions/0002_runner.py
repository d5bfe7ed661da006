"""The pauses of the queue, how the child of an attempt was held, and an index for what jobs of a type usually take.

Frozen: later revisions change it, nobody edits it.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

PAUSES = """
CREATE TABLE queue_pauses (
    job_type VARCHAR NOT NULL,
    reason VARCHAR,
    paused_at TEXT NOT NULL,
    PRIMARY KEY (job_type)
)
"""


def upgrade() -> None:
    """Add a table, a column and an index: it finds the last jobs that were done, however many there are."""
    op.execute(PAUSES)
    op.execute("ALTER TABLE job_attempts ADD COLUMN containment VARCHAR")
    op.execute("CREATE INDEX content_jobs_done ON content_jobs (job_type, finished_at) WHERE status = 'done'")
