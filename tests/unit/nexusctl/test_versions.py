"""Which of two versions to upgrade."""

from __future__ import annotations

import pytest

from nexusctl.commands.versions import advise
from nexusd import __version__


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
