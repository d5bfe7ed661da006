"""Routes of the store of files as a whole: garbage collected, everything verified."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from nexusd.api.answers import answer, document, services
from nexusd.api.routes import StrictRoute
from nexusd.contract.storage import CollectionQuery, CollectionReport, VerificationPage, VerificationQuery

router = APIRouter(prefix="/v1/storage", tags=["storage"], route_class=StrictRoute)


@router.post("/gc", responses=document(200, CollectionReport, "What was deleted, or would be."))
async def collect_garbage(request: Request, query: Annotated[CollectionQuery, Query()]) -> Response:
    """Delete the files that no asset has, and the bytes that no file has."""
    return answer(await services(request).storage.collect(dry_run=query.dry_run))


@router.get("/verify", responses=document(200, VerificationPage, "What is wrong with some of the assets."))
async def verify_storage(request: Request, query: Annotated[VerificationQuery, Query()]) -> Response:
    """Read what is stored anew, a page at a time, and tell what is not as its row says."""
    return answer(await services(request).storage.verify(query.after, query.limit, quick=query.quick))
