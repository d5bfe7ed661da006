"""What stands for itself, and what is asked about."""

from __future__ import annotations

import pytest

from nexusctl.commands.naming import is_certain

WHOLE = "01985c1e-7f3a-7c52-9d43-0242ac120002"


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
