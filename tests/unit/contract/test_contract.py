"""The wire models: where a wrong place is, how times are written, where the socket is."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from nexusd.contract.base import ForeignId, Request, format_time, utc_now
from nexusd.contract.companies import CompanyCreation
from nexusd.contract.jobs import JobSubmission
from nexusd.contract.paths import default_socket_path
from nexusd.contract.validation import PARAMS_MAX, invalid_params


class Leaf(Request):
    number: int


class Tree(Request):
    leaf_list: list[Leaf] = Field(default_factory=list)
    named: dict[str, Leaf] = Field(default_factory=dict)
    either: str | Leaf = ""


@pytest.mark.parametrize(
    ("data", "pointers"),
    [
        ({"leafList": [{"number": "x"}]}, {"/leafList/0/number"}),
        ({"leafList": [{"number": 1}, {}]}, {"/leafList/1/number"}),
        ({"leafList": "x"}, {"/leafList"}),
        ({"named": {"a/b~c": {"number": None}}}, {"/named/a~1b~0c/number"}),
        ({"named": {"": {"number": None}}}, {"/named//number"}),
        ({"named": {"str": {"int": 1, "number": 1}}}, {"/named/str/int"}),
        ({"either": 5}, {"/either"}),
        ({"either": {}}, {"/either", "/either/number"}),
        ({"bogus": 1, "leaf_list": []}, {"/bogus"}),
        ([], {""}),
        (5, {""}),
    ],
)
def test_pointers_name_places_of_the_document(data: Any, pointers: set[str]) -> None:
    with pytest.raises(ValidationError) as error:
        Tree.model_validate(data)
    assert {param.pointer for param in invalid_params(error.value, data)} == pointers
    assert {param.pointer for param in invalid_params(error.value, data, "/input")} == {"/input" + name for name in pointers}


def test_what_is_unknown_or_missing_is_said_plainly() -> None:
    data = {"bogus": 1, "leafList": [{}]}
    with pytest.raises(ValidationError) as error:
        Tree.model_validate(data)
    assert {param.pointer: param.reason for param in invalid_params(error.value, data)} == {
        "/bogus": "there is no such field",
        "/leafList/0/number": "is missing",
    }


def test_at_most_a_hundred_places_are_named() -> None:
    data: dict[str, Any] = {"leafList": [{}] * (PARAMS_MAX + 1)}
    with pytest.raises(ValidationError) as error:
        Tree.model_validate(data)
    assert len(invalid_params(error.value, data)) == PARAMS_MAX


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 12, 0, tzinfo=UTC), "2026-01-31T12:00:00.000Z"),
        (datetime(2026, 1, 31, 12, 0, 0, 999_999, tzinfo=UTC), "2026-01-31T12:00:00.999Z"),
        (datetime(2026, 1, 31, 1, 0, tzinfo=timezone(timedelta(hours=2))), "2026-01-30T23:00:00.000Z"),
    ],
)
def test_times_are_utc_with_milliseconds(moment: datetime, text: str) -> None:
    assert format_time(moment) == text
    assert utc_now().microsecond % 1000 == 0


@pytest.mark.parametrize(
    ("text", "is_good"), [("t-1/x \u00e9", True), ("", False), ("a\n", False), ("\x7f", False), ("x" * 256, False)]
)
def test_ids_of_others_are_any_text_without_controls(text: str, is_good: bool) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(ForeignId)
    if is_good:
        assert adapter.validate_python(text) == text
    else:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)


@pytest.mark.parametrize("slug", ["", "A", "-a", "a-", "a.b", "x" * 64, "a\n"])
def test_a_slug_that_is_not_short_and_plain_is_refused(slug: str) -> None:
    with pytest.raises(ValidationError):
        CompanyCreation(slug=slug)


@pytest.mark.parametrize("slug", ["a", "0", "a-b", "x" * 63])
def test_a_slug_is_short_and_plain(slug: str) -> None:
    assert CompanyCreation(slug=slug).slug == slug


def test_what_a_client_writes_is_what_the_daemon_reads() -> None:
    model: type[BaseModel] = JobSubmission
    sent = JobSubmission(job_type="diagram", input={"a": [1, None]}, timeout_seconds=1.5).model_dump_json(by_alias=True)
    assert model.model_validate_json(sent, by_alias=True, by_name=False) == model.model_validate(json.loads(sent))
    with pytest.raises(ValidationError):
        model.model_validate_json('{"job_type": "diagram", "input": {}}', by_alias=True, by_name=False)


def test_where_the_socket_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_socket_path() == tmp_path / "nexusd" / "nexusd.sock"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    fallback = default_socket_path()
    assert fallback.parent.parent == Path(tempfile.gettempdir())
    assert fallback.name == "nexusd.sock"
