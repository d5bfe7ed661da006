"""Ids: UUIDv7 in layout, ordered in time, unique across threads."""

from __future__ import annotations

import threading
import time
from uuid import RFC_4122, UUID

import pytest

from nexusd.domain import ids
from nexusd.domain.ids import IdPart, is_id, new_id, parse_part


def test_the_layout_is_the_rfcs() -> None:
    before = time.time_ns() // 1_000_000
    made = UUID(new_id())
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, RFC_4122)
    # ids made before within the same millisecond may have pushed the clock of ids ahead, by a millisecond for 2**41 of them
    assert before <= made.int >> 80 <= after + 1


def test_later_ids_are_greater_and_none_comes_twice() -> None:
    made = [new_id() for _ in range(5_000)]
    assert made == sorted(set(made))


@pytest.mark.slow
def test_threads_never_get_the_same_id_and_each_sees_them_grow() -> None:
    made: list[list[str]] = [[] for _ in range(8)]
    start = threading.Barrier(8)

    def make(mine: list[str]) -> None:
        start.wait()
        mine.extend(new_id() for _ in range(3_000))

    threads = [threading.Thread(target=make, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == sorted(mine) for mine in made)
    assert len({one for mine in made for one in mine}) == 24_000


def test_order_survives_a_clock_that_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
    assert new_id() > first


def test_a_used_up_counter_borrows_from_the_next_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = ids._last_millisecond + 10_000
    monkeypatch.setattr(ids, "_last_millisecond", ahead)
    monkeypatch.setattr(ids, "_counter", (1 << 42) - 2)
    made = [new_id() for _ in range(3)]
    assert made == sorted(set(made))
    assert [UUID(one).int >> 80 for one in made] == [ahead, ahead + 1, ahead + 1]
    assert {UUID(one).version for one in made} == {7}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee", True),
        ("0199AAAA-bbbb-7ccc-8ddd-eeeeeeeeeeee", False),
        ("{0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee}", False),
        ("0199aaaabbbb7ccc8dddeeeeeeeeeeee", False),
        ("", False),
        ("../etc/passwd", False),
    ],
)
def test_an_id_has_one_spelling(text: str, expected: bool) -> None:
    assert is_id(text) is expected


@pytest.mark.parametrize(
    ("text", "beginning", "ending"),
    [
        ("0", "0", None),
        ("0199c", "0199c", None),
        ("0199C0", "0199c0", "0199c0"),
        ("0199c0de1", "0199c0de-1", "0199c0de1"),
        ("0199c0de-1", "0199c0de-1", "0199c0de1"),
        ("0199c0de-12345", "0199c0de-1234-5", "0-199c0de12345"),
        ("0" * 32, "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"),
        ("0" * 33, None, None),
        ("--", None, None),
    ],
)
def test_a_part_is_a_beginning_or_an_ending(text: str, beginning: str | None, ending: str | None) -> None:
    assert parse_part(text) == IdPart(beginning, ending)
