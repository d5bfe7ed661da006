"""Puts the application together: routes, problems, access, and a description of it all at `/openapi.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from nexusd import __version__
from nexusd.api import (
    assets,
    backups,
    companies,
    doctor,
    events,
    jobs,
    logs,
    pauses,
    problems,
    renderers,
    source_tasks,
    status,
    storage,
    why,
)
from nexusd.api.access import LocalOnly
from nexusd.api.answers import SCHEMAS
from nexusd.contract.backups import BackupRequest
from nexusd.contract.companies import CompanyCreation
from nexusd.contract.jobs import BatchSubmission, JobSubmission
from nexusd.contract.pauses import PauseRequest, ResumeRequest
from nexusd.contract.problems import Problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from nexusd.service import Services

ROUTERS: Final = (
    jobs.router,
    why.router,
    logs.router,
    events.router,
    assets.router,
    source_tasks.router,
    companies.router,
    renderers.router,
    pauses.router,
    backups.router,
    storage.router,
    status.router,
    doctor.router,
)
UNSEEN: Final = (JobSubmission, BatchSubmission, CompanyCreation, PauseRequest, ResumeRequest, BackupRequest, Problem)
"""Models that the routes handle by themselves, so that FastAPI does not find them."""


def create_app(services: Services) -> ASGIApp:
    """Return the whole application."""
    app = FastAPI(
        title="nexusd",
        version=__version__,
        summary="Content-generation jobs: submitted, followed, stored.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False},
    )
    app.state.services = services
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    describe = app.openapi
    app.openapi = lambda: _complete(describe())  # type: ignore[method-assign]
    return LocalOnly(app)


def _complete(description: dict[str, Any]) -> dict[str, Any]:
    """Add the models that FastAPI has not seen, and take out its own shape of a validation error, which we never send."""
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    _, unseen = models_json_schema([(model, "validation") for model in UNSEEN], ref_template=SCHEMAS + "{model}")
    for name, schema in unseen["$defs"].items():
        schemas.setdefault(name, schema)
    for path in description["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    return description
