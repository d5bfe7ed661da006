"""Plans and what carries them out: how they end, what is raised where, and plans within plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nexusctl.client.steps import Course, Do, Done, Lost, Pause, Tell, consume

if TYPE_CHECKING:
    from nexusctl.client.steps import Plan, Telling


def counting(ended: list[str], seen: list[Any]) -> Telling[int]:
    """Pause and tell, again after a loss."""
    try:
        for number in range(3):
            try:
                seen.append((yield Pause(number)))
            except Lost as lost:
                seen.append(str(lost))
            yield Tell(number)
    finally:
        ended.append("ended")


def test_a_plan_is_sent_what_came_of_its_steps_and_its_end_is_a_value() -> None:
    def plan() -> Plan[str]:
        return str((yield Do(lambda: 1))) + str((yield Pause(2)))

    course: Course[Any, str] = Course(plan())
    assert isinstance(course.go_on(), Do)
    assert course.go_on("a") == Pause(2)
    assert course.go_on("b") == Done("ab")
    assert isinstance(course.go_on(), Done)


def test_a_loss_is_raised_where_the_step_was_asked_for() -> None:
    ended: list[str] = []
    seen: list[Any] = []
    course = Course(counting(ended, seen))
    course.go_on()
    assert course.fail(Lost("gone")) == Tell(0)
    assert (seen, ended) == (["gone"], [])
    course.end()
    assert ended == ["ended"]


def test_values_are_taken_and_losses_and_ends_are_passed_on() -> None:
    ended: list[str] = []
    seen: list[Any] = []

    def take(number: int) -> Telling[str]:
        if number != 1:
            yield Tell(f"<{number}>")

    course = Course(consume(counting(ended, seen), take))
    assert course.go_on() == Pause(0)
    assert course.go_on("x") == Tell("<0>")
    assert course.go_on() == Pause(1)
    assert course.fail(Lost("gone")) == Pause(2)
    assert course.go_on("y") == Tell("<2>")
    assert seen == ["x", "gone", "y"]
    course.end()
    assert ended == ["ended"]


def test_who_takes_may_refuse_and_all_ends() -> None:
    ended: list[str] = []

    def take(_number: int) -> Plan[None]:
        raise ValueError("no more")
        yield Pause(0)

    course: Course[Any, None] = Course(consume(counting(ended, []), take))
    course.go_on()
    with pytest.raises(ValueError, match="no more"):
        course.go_on()
    assert ended == ["ended"]
