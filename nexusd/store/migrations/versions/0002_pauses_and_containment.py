"""The pauses of the queue, and how the child of an attempt was held.

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
    """Add a table and a column."""
    op.execute(PAUSES)
    op.execute("ALTER TABLE job_attempts ADD COLUMN containment VARCHAR")
