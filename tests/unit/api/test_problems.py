"""The error tree and its documents: each error a caller can meet has one status, and says nothing but what it should."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nexusd import errors
from nexusd.api.problems import STATUS, to_problem, to_response
from nexusd.contract.problems import PROBLEM_CONTENT_TYPE, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

ARGUMENTS: dict[type[errors.NexusdError], dict[str, Any]] = {
    errors.AlreadyFinished: {"status": "done"},
    errors.NotFinished: {"status": "queued"},
    errors.AssetInUse: {"job_id": "the job"},
    errors.OutputRefused: {"code": "no_output"},
}


def walk(root: type[errors.NexusdError]) -> Iterator[type[errors.NexusdError]]:
    """Yield every error below `root`."""
    for child in root.__subclasses__():
        yield child
        yield from walk(child)


def make(kind: type[errors.NexusdError]) -> errors.NexusdError:
    """Return an error of that kind."""
    return kind("what and where", **ARGUMENTS.get(kind, {}))


TELLABLE = [*walk(errors.RequestError), *walk(errors.Unavailable)]


def test_what_can_be_told_has_a_status_and_nothing_else_has() -> None:
    assert set(STATUS) == set(TELLABLE)
    assert len(TELLABLE) >= 14


def test_slugs_are_unique() -> None:
    kinds: list[type[errors.NexusdError]] = [errors.NexusdError, *walk(errors.NexusdError)]
    branches: list[type[errors.NexusdError]] = [errors.RequestError, errors.Unavailable]  # never raised themselves
    slugs = [kind.slug for kind in kinds if kind not in branches]
    assert len(slugs) == len(set(slugs))
    assert all(kind.slug == "internal" for kind in branches)


@pytest.mark.parametrize("kind", TELLABLE, ids=lambda kind: kind.__name__)
def test_the_document_of_each_error(kind: type[errors.NexusdError]) -> None:
    response = to_response(make(kind), {"Allow": "GET"})
    assert response.media_type == PROBLEM_CONTENT_TYPE
    assert response.headers["allow"] == "GET"
    document = json.loads(bytes(response.body))
    problem = Problem.model_validate(document)
    assert problem.slug == kind.slug
    assert (problem.title, problem.detail) == (kind.title, "what and where")
    assert problem.status == response.status_code == STATUS[kind]
    assert (response.status_code >= 500) == issubclass(kind, errors.Unavailable)
    if issubclass(kind, errors.Unavailable):
        assert int(response.headers["retry-after"]) == kind.retry_after_seconds > 0
    else:
        assert "retry-after" not in response.headers
    assert document.get("jobStatus") == ARGUMENTS.get(kind, {}).get("status")
    assert document.get("jobId") == ARGUMENTS.get(kind, {}).get("job_id")
    assert None not in document.values()


def test_wrong_places_are_named_in_their_order() -> None:
    params = (errors.InvalidParam("/input/a~1b", "is missing"), errors.InvalidParam("?limit", "is too large"))
    problem = to_problem(errors.InvalidRequest("not valid", params))
    assert [(param.name, param.reason) for param in problem.invalid_params or ()] == [
        ("/input/a~1b", "is missing"),
        ("?limit", "is too large"),
    ]
