"""Units of work and queries about companies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, or_, select
from sqlalchemy.exc import IntegrityError

from nexusd.contract.companies import DEFAULT_COMPANY, Company, CompanyList
from nexusd.domain.ids import new_id
from nexusd.errors import AlreadyExists, NotFound
from nexusd.store.rows import COMPANY_COLUMNS, decode_cursor, next_cursor, to_company
from nexusd.store.tables import COMPANIES

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


def create(connection: Connection, slug: str, name: str | None, now: datetime) -> Company:
    """Add a company.

    Raises AlreadyExists when the slug is taken.
    """
    company = Company(id=new_id(), slug=slug, name=name or slug, created_at=now)
    try:
        connection.execute(insert(COMPANIES), [company.model_dump()])
    except IntegrityError:
        raise AlreadyExists(f"there is a company {slug} already") from None
    return company


def ensure_default(connection: Connection, now: datetime) -> None:
    """Make the company `default` when there is none at all."""
    if connection.execute(select(COMPANIES.c.id).limit(1)).first() is None:
        create(connection, DEFAULT_COMPANY, None, now)


def get(connection: Connection, id_or_slug: str) -> Company:
    """Return one company.

    Raises NotFound.
    """
    query = select(*COMPANY_COLUMNS).where(or_(COMPANIES.c.id == id_or_slug, COMPANIES.c.slug == id_or_slug))
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"there is no company {id_or_slug}; GET /v1/companies lists them")
    return to_company(row)


def find(connection: Connection, limit: int, cursor: str | None) -> CompanyList:
    """Return a page of companies, oldest first."""
    query = select(*COMPANY_COLUMNS).order_by(COMPANIES.c.id).limit(limit + 1)
    if cursor is not None:
        query = query.where(COMPANIES.c.id > decode_cursor(cursor))
    page = connection.execute(query).all()
    return CompanyList(items=[to_company(row) for row in page[:limit]], next_cursor=next_cursor(page, limit))
