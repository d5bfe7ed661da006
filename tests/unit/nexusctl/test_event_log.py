"""Which events are wanted: types in short and in full, ids and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nexusctl.commands.event_log import read_since, read_types
from nexusctl.errors import UsageError

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_types_may_be_short_and_several() -> None:
    assert read_types(None) is read_types([]) is None
    several = read_types(["job.done,asset.created", "content_job.failed"])
    assert several == frozenset({"content_job.done", "asset.created", "content_job.failed"})
    assert read_types(["asset"]) == frozenset({"asset.created", "asset.deleted"})
    assert read_types(["job"]) == read_types(["content_job"])
    for wrong in ("", "job.", "done", "jobs", "asset.created,"):
        with pytest.raises(UsageError, match="there is no type of event"):
            read_types([wrong])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0", 0),
        ("17", 17),
        ("90s", NOON - timedelta(seconds=90)),
        ("1.5h", NOON - timedelta(minutes=90)),
        ("2D", NOON - timedelta(days=2)),
        ("2026-01-31T11:00:00Z", NOON - timedelta(hours=1)),
        ("2026-01-31T12:00:00+01:00", NOON - timedelta(hours=1)),
    ],
)
def test_since_is_an_id_or_a_time(text: str, meant: object) -> None:
    assert read_since(text, NOON) == meant


@pytest.mark.parametrize("text", ["yesterday", "-5", "5 parsecs", "9" * 30, "2026-13-01", "\u0661"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="neither an id nor a time"):
        read_since(text, NOON)
