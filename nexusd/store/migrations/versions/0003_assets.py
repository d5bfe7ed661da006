"""Where an asset came from in full, whether it is pinned, and indexes that list a conversation task's assets and jobs in order.

Frozen: later revisions change it, nobody edits it.
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add columns; give the indexes of source tasks the order of the lists, and the live assets one of their own."""
    op.execute("ALTER TABLE assets ADD COLUMN attempt INTEGER")
    op.execute("ALTER TABLE assets ADD COLUMN provenance TEXT")
    op.execute("ALTER TABLE assets ADD COLUMN pinned_at TEXT")
    op.execute("DROP INDEX assets_by_source_task")
    op.execute("CREATE INDEX assets_by_source_task ON assets (company_id, source_task_id, id)")
    op.execute("DROP INDEX content_jobs_by_source_task")
    op.execute("CREATE INDEX content_jobs_by_source_task ON content_jobs (company_id, source_task_id, id)")
    op.execute("CREATE INDEX assets_deleted ON assets (id) WHERE deleted_at IS NOT NULL")
