"""What stands for itself, what is asked about, and what is said when it is not one alone."""

from __future__ import annotations

import pytest

from nexusctl.commands.naming import choose, is_certain
from nexusctl.errors import Ambiguous, Refused
from nexusd.contract.assets import Asset
from nexusd.contract.jobs import JobSummary
from tests.unit.nexusctl import documents

WHOLE = "01985c1e-7f3a-7c52-9d43-0242ac120002"
JOBS = [JobSummary.model_validate(documents.summary(id=f"j-{number}")) for number in range(6)]
ASSET = Asset.model_validate(documents.asset(id="a-1", originalFilename="x\x1b[31m.svg"))


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        (WHOLE, True),
        (WHOLE.upper(), True),
        ("nobodys", True),
        ("x" * 40, True),
        ("0" * 37, True),
        (WHOLE[:-1], False),
        ("0", False),
        ("-", False),
        ("--", False),
        ("AC120002", False),
    ],
)
def test_only_a_part_of_an_id_is_asked_about(text: str, certain: bool) -> None:
    assert is_certain(text) is certain


def test_one_is_the_one() -> None:
    assert choose("job", "0", JOBS[:1]) is JOBS[0]
    assert choose("asset", "0", [ASSET]) is ASSET


@pytest.mark.parametrize(("count", "more"), [(2, False), (5, False), (6, True)])
def test_several_are_listed_up_to_five(count: int, more: bool) -> None:
    with pytest.raises(Ambiguous, match="abc may be any of several") as caught:
        choose("job", "abc", JOBS[:count])
    lines = (caught.value.hint or "").splitlines()
    assert [line.split()[0] for line in lines[:5]] == [job.id for job in JOBS[: min(count, 5)]]
    assert (lines[5:] == ["and more; give more of the id"]) is more


def test_jobs_and_assets_are_told_apart_and_cleaned() -> None:
    with pytest.raises(Ambiguous) as caught:
        choose("job or asset", "0", [JOBS[0], ASSET])
    assert caught.value.hint == "j-0 job, diagram queued\na-1 asset, image/svg+xml x.svg"


@pytest.mark.parametrize(("text", "says"), [("-", "there is no job yet"), ("ab", "no job whose id begins or ends with ab")])
def test_none_is_a_refusal(text: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as caught:
        choose("job", text, [])
    assert caught.value.slug == "not-found"
