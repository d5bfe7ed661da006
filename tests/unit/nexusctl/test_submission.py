"""What is submitted: inputs from fields and files, jobs from lines, batches that the daemon takes."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from nexusctl.client.submitting import batches, make_submission
from nexusctl.commands.submission import Fields, compose_input, read_jobs
from nexusctl.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_fields_make_an_input(tmp_path: Path) -> None:
    file = tmp_path / "flow.d2"
    file.write_text("a -> b\n")
    fields = [f"source=@{file}", "count=3", 'deep={"a": [1]}', "plain=a=b", "no=null", "bad={"]
    assert compose_input(Fields('{"count": 1, "kept": true}', fields, ["count=4", "text=@nothing"])) == {
        "count": "4",
        "kept": True,
        "source": "a -> b\n",
        "deep": {"a": [1]},
        "plain": "a=b",
        "no": None,
        "bad": "{",
        "text": "@nothing",
    }


@pytest.mark.parametrize("field", ["", "=x", "name", "a=@/no/such/file"])
def test_what_is_no_field_is_a_usage_error(field: str) -> None:
    with pytest.raises(UsageError):
        compose_input(Fields(None, [field], []))


def test_a_job_without_an_input_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="a job has an input"):
        compose_input(Fields(None, [], []))


def read_lines(monkeypatch: pytest.MonkeyPatch, text: str, **given: object) -> list[dict[str, object]]:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    return [job.model_dump(by_alias=True, exclude_unset=True) for job in read_jobs("-", given)]


def test_options_say_what_a_line_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = '{"jobType": "a", "input": {}}\n\n  \r\n{"jobType": "b", "input": {"x": 1}, "priority": 2}'
    assert read_lines(monkeypatch, lines, priority=1, source_task_id="t") == [
        {"jobType": "a", "input": {}, "priority": 1, "sourceTaskId": "t"},
        {"jobType": "b", "input": {"x": 1}, "priority": 2, "sourceTaskId": "t"},
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "standard input holds no job"),
        ('{"jobType": "a", "input": {}}\n{', "standard input, line 2, is not JSON"),
        ("\n[]", "standard input, line 2, holds no JSON object"),
        ('{"jobType": "a"}', "standard input, line 1, is no valid job"),
        ('{"jobType": "a", "input": {}, "prio": 1}', "standard input, line 1, is no valid job"),
    ],
)
def test_a_wrong_line_is_named(text: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=says):
        read_lines(monkeypatch, text)


def test_batches_are_as_large_as_the_daemon_takes() -> None:
    small = make_submission("a", {}, {})
    calls = list(batches("default", [small] * 2001, "key"))
    assert [len(json.loads(call.body)["items"]) for call in calls if isinstance(call.body, bytes)] == [1000, 1000, 1]
    assert [call.headers["Idempotency-Key"] for call in calls] == ["key-0", "key-1", "key-2"]
    large = make_submission("a", {"x": "y" * 5_000_000}, {})
    bodies = [call.body for call in batches("default", [large] * 5, "key") if isinstance(call.body, bytes)]
    assert [len(json.loads(body)["items"]) for body in bodies] == [2, 2, 1]
    assert all(len(body) < 16 * 1024 * 1024 for body in bodies)
    assert list(batches("default", [], "key")) == []
