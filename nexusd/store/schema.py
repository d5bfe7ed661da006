"""Brings a database file up to the schema this program knows, or refuses it.

The revision is compared by plain SQL, since importing Alembic costs a sixth of a second: it is imported only to migrate.
A migration runs in one transaction: killed in the middle, it has not happened. The caller holds the state directory's lock.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexusd import failpoints
from nexusd.errors import UnsafeDatabase

if TYPE_CHECKING:
    from sqlalchemy import Connection

KNOWN_REVISIONS: Final = ("0001", "0002", "0003")
"""Oldest first; the last is the one this program works with."""
HEAD: Final = KNOWN_REVISIONS[-1]
VERSION_TABLE: Final = "alembic_version"
MIGRATIONS: Final = Path(__file__).with_name("migrations")


def refuse_unknown(path: Path) -> None:
    """Look at the file before anything is set on it: even `journal_mode` would be written into a stranger's database.

    Raises UnsafeDatabase for a schema this program does not know; the file is then as it was.
    """
    with closing(sqlite3.connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if not tables:
            return
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone() if VERSION_TABLE in tables else None
    if found is None:
        raise UnsafeDatabase(f"{path} is a database, but not one of nexusd's; set another state_directory")
    if found[0] not in KNOWN_REVISIONS:
        raise UnsafeDatabase(f"{path} has schema {found[0]}, which is newer than this nexusd ({HEAD}); upgrade nexusd")


def bring_up_to_date(connection: Connection) -> None:
    """Leave a database that `refuse_unknown` let pass at `HEAD`."""
    with connection.begin():
        if not _is_at_head(connection):
            failpoints.hit("migration.before")
            _migrate(connection)
            failpoints.hit("migration.after")


def _is_at_head(connection: Connection) -> bool:
    query = f"SELECT 1 FROM sqlite_schema WHERE name = '{VERSION_TABLE}'"
    if connection.exec_driver_sql(query).first() is None:
        return False
    revision: str = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar_one()
    return revision == HEAD


def _migrate(connection: Connection) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # its import has things to say already
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
