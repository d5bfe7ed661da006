"""What `--format` takes: fields of the JSON and nothing that runs."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusctl.errors import UsageError
from nexusctl.output.screen import Style
from nexusctl.output.templates import fields_of, parse_template
from nexusd.contract.assets import Asset
from nexusd.contract.jobs import Job, JobSummary
from nexusd.contract.source_tasks import SourceTaskItem
from nexusd.contract.status import Status

PLAIN = Style(is_terminal=False, width=None, colour=False)
DOCUMENT = {
    "id": "j-1",
    "status": "done",
    "priority": 5,
    "errorCode": None,
    "errorMessage": "two\nlines \x1b[31mred",
    "input": {"a b": 1, "deep": [True, {"x": "y"}]},
    "attempts": [{"number": 1, "cpuSeconds": 0.5}],
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{id}", "j-1"),
        ("{ID} {Status}", "j-1 done"),
        ("{{.ID}} {{ .Status }}", "j-1 done"),
        (r"{id}\t{priority}\n", "j-1\t5\n"),
        (r"\{{id}\} \\ \x", r"{j-1} \ x"),
        ("[{errorCode}]", "[]"),
        ("{errorMessage}", "two lines red"),
        ("{input.deep}", '[true,{"x":"y"}]'),
        ("{input.deep.1.x}{input.none.of.it}", "y"),
        ("{attempts.0.cpuSeconds} {attempts.1.cpuSeconds}.", "0.5 ."),
        ("{attempts.0.CPUSECONDS}", "0.5"),
        ("", ""),
    ],
)
def test_a_template_is_filled_from_the_json(template: str, text: str) -> None:
    assert parse_template(template, fields_of(Job)).format(DOCUMENT) == text


def test_the_whole_is_json_on_a_line() -> None:
    for template in ("json", "{{json .}}", "{{.}}"):
        assert parse_template(template, {}).format({"a": [1, "\x1b"]}) == r'{"a":[1,"\u001b"]}'


def test_a_table_has_headings() -> None:
    template = parse_template(r"table {id}\t{input.deep}\t{{.Status}}", fields_of(Job))
    lines = template.format_all([DOCUMENT, {"id": "j-22", "status": "queued"}], PLAIN).splitlines()
    assert lines == ["ID    INPUT.DEEP        STATUS", 'j-1   [true,{"x":"y"}]  done', "j-22                    queued"]


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{nope}", "there is no field nope"),
        ("{attempts.0.nope}", "there is no field nope of attempts.0"),
        ("{id.length}", "there is no field length of id"),
        ("{{.Nope}}", "there is no field Nope"),
        ("{id", "at character 1"),
        ("id}", "at character 3"),
        ("{}", "at character 1"),
        ("{id!r}", "at character 1"),
        ("{id:>9}", "at character 1"),
        ("{a b}", "at character 1"),
        ("{{range .}}", "at character 1"),
        ("{__class__}", "there is no field __class__"),
        ("tail\\", "at character 5"),
    ],
)
def test_what_is_no_field_is_a_usage_error(template: str, says: str) -> None:
    with pytest.raises(UsageError, match=says.replace(".", r"\.")) as caught:
        parse_template(template, fields_of(Job))
    assert caught.value.hint


def test_the_error_names_the_fields_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        parse_template("{nope}", fields_of(JobSummary))
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("there are: id, companyId, jobType, status")


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (Job, "{assets.0.provenance.tools.typst}"),
        (Asset, "{provenance.width}"),
        (SourceTaskItem, "{job.status}{asset.provenance.pages}"),
        (Status, "{jobs.running} {queue.length} {containment.refused.landlock}"),
    ],
)
def test_fields_within_fields_are_known(model: type[Job], field: str) -> None:
    assert parse_template(field, fields_of(model)).format({}).strip() == ""


@given(st.text())
def test_any_text_is_a_template_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        parse_template(text, fields_of(Job)).format(DOCUMENT)
