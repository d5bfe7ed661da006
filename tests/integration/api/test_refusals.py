"""Whatever is wrong with a request: a problem document that names the place, and nothing stored.

One table of routes, compared with what the application has; each kind of fault is tried on each route that can have it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from nexusd.api.app import ROUTERS
from nexusd.contract.jobs import BATCH_MAX_BYTES, BATCH_MAX_ITEMS, BODY_MAX_BYTES
from tests.support.daemons import ASSETS, DEFAULT, JOBS, Daemon, check_problem, open_daemon, take_stock
from tests.support.scripted import DONE, scripted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

pytestmark = pytest.mark.slow

NOBODY: Final = "0199c0de-0000-7000-8000-000000000000"
JSON: Final = {"Content-Type": "application/json"}
GOOD: Final = scripted(DONE)


@dataclass(frozen=True)
class Route:
    """One route: how to call it well, and what can be wrong with a call."""

    method: str
    path: str
    query: frozenset[str] = frozenset()
    body: Any = None
    body_max_bytes: int = 0

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


PAGE: Final = frozenset({"limit", "cursor"})
IN_COMPANY: Final = "/v1/companies/{company}"
ROUTES: Final = (
    Route("POST", f"{IN_COMPANY}/content-jobs", body=GOOD, body_max_bytes=BODY_MAX_BYTES),
    Route("POST", f"{IN_COMPANY}/content-jobs/batch", body={"items": [GOOD]}, body_max_bytes=BATCH_MAX_BYTES),
    Route(
        "GET",
        f"{IN_COMPANY}/content-jobs",
        query=PAGE | {"idPart", "status", "jobType", "sourceTaskId", "createdAfter", "createdBefore"},
    ),
    Route("GET", f"{IN_COMPANY}/content-jobs/{{job_id}}"),
    Route("GET", f"{IN_COMPANY}/content-jobs/{{job_id}}/why"),
    Route("GET", f"{IN_COMPANY}/content-jobs/{{job_id}}/log", query=frozenset({"attempt", "offset", "limit", "raw", "follow"})),
    Route("POST", f"{IN_COMPANY}/content-jobs/{{job_id}}/cancel"),
    Route("POST", f"{IN_COMPANY}/content-jobs/{{job_id}}/retry"),
    Route("GET", f"{IN_COMPANY}/content-jobs/{{job_id}}/events", query=frozenset({"after"})),
    Route("GET", f"{IN_COMPANY}/content-jobs/{{job_id}}/wait", query=frozenset({"timeout"})),
    Route("GET", f"{IN_COMPANY}/events", query=frozenset({"after", "types", "snapshot"})),
    Route("GET", "/v1/events", query=frozenset({"after", "types", "snapshot"})),
    Route(
        "POST",
        f"{IN_COMPANY}/assets",
        query=frozenset({"filename", "namespace", "sourceTaskId", "createdByAgentId", "createdByUserId"}),
    ),
    Route(
        "GET",
        f"{IN_COMPANY}/assets",
        query=PAGE | {"idPart", "sourceTaskId", "jobId", "namespace", "contentType", "sha256"},
    ),
    Route("GET", f"{IN_COMPANY}/source-tasks/{{source_task}}", query=PAGE),
    Route("GET", f"{IN_COMPANY}/assets/{{asset_id}}"),
    Route("GET", f"{IN_COMPANY}/assets/{{asset_id}}/content", query=frozenset({"inline", "download"})),
    Route("HEAD", f"{IN_COMPANY}/assets/{{asset_id}}/content", query=frozenset({"inline", "download"})),
    Route("DELETE", f"{IN_COMPANY}/assets/{{asset_id}}"),
    Route("PUT", f"{IN_COMPANY}/assets/{{asset_id}}/pin"),
    Route("DELETE", f"{IN_COMPANY}/assets/{{asset_id}}/pin"),
    Route("POST", "/v1/storage/gc", query=frozenset({"dryRun"})),
    Route("GET", "/v1/storage/verify", query=frozenset({"after", "limit", "quick"})),
    Route("GET", "/v1/companies", query=PAGE),
    Route("POST", "/v1/companies", body={"slug": "acme"}, body_max_bytes=BODY_MAX_BYTES),
    Route("GET", IN_COMPANY),
    Route("GET", "/v1/queue"),
    Route("POST", "/v1/backup", body={"directory": "/proc/nowhere/backup"}, body_max_bytes=BODY_MAX_BYTES),
    Route("POST", "/v1/queue/pause", body={}, body_max_bytes=BODY_MAX_BYTES),
    Route("POST", "/v1/queue/resume", body={}, body_max_bytes=BODY_MAX_BYTES),
    Route("GET", "/v1/renderers"),
    Route("GET", "/v1/renderers/{job_type}"),
    Route("GET", "/v1/status"),
    Route("GET", "/v1/health"),
    Route("GET", "/v1/doctor", query=frozenset({"timeout"})),
)
JSON_ROUTES: Final = [route for route in ROUTES if route.body is not None]


async def call(
    daemon: Daemon,
    route: Route,
    *,
    company: str = "default",
    identity: str = NOBODY,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    content: Any = None,
) -> httpx.Response:
    """Call a route as it should be, but for what is given."""
    path = route.path.format(company=company, job_id=identity, asset_id=identity, job_type="scripted", source_task="t")
    if content is None and route.body is not None:
        content, headers = json.dumps(route.body), headers or JSON
    return await daemon.client.request(route.method, path, params=query, headers=headers, content=content)


def check_refused(answer: httpx.Response, status: int, slug: str, *names: str) -> None:
    """Check the problem; an answer to HEAD has no body to look at."""
    if answer.request.method == "HEAD":
        assert answer.status_code == status
        assert not answer.content
    else:
        check_problem(answer, status, slug, names)


def test_the_table_has_every_route_of_the_application() -> None:
    found = {f"{method} {route.path_format}" for router in ROUTERS for route in router.routes for method in route.methods}  # type: ignore[attr-defined]
    assert found == {route.name for route in ROUTES}


async def test_every_route_refuses_what_does_not_exist(home: Path) -> None:
    async with open_daemon(home) as daemon:
        before = take_stock(daemon.state)
        for route in ROUTES:
            if "{company}" in route.path:
                for company in ("nobody", NOBODY, "%00", "%2e%2e", "default%2f", "x" * 3000):
                    answer = await call(daemon, route, company=company)
                    assert answer.status_code in {400, 404}, (route, company, answer.text)
                check_refused(await call(daemon, route, company="nobody"), 404, "not-found")
            if "_id}" in route.path:
                for identity in (NOBODY, "nothing", "'", "%F0%9F%92%A5"):
                    check_refused(await call(daemon, route, identity=identity), 404, "not-found")
        check_problem(await daemon.client.get("/v1/renderers/nothing"), 404, "not-found")
        for path in ("/", "/v1", "/v2/status", f"{JOBS}/", f"{JOBS}/x/y", "/docs", "/redoc", "/v1/status/"):
            check_problem(await daemon.client.get(path), 404, "not-found")
        assert take_stock(daemon.state) == before


async def test_every_path_refuses_other_methods(home: Path) -> None:
    async with open_daemon(home) as daemon:
        before = take_stock(daemon.state)
        for path in {route.path for route in ROUTES}:
            allowed = {route.method for route in ROUTES if route.path == path}
            if path.endswith("/batch"):
                allowed.add("GET")  # the path of a job whose id would be "batch"
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - allowed:
                real = path.format(company="default", job_id=NOBODY, asset_id=NOBODY, job_type="scripted", source_task="t")
                answer = await daemon.client.request(method, real)
                check_problem(answer, 405, "method-not-allowed")
                assert set(answer.headers["allow"].split(", ")) <= allowed
        assert take_stock(daemon.state) == before


BAD_QUERIES: Final[dict[str, list[str]]] = {
    "limit": ["0", "8388609", "-1", "x", "", "1.5", "9" * 30],
    "cursor": ["", "x", "bm9uc2Vuc2U", "WyJ4Il0", "W10", "é", "x" * 201, "WzFd", "eyJhIjoxfQ"],
    "idPart": ["", "g", "0199c0de 12", "0" * 37, "0199\n"],
    "status": ["", "finished", "QUEUED"],
    "createdAfter": ["", "yesterday", "2026-01-01", "2026-01-01T00:00:00", "1e999"],
    "createdBefore": ["x"],
    "after": ["", "-1", "x", "1.5", "1e3"],
    "attempt": ["", "0", "-1", "x", "1.5"],
    "offset": ["", "-1", "x", "1.5", "9" * 20],
    "raw": ["", "perhaps", "2"],
    "follow": ["", "perhaps", "2"],
    "inline": ["", "perhaps", "2"],
    "download": ["", "perhaps", "2"],
    "dryRun": ["", "perhaps", "2"],
    "quick": ["", "perhaps", "2"],
    "types": ["", "content_job", "content_job.vanished"],
    "snapshot": ["", "all", "ACTIVE", "true"],
    "timeout": ["", "-1", "600.1", "x", "nan", "inf", "1e9", "30s"],
    "filename": ["", "x" * 1025],
    "namespace": [
        "",
        "x" * 256,
        "generated",
        "generated/x",
        "/generated",
        "./generated/x",
        "\\generated",
        ".generated",
        "\uff47enerated",
    ],
    "sourceTaskId": ["", "x" * 256, "a\nb", "\x00"],
    "createdByAgentId": ["", "\x7f"],
    "createdByUserId": ["", "\t"],
}
"""What each parameter must refuse where it is checked. Filters of lists take any text: `UNCHECKED`."""
UNCHECKED: Final = {("GET", name) for name in ("jobType", "sourceTaskId", "jobId", "namespace", "contentType", "sha256")}


async def test_every_query_parameter_is_checked(home: Path) -> None:
    async with open_daemon(home) as daemon:
        job_id = await daemon.submit(GOOD)
        await daemon.wait_status(job_id)
        before = take_stock(daemon.state)
        for route in ROUTES:
            for unknown in ("bogus", "job_type", "Limit"):
                check_refused(
                    await call(daemon, route, identity=job_id, query={unknown: "1"}), 422, "invalid-request", f"?{unknown}"
                )
            for name in route.query:
                if (route.method, name) in UNCHECKED:
                    continue
                too_many = ["501"] if name == "limit" and "cursor" in route.query else []
                for value in [*BAD_QUERIES[name], *too_many]:
                    answer = await call(daemon, route, identity=job_id, query={name: value}, content=b"")
                    check_refused(answer, 422, "invalid-request", f"?{name}")
        for value in ("x", "-1", "1.5", "\u0661", "1e3", "0x1", "9" * 20):
            for path in ("/v1/events", f"{DEFAULT}/events", f"{JOBS}/{job_id}/events"):
                answer = await daemon.client.get(path, headers={b"Last-Event-ID": value.encode()})
                check_problem(answer, 400, "malformed-request")
        several = await daemon.client.get(JOBS, params={"limit": "0", "status": ["done", "bad", "worse"], "createdAfter": "x"})
        check_problem(several, 422, "invalid-request", ["?limit", "?status", "?createdAfter"])
        assert take_stock(daemon.state) == before


UNREADABLE: Final[list[tuple[bytes, int, str, list[str]]]] = [
    (b"", 400, "malformed-request", []),
    (b"{", 400, "malformed-request", []),
    (b"nonsense", 400, "malformed-request", []),
    (b'{"slug": "a", "name": NaN}', 400, "malformed-request", []),
    (b'{"slug": -Infinity}', 400, "malformed-request", []),
    (b"{'jobType': 1}", 400, "malformed-request", []),
    (b"\xff\xfe{}", 400, "malformed-request", []),
    (b'{"slug": "\xff"}', 400, "malformed-request", []),
    (b'\xef\xbb\xbf{"slug": "a"}', 400, "malformed-request", []),
    (b'{"slug": "\\ud800"}', 400, "malformed-request", []),
    (b"[" * 100_000, 400, "malformed-request", []),
    (b"{} {}", 400, "malformed-request", []),
    (b"null", 422, "invalid-request", [""]),
    (b"[]", 422, "invalid-request", [""]),
    (b'"text"', 422, "invalid-request", [""]),
]


async def test_every_body_must_be_json_of_a_bounded_size(home: Path) -> None:
    async with open_daemon(home) as daemon:
        before = take_stock(daemon.state)
        for route in JSON_ROUTES:
            for content, status, slug, names in UNREADABLE:
                check_refused(await call(daemon, route, headers=JSON, content=content), status, slug, *names)
            huge = b'{"slug": ' + b"7" * 5000 + b', "items": 1, "jobType": 1}'
            assert (await call(daemon, route, headers=JSON, content=huge)).status_code in {400, 422}
            unknown = json.dumps(route.body | {"bogus": 1, "a/b~c": 2}).encode()
            check_refused(
                await call(daemon, route, headers=JSON, content=unknown), 422, "invalid-request", "/bogus", "/a~1b~0c"
            )
            good = json.dumps(route.body).encode()
            for content_type in ("text/plain", "application/jsonp", "application/x-www-form-urlencoded", "", "text/json"):
                answer = await call(daemon, route, headers={"Content-Type": content_type}, content=good)
                check_refused(answer, 415, "unsupported-media-type")
            check_refused(await call(daemon, route, headers={"X": "y"}, content=good), 415, "unsupported-media-type")
            too_large = good + b" " * route.body_max_bytes
            check_refused(await call(daemon, route, headers=JSON, content=too_large), 413, "payload-too-large")
            check_refused(await call(daemon, route, headers=JSON, content=pieces(too_large)), 413, "payload-too-large")
        assert take_stock(daemon.state) == before


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    """Yield without saying how much there will be."""
    for start in range(0, len(content), 65536):
        yield content[start : start + 65536]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


WRONG_JOBS: Final[list[tuple[dict[str, Any], list[str]]]] = [
    ({"jobType": 5}, ["/jobType"]),
    ({"jobType": None}, ["/jobType"]),
    ({"jobType": "Upper"}, ["/jobType"]),
    ({"jobType": "nothing"}, ["/jobType"]),
    ({"jobType": "scripted\n"}, ["/jobType"]),
    ({"source_task_id": "x"}, ["/source_task_id"]),
    ({"input": "text"}, ["/input"]),
    ({"input": None}, ["/input"]),
    ({"input": {}}, ["/input/steps"]),
    ({"input": {"steps": "x", "more": 1}}, ["/input/steps", "/input/more"]),
    ({"input": {"steps": [[], "x"]}}, ["/input/steps/1"]),
    ({"input": {"steps": [], "a/b": 1}}, ["/input/a~1b"]),
    ({"input": {"steps": [], "extra": {"picture": {"$asset": NOBODY}}}}, ["/input/extra/picture"]),
    ({"input": {"steps": [], "extra": {"a": [{"$asset": ""}]}}}, ["/input/extra/a/0/$asset"]),
    ({"input": {"steps": [], "extra": {"a": {"$asset": 5}}}}, ["/input/extra/a/$asset"]),
    ({"input": {"steps": [], "extra": {"a": {"$asset": NOBODY, "b": 1}}}}, ["/input/extra/a"]),
    ({"input": {"steps": [], "extra": nested(150)}}, ["/input/extra" + "/a" * 100]),
    ({"priority": "5"}, ["/priority"]),
    ({"priority": 1.5}, ["/priority"]),
    ({"priority": True}, ["/priority"]),
    ({"priority": None}, ["/priority"]),
    ({"priority": 1001}, ["/priority"]),
    ({"priority": 10**30}, ["/priority"]),
    ({"timeoutSeconds": 0}, ["/timeoutSeconds"]),
    ({"timeoutSeconds": 86_401}, ["/timeoutSeconds"]),
    ({"timeoutSeconds": "1"}, ["/timeoutSeconds"]),
    ({"maxAttempts": 0}, ["/maxAttempts"]),
    ({"maxAttempts": 101}, ["/maxAttempts"]),
    ({"sourceTaskId": ""}, ["/sourceTaskId"]),
    ({"sourceTaskId": "a\nb"}, ["/sourceTaskId"]),
    ({"sourceTaskId": "a\n"}, ["/sourceTaskId"]),
    ({"sourceTaskId": "x" * 256}, ["/sourceTaskId"]),
    ({"sourceTaskId": 5}, ["/sourceTaskId"]),
    ({"priority": "5", "maxAttempts": 0, "bogus": 1}, ["/priority", "/maxAttempts", "/bogus"]),
]


async def test_every_field_of_a_job_is_checked_alone_and_in_a_batch(home: Path) -> None:
    async with open_daemon(home) as daemon:
        before = take_stock(daemon.state)
        for change, names in WRONG_JOBS:
            wrong = GOOD | change
            check_problem(await daemon.client.post(JOBS, json=wrong), 422, "invalid-request", names)
            items = [GOOD] * 3 + [wrong]
            answer = await daemon.client.post(f"{JOBS}/batch", json={"items": items})
            check_problem(answer, 422, "invalid-request", [f"/items/3{name}" for name in names])
        for missing in GOOD:
            body = {name: value for name, value in GOOD.items() if name != missing}
            check_problem(await daemon.client.post(JOBS, json=body), 422, "invalid-request", [f"/{missing}"])
        batches: list[dict[str, Any]] = [{}, {"items": []}, {"items": {}}, {"items": [GOOD] * (BATCH_MAX_ITEMS + 1)}]
        for batch in batches:
            check_problem(await daemon.client.post(f"{JOBS}/batch", json=batch), 422, "invalid-request", ["/items"])
        all_wrong: dict[str, Any] = {"items": [{}] * BATCH_MAX_ITEMS}
        problem = await daemon.client.post(f"{JOBS}/batch", json=all_wrong)
        assert len(problem.json()["invalidParams"]) == 100
        for path, body in ((JOBS, GOOD), (f"{JOBS}/batch", {"items": [GOOD]})):
            for key in ("", "x" * 256):
                answer = await daemon.client.post(path, json=body, headers={"Idempotency-Key": key})
                check_problem(answer, 422, "invalid-request", ["Idempotency-Key"])
        assert take_stock(daemon.state) == before


WRONG_COMPANIES: Final[list[tuple[dict[str, Any], list[str]]]] = [
    ({}, ["/slug"]),
    ({"slug": ""}, ["/slug"]),
    ({"slug": "Upper"}, ["/slug"]),
    ({"slug": "-a"}, ["/slug"]),
    ({"slug": "a-"}, ["/slug"]),
    ({"slug": "a\n"}, ["/slug"]),
    ({"slug": "x" * 64}, ["/slug"]),
    ({"slug": 5}, ["/slug"]),
    ({"slug": NOBODY}, ["/slug"]),
    ({"slug": "a", "name": ""}, ["/name"]),
    ({"slug": "a", "name": "x" * 201}, ["/name"]),
]


async def test_every_field_of_a_company_is_checked(home: Path) -> None:
    async with open_daemon(home) as daemon:
        before = take_stock(daemon.state)
        for body, names in WRONG_COMPANIES:
            check_problem(await daemon.client.post("/v1/companies", json=body), 422, "invalid-request", names)
        check_problem(await daemon.client.post("/v1/companies", json={"slug": "default"}), 409, "already-exists")
        assert take_stock(daemon.state) == before


CALLERS: Final[list[tuple[dict[str, str], bool]]] = [
    ({"Host": "nexusd"}, True),
    ({"Host": "localhost"}, True),
    ({"Host": "LocalHost"}, True),
    ({"Host": ""}, True),
    ({"Host": "evil.example"}, False),
    ({"Host": "nexusd.evil.example"}, False),
    ({"Host": "localhost."}, False),
    ({"Host": "localhost:80"}, False),
    ({"Host": "127.0.0.1"}, False),
    ({"Host": "[::1]"}, False),
    ({"Host": "2130706433"}, False),
    ({"Host": "nexusd", "Origin": "http://nexusd"}, False),
    ({"Host": "nexusd", "Origin": "null"}, False),
    ({"Host": "nexusd", "Origin": ""}, False),
]


async def test_browsers_and_foreign_names_are_refused_everywhere(home: Path) -> None:
    async with open_daemon(home) as daemon:
        before = take_stock(daemon.state)
        for headers, is_welcome in CALLERS:
            for line in ("GET /v1/health", f"POST {JOBS}", "GET /openapi.json", "GET /nowhere", f"PUT {ASSETS}"):
                answer = await daemon.client.request(*line.split(), headers=headers)
                if is_welcome:
                    assert answer.status_code != 403, (headers, line)
                else:
                    check_problem(answer, 403, "forbidden")
        assert take_stock(daemon.state) == before
