"""Routes of companies."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from nexusd.api.answers import answer, document, document_body, services
from nexusd.api.bodies import read_json
from nexusd.api.routes import StrictRoute
from nexusd.contract.base import PageQuery
from nexusd.contract.companies import Company, CompanyCreation, CompanyList
from nexusd.contract.jobs import BODY_MAX_BYTES

router = APIRouter(prefix="/v1/companies", tags=["companies"], route_class=StrictRoute)


@router.get("", responses=document(200, CompanyList, "A page of companies, oldest first."))
async def list_companies(request: Request, query: Annotated[PageQuery, Query()]) -> Response:
    """List the companies."""
    return answer(await services(request).companies.list(query.limit, query.cursor))


@router.post("", status_code=201, responses=document(201, Company, "Made."), openapi_extra=document_body(CompanyCreation))
async def create_company(request: Request) -> Response:
    """Add a company."""
    company = await services(request).companies.create(await read_json(request, CompanyCreation, BODY_MAX_BYTES))
    return answer(company, 201, {"Location": f"/v1/companies/{company.id}"})


@router.get("/{company}", responses=document(200, Company, "The company."))
async def get_company(request: Request, company: str) -> Response:
    """Show one company, named by id or slug."""
    return answer(await services(request).companies.get(company))
