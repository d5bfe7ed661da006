"""The log of a topic: what is in it, who is handed what, and who is told that it fell off."""

from __future__ import annotations

import trio
import trio.testing

from nexusd.service.topics import Place, Topic, Window
from nexusd.store.events import Scope

SMALL = Window(max_events=4, max_bytes=100, piece_max_bytes=8)


def make(floor: int = 0) -> tuple[Topic, Place]:
    """Return a topic and a place in it, live from the floor."""
    topic = Topic(Scope(), floor, SMALL)
    topic.places = 1
    place = Place(topic)
    place.join(floor)
    return topic, place


async def test_a_piece_is_as_much_as_is_handed_out_at_once_and_the_same_for_all() -> None:
    topic, place = make()
    other = Place(topic)
    other.join(0)
    topic.append([1, 2, 3], [b"aaaa", b"bbbb", b"cccccccccccc"])
    first = place.take()
    assert first == b"aaaabbbb"
    assert other.take() is first
    assert (place.cursor, place.behind) == (2, 1)
    assert place.take() == b"cccccccccccc"  # alone larger than a piece
    assert place.take() is None
    assert not place.is_lost


async def test_what_is_known_from_elsewhere_is_passed_over() -> None:
    topic, place = make(10)
    place.join(12)  # read on from the database meanwhile
    topic.append([11, 12], [b"a", b"b"])
    assert place.take() is None
    topic.append([13], [b"c"])
    assert (place.take(), place.cursor) == (b"c", 13)


async def test_who_falls_off_is_lost_and_who_comes_later_must_read_elsewhere() -> None:
    topic, place = make()
    topic.append([1, 2, 3, 4], [b"a"] * 4)
    assert not place.is_lost
    topic.append([5], [b"a"])
    assert (place.is_lost, place.is_cut, place.take(), place.behind) == (True, False, None, 5)
    late = Place(topic)
    late.join(0)
    assert not late.live
    late.join(1)
    assert (late.live, late.take()) == (True, b"aaaa")
    topic.cut(20)
    assert (place.is_cut, late.is_cut) == (True, True)
    late.join(19)
    assert not late.live
    late.join(20)
    assert (late.live, late.is_cut) == (True, False)


async def test_the_bytes_are_bounded_as_well_but_one_frame_is_always_kept() -> None:
    topic, place = make()
    topic.append([1, 2], [b"x" * 60, b"y" * 60])
    assert (topic.first, topic.floor, place.is_lost) == (1, 1, True)
    topic.append([3], [b"z" * 200])
    assert (topic.first, topic.floor, topic.end) == (2, 2, 3)


async def test_what_everybody_has_taken_is_not_kept() -> None:
    topic, place = make()
    for number in range(1, 10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(place.wait)
            await trio.testing.wait_all_tasks_blocked()
            topic.append([number], [b"a"])
        assert (topic.first, topic.end) == (number - 1, number)
        assert place.take() == b"a"


async def test_a_sign_of_life_is_due_only_while_nothing_has_come() -> None:
    topic, place = make()
    told: list[bool] = []

    async def wait() -> None:
        told.append(await place.wait())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        topic.beat()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        topic.beat()
        topic.append([1], [b"a"])  # before the reader came to run
    assert told == [True, False]
