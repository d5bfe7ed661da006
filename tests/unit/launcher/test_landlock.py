"""Each version of Landlock handles all it knows, and nothing that it does not."""

from __future__ import annotations

import struct

import pytest

from nexusd.launcher import landlock

KNOWN = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16, 6: 16, 7: 16, 8: 16, 99: 16}
"""Version → how many rights on files."""


@pytest.mark.parametrize("version", KNOWN)
def test_every_right_that_a_version_knows_is_handled(version: int) -> None:
    words = struct.unpack(f"<{1 + (version >= 4) + (version >= 6)}Q", landlock.ruleset_attributes(version, network=False))
    assert words == ((1 << KNOWN[version]) - 1, 0b11, 0b11)[: len(words)]


@pytest.mark.parametrize("version", KNOWN)
def test_with_the_network_tcp_is_not_handled(version: int) -> None:
    [_, *rest] = struct.iter_unpack("<Q", landlock.ruleset_attributes(version, network=True))
    assert rest == [(0,), (0b11,)][: len(rest)]


def test_no_device_can_be_made_and_what_is_read_cannot_be_written() -> None:
    assert landlock.WORK & (landlock.MAKE_CHAR | landlock.MAKE_BLOCK) == 0
    assert landlock.READ == 0b1101
    assert landlock.PROC & ~(landlock.READ_FILE | landlock.READ_DIR) == 0
