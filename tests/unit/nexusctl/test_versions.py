"""Which of two versions to upgrade."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nexusctl.client import calls
from nexusctl.commands.session import Session
from nexusctl.commands.versions import advise
from nexusctl.errors import BadAnswer, NexusctlError, Refused
from nexusctl.output.screen import Screen
from nexusd import __version__
from tests.unit.nexusctl import documents
from tests.unit.nexusctl.peer import answer, open_peer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.nexusctl.peer import Step


@pytest.mark.parametrize(
    ("daemons", "advice"),
    [
        (__version__, None),
        (None, None),
        ("99.0", "upgrade nexusctl"),
        ("0.0.9", "upgrade nexusd, and restart it"),
        ("0.10.0", "upgrade nexusctl"),
        ("unheard of", "upgrade nexusd, and restart it"),
    ],
)
def test_the_older_one_is_to_be_upgraded(daemons: str | None, advice: str | None) -> None:
    told = advise(daemons)
    assert told == (advice and f"nexusd is {daemons}, nexusctl is {__version__}: {advice}")


GARBAGE = answer(200, {"unheard": "of"})
NO_ROUTE = answer(404, documents.problem("not-found", 404, "there is nothing at /v1/x; GET /openapi.json lists what there is"))
NO_JOB = answer(404, documents.problem("not-found", 404, "there is no job x in this company"))
NEWER = answer(200, {"version": "99.0"})
SAME = answer(200, {"version": __version__})


@pytest.mark.parametrize(
    ("script", "asked", "says"),
    [
        ([GARBAGE, NEWER], 2, "upgrade nexusctl"),
        ([NO_ROUTE, NEWER], 2, "upgrade nexusctl"),
        ([GARBAGE, GARBAGE], 2, None),
        ([NO_ROUTE, SAME], 2, None),
        ([NO_JOB, NEWER], 1, None),
    ],
)
def test_another_version_is_told_only_where_it_may_be_the_reason(
    path: Path, collected: None, script: list[Step], asked: int, says: str | None
) -> None:
    session = Session(path, "default", no_start=True)
    with open_peer(path, *script) as peer, pytest.raises(NexusctlError) as caught, session.connect(Screen(quiet=True)) as nexus:
        nexus.call(calls.get_job("default", "x"))
    assert isinstance(caught.value, BadAnswer | Refused)
    assert len(peer.seen) == asked
    assert (says in (caught.value.hint or "")) if says else ("upgrade" not in (caught.value.hint or ""))
