"""Quiet is a stretch without an open request, however it began."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from nexusd.server import Activity


async def test_quiet_from_the_start_takes_the_whole_stretch(autojump_clock: trio.testing.MockClock) -> None:
    await Activity().wait_quiet(60)
    assert trio.current_time() == pytest.approx(60)


async def test_an_open_request_holds_it_up_and_its_end_starts_the_stretch(autojump_clock: trio.testing.MockClock) -> None:
    activity = Activity()
    activity.request_began()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(activity.wait_quiet, 60)
        await trio.sleep(1000)
        assert len(nursery.child_tasks) == 1
        activity.request_ended()
    assert trio.current_time() == pytest.approx(1060)


async def test_a_short_request_in_between_starts_it_anew(autojump_clock: trio.testing.MockClock) -> None:
    activity = Activity()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(activity.wait_quiet, 60)
        for _ in range(3):
            await trio.sleep(50)
            activity.request_began()
            activity.request_ended()
    assert trio.current_time() == pytest.approx(150 + 60)


async def test_what_is_noted_starts_it_anew(autojump_clock: trio.testing.MockClock) -> None:
    activity = Activity()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(activity.wait_quiet, 60)
        await trio.sleep(50)
        activity.note()
    assert trio.current_time() == pytest.approx(50 + 60)


async def test_one_of_two_that_ends_is_not_quiet(autojump_clock: trio.testing.MockClock) -> None:
    activity = Activity()
    activity.request_began()
    activity.request_began()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(activity.wait_quiet, 10)
        await trio.sleep(5)
        activity.request_ended()
        assert activity.requests_open == 1
        await trio.sleep(100)
        activity.request_ended()
    assert trio.current_time() == pytest.approx(115)


async def test_quiet_before_the_call_does_not_count(autojump_clock: trio.testing.MockClock) -> None:
    activity = Activity()
    activity.request_began()
    activity.request_ended()
    await trio.sleep(100)
    await activity.wait_quiet(10)
    assert trio.current_time() == pytest.approx(110)


async def test_two_can_wait(autojump_clock: trio.testing.MockClock) -> None:
    activity = Activity()
    activity.request_began()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(activity.wait_quiet, 10)
        nursery.start_soon(activity.wait_quiet, 20)
        await trio.sleep(5)
        activity.request_ended()
    assert trio.current_time() == pytest.approx(25)
