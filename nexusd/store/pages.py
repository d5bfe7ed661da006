"""Pages of a company's lists that are newest first: of all that a filter lets through, or of what a part of an id fits.

A part is how an id begins, or how it ends. Beginnings are a range of the index of ids. Endings are looked for among the newest
ENDINGS_AMONG rows of the company alone, so that no list is read whole for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from nexusd.domain.ids import parse_part
from nexusd.store.rows import decode_cursor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection, Row, Select, Table

ENDINGS_AMONG: Final = 20_000
_ABOVE_ANY_DIGIT: Final = "~"


@dataclass(frozen=True, slots=True)
class PageWanted:
    """Which page of which company's list. `id_part`: of those alone whose id begins or ends so."""

    company_id: str
    limit: int
    cursor: str | None
    id_part: str | None = None


def read_page(connection: Connection, table: Table, query: Select[Any], wanted: PageWanted) -> list[Row[Any]]:
    """Return up to `limit` + 1 rows of `query`, which is about `table` and need not say of which company."""
    query = query.where(table.c.company_id == wanted.company_id)
    if wanted.cursor is not None:
        query = query.where(table.c.id < decode_cursor(wanted.cursor))
    query = query.order_by(table.c.id.desc()).limit(wanted.limit + 1)
    if wanted.id_part is None:
        return list(connection.execute(query).all())
    # a page of each is enough, whichever of them has the newer ones
    found = {row.id: row for fits in _fitting(table, wanted, wanted.id_part) for row in connection.execute(query.where(*fits))}
    return [found[key] for key in sorted(found, reverse=True)[: wanted.limit + 1]]


def _fitting(table: Table, wanted: PageWanted, id_part: str) -> Iterator[tuple[ColumnElement[bool], ...]]:
    """Yield the conditions for ids that begin so, then those for ids that end so."""
    part = parse_part(id_part)
    if part.beginning is not None:
        yield table.c.id >= part.beginning, table.c.id < part.beginning + _ABOVE_ANY_DIGIT
    if part.ending is not None:
        ids = select(table.c.id).where(table.c.company_id == wanted.company_id)
        oldest = ids.order_by(table.c.id.desc()).offset(ENDINGS_AMONG - 1).limit(1).scalar_subquery()
        ends_so = func.substr(table.c.id, -len(part.ending)) == part.ending
        # by themselves, so that the index of ids alone is read, and no row but those that fit
        yield (table.c.id.in_(ids.where(table.c.id >= func.coalesce(oldest, ""), ends_so)),)
