"""Units of work and queries about companies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from nexusd.contract.companies import DEFAULT_COMPANY, Company, CompanyList
from nexusd.domain.ids import is_id, new_id
from nexusd.errors import AlreadyExists, InvalidParam, InvalidRequest, NotFound
from nexusd.store.rows import COMPANY_COLUMNS, decode_cursor, next_cursor, to_company
from nexusd.store.tables import COMPANIES

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


def create(connection: Connection, slug: str, name: str | None, now: datetime) -> Company:
    """Add a company.

    Raises AlreadyExists when the slug is taken, InvalidRequest when it looks like an id: it could pass for another company's.
    """
    if is_id(slug):
        raise InvalidRequest("the slug is not valid", (InvalidParam("/slug", "must not look like an id"),))
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
    column = COMPANIES.c.id if is_id(id_or_slug) else COMPANIES.c.slug
    row = connection.execute(select(*COMPANY_COLUMNS).where(column == id_or_slug)).first()
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
