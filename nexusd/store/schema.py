"""Brings a database file up to the schema this program knows, or refuses it.

The revision is compared by plain SQL, since importing Alembic costs a sixth of a second: it is imported only to migrate.
A migration runs in one transaction: killed in the middle, it has not happened. The caller holds the state directory's lock.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexusd.errors import UnsafeDatabase

if TYPE_CHECKING:
    from sqlalchemy import Connection

KNOWN_REVISIONS: Final = ("0001",)
"""Oldest first; the last is the one this program works with."""
HEAD: Final = KNOWN_REVISIONS[-1]
MIGRATIONS: Final = Path(__file__).with_name("migrations")


def bring_up_to_date(connection: Connection, path: Path) -> None:
    """Leave the database at `HEAD`.

    Raises UnsafeDatabase for a schema this program does not know; the file is then as it was.
    """
    with connection.begin():
        revision = read_revision(connection)
        if revision == HEAD:
            return
        if revision is None and _has_tables(connection):
            raise UnsafeDatabase(f"{path} is a database, but not one of nexusd's; set another state_directory")
        if revision is not None and revision not in KNOWN_REVISIONS:
            raise UnsafeDatabase(f"{path} has schema {revision}, which is newer than this nexusd ({HEAD}); upgrade nexusd")
        _migrate(connection)


def read_revision(connection: Connection) -> str | None:
    """Return the revision the file is at, None for a file that Alembic never saw."""
    if not _count(connection, "name = 'alembic_version'"):
        return None
    revision: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return revision


def _has_tables(connection: Connection) -> bool:
    return _count(connection, "name NOT LIKE 'sqlite_%'") > 0


def _count(connection: Connection, condition: str) -> int:
    return int(
        connection.exec_driver_sql(f"SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND {condition}").scalar_one()
    )


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
