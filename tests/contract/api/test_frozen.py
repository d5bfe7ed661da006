"""The contract is what the frozen files say, and the description of the API is complete and sound."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from nexusd.api.app import ROUTERS
from tests.contract.api.frozen import CATALOGUE, OPENAPI, catalogue, description, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

HOW: Final = "the contract has changed: if that is meant, run `python -m tests.contract.api` and look at the diff"
JSON_ROUTES: Final = {
    "POST /v1/companies": "CompanyCreation",
    "POST /v1/companies/{company}/content-jobs": "JobSubmission",
    "POST /v1/queue/pause": "PauseRequest",
    "POST /v1/queue/resume": "ResumeRequest",
    "POST /v1/companies/{company}/content-jobs/batch": "BatchSubmission",
    "POST /v1/backup": "BackupRequest",
}
HEADERS: Final[dict[str, list[str]]] = {
    "POST /v1/companies/{company}/assets": ["Content-Digest", "Digest"],
    "POST /v1/companies/{company}/content-jobs": ["Idempotency-Key"],
    "POST /v1/companies/{company}/content-jobs/batch": ["Idempotency-Key"],
    "POST /v1/companies/{company}/content-jobs/{job_id}/retry": ["Idempotency-Key"],
    "GET /v1/companies/{company}/content-jobs/{job_id}/events": ["Last-Event-ID"],
    "GET /v1/companies/{company}/events": ["Last-Event-ID"],
    "GET /v1/companies/{company}/content-jobs/{job_id}/log": ["Last-Event-ID"],
    "GET /v1/companies/{company}/assets/{asset_id}/content": ["If-None-Match", "Range", "If-Range"],
    "HEAD /v1/companies/{company}/assets/{asset_id}/content": ["If-None-Match", "Range", "If-Range"],
    "GET /v1/events": ["Last-Event-ID"],
    "POST /v1/backup": ["Idempotency-Key"],
}


@pytest.fixture(name="api")
async def _api() -> dict[str, Any]:
    return await description()


def operations(api: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every operation by `METHOD path`."""
    return {f"{method.upper()} {path}": found for path, item in api["paths"].items() for method, found in item.items()}


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a document."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


def test_the_problem_catalogue_is_frozen() -> None:
    assert CATALOGUE.read_text("utf-8") == to_text(catalogue()), HOW


async def test_the_description_is_frozen(api: dict[str, Any]) -> None:
    assert OPENAPI.read_text("utf-8") == to_text(api), HOW


async def test_it_describes_every_route_and_no_other(api: dict[str, Any]) -> None:
    routes = {f"{method} {route.path_format}" for router in ROUTERS for route in router.routes for method in route.methods}  # type: ignore[attr-defined]
    assert set(operations(api)) == routes


async def test_it_has_the_shape_of_openapi_3_1(api: dict[str, Any]) -> None:
    assert re.fullmatch(r"3\.1\.\d+", api["openapi"])
    assert set(api) <= {"openapi", "info", "paths", "components", "tags", "servers"}
    assert {"title", "version"} <= set(api["info"])
    assert set(api["components"]) == {"schemas"}
    identities = [found["operationId"] for found in operations(api).values()]
    assert len(identities) == len(set(identities))
    fields = {"summary", "description", "tags", "operationId", "parameters", "requestBody", "responses"}
    for name, operation in operations(api).items():
        assert set(operation) <= fields, name
        keys = [(parameter["in"], parameter["name"]) for parameter in operation.get("parameters", [])]
        assert len(keys) == len(set(keys)), name
        placeholders = set(re.findall(r"\{(\w+)\}", name))
        assert {key for place, key in keys if place == "path"} == placeholders
        for parameter in operation.get("parameters", []):
            assert parameter["in"] in {"path", "query", "header"}
            assert parameter["schema"]
            assert parameter.get("required", False) == (parameter["in"] == "path"), (name, parameter)
        for status, response in operation["responses"].items():
            assert status == "default" or re.fullmatch(r"[1-5]\d\d", status)
            assert response["description"]
        for content in walk(operation):
            for media_type, media in content.get("content", {}).items():
                assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", media_type), (name, media_type)
                assert media["schema"]


async def test_every_reference_resolves_and_every_schema_is_used(api: dict[str, Any]) -> None:
    schemas = api["components"]["schemas"]
    used = {found["$ref"] for found in walk(api) if isinstance(found.get("$ref"), str)}
    assert used == {f"#/components/schemas/{name}" for name in schemas}
    for name, schema in schemas.items():
        assert schema["type"] in {"object", "string"}, name
        assert set(schema.get("required", [])) <= set(schema.get("properties", {})), name


async def test_every_operation_says_what_it_takes_and_gives(api: dict[str, Any]) -> None:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for name, operation in operations(api).items():
        assert operation["summary"]
        assert operation["description"], name
        assert operation["responses"]["default"]["content"] == problem, name
        successes = {status: found for status, found in operation["responses"].items() if status.startswith(("2", "3"))}
        assert successes, name
        assert "422" not in operation["responses"]
        for status, success in successes.items():
            assert bool(success.get("content")) == (status not in {"204", "304"}), (name, status)
        headers = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "header"]
        assert headers == HEADERS.get(name, []), name
        if name in JSON_ROUTES:
            reference = {"$ref": f"#/components/schemas/{JSON_ROUTES[name]}"}
            assert operation["requestBody"] == {"required": True, "content": {"application/json": {"schema": reference}}}
        elif name != "POST /v1/companies/{company}/assets":
            assert "requestBody" not in operation, name


async def test_all_json_is_camel_case(api: dict[str, Any]) -> None:
    names = {name for schema in api["components"]["schemas"].values() for name in schema.get("properties", {})}
    names |= {p["name"] for found in operations(api).values() for p in found.get("parameters", []) if p["in"] == "query"}
    assert not [name for name in names if not re.fullmatch(r"[a-z][a-zA-Z0-9]*", name)]
    json.dumps(api)
