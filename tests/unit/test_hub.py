"""The hub wakes whoever waits for something newer, and nobody else."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from nexusd.hub import Hub
from tests.support.patience import PROMPT_SECONDS


async def test_a_waiter_wakes_when_its_cursor_is_passed_and_not_before() -> None:
    hub, woken = Hub(), dict[int, int]()

    async def wait(cursor: int) -> None:
        woken[cursor] = await hub.wait_newer(cursor)

    async with trio.open_nursery() as nursery:
        for cursor in range(4):
            nursery.start_soon(wait, cursor)
        for published, expected in [(0, {}), (1, {0: 1}), (1, {0: 1}), (3, {0: 1, 1: 3, 2: 3}), (2, {0: 1, 1: 3, 2: 3})]:
            await trio.testing.wait_all_tasks_blocked()
            hub.publish(published)
            await trio.testing.wait_all_tasks_blocked()
            assert woken == expected
            assert hub.highest_event_id == max(published, *expected.values(), 0)
        hub.publish(9)
    assert woken == {0: 1, 1: 3, 2: 3, 3: 9}


async def test_news_that_came_before_the_wait_is_not_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    hub = Hub()
    hub.publish(5)
    assert await hub.wait_newer(4) == 5
    with trio.move_on_after(1) as waiting:
        await hub.wait_newer(5)
    assert waiting.cancelled_caught


async def test_a_stop_wakes_everybody_for_good() -> None:
    hub = Hub()
    assert not hub.is_stopping
    with trio.fail_after(PROMPT_SECONDS):
        await wait_all(hub)
    assert hub.is_stopping
    hub.publish(3)
    with trio.fail_after(PROMPT_SECONDS):
        assert await hub.wait_newer(99) == 3


async def test_what_is_asked_of_the_queue_is_heard_while_the_daemon_stops() -> None:
    hub = Hub()
    hub.stop()
    with trio.move_on_after(0.05) as waiting:
        await hub.wait_queue(0)
    assert waiting.cancelled_caught
    hub.publish_queue()
    with trio.fail_after(PROMPT_SECONDS):
        assert await hub.wait_queue(0) == 1


async def test_what_is_asked_of_the_queue_wakes_those_who_wait_for_it_and_nobody_else() -> None:
    hub, woken = Hub(), list[str]()

    async def wait_queue() -> None:
        woken.append(f"queue {await hub.wait_queue(0)}")

    async def wait_newer() -> None:
        woken.append(f"event {await hub.wait_newer(0)}")

    async with trio.open_nursery() as nursery:
        for wait in (wait_queue, wait_newer, wait_queue):
            nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        hub.publish_queue()
        await trio.testing.wait_all_tasks_blocked()
        assert woken == ["queue 1"] * 2
        assert await hub.wait_queue(0) == 1  # that it came before the wait loses nothing
        hub.publish(7)
        await trio.testing.wait_all_tasks_blocked()
        assert woken[2:] == ["event 7"]


async def wait_all(hub: Hub) -> None:
    async with trio.open_nursery() as nursery:
        for cursor in (0, 7, 10**18):
            nursery.start_soon(hub.wait_newer, cursor)
        await trio.testing.wait_all_tasks_blocked()
        hub.stop()


@pytest.mark.parametrize("count", [1000])
async def test_no_wake_up_is_lost_between_two_waits(count: int) -> None:
    hub, seen = Hub(), list[int]()

    async def follow() -> None:
        cursor = 0
        while cursor < count:
            cursor = await hub.wait_newer(cursor)
            seen.append(cursor)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(follow)
        for number in range(1, count + 1):
            hub.publish(number)
            if number % 7 == 0:
                await trio.lowlevel.checkpoint()
    assert seen.count(count) == 3


async def test_a_log_wakes_those_who_watch_it_and_nobody_else() -> None:
    hub, woken = Hub(), list[tuple[str, int]]()

    async def wait(job_id: str) -> None:
        with hub.watch_log(job_id):
            woken.append((job_id, await hub.wait_log(job_id, hub.log_version(job_id))))

    async with trio.open_nursery() as nursery:
        for job_id in ("a", "a", "b"):
            nursery.start_soon(wait, job_id)
        await trio.testing.wait_all_tasks_blocked()
        assert woken == []
        hub.publish(7)
        hub.publish_log("c")
        await trio.testing.wait_all_tasks_blocked()
        assert woken == []
        hub.publish_log("a")
        await trio.testing.wait_all_tasks_blocked()
        assert woken == [("a", 1), ("a", 1)]
        hub.stop()
    assert woken[2:] == [("b", 0)]


async def test_a_log_that_grew_before_the_wait_is_not_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    hub = Hub()
    with hub.watch_log("a"):
        seen = hub.log_version("a")
        hub.publish_log("a")
        hub.publish_log("a")
        assert await hub.wait_log("a", seen) == seen + 2
        with trio.move_on_after(1) as waiting:
            await hub.wait_log("a", seen + 2)
        assert waiting.cancelled_caught


async def test_nothing_is_kept_of_a_log_that_nobody_watches() -> None:
    hub = Hub()
    hub.publish_log("a")
    with hub.watch_log("a"), hub.watch_log("b"):
        with hub.watch_log("a"):
            hub.publish_log("a")
        assert hub.log_version("a") == 1
        assert hub._logs.keys() == {"a", "b"}
    assert hub._logs == {}
