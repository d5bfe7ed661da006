"""Alembic's entry: runs the migrations on the connection that `nexusd.store.schema` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from nexusd.store.tables import COMPANIES

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=COMPANIES.metadata,
    transactional_ddl=True,
)
context.run_migrations()
