"""What the client does to the world, as data: the steps that a plan asks for, and the answers that it gets back.

A plan is a generator. It yields steps, is sent what came of each, and returns its result; when the connection is lost, `Lost`
is raised where the step was asked for. All logic of the client is plans: what to send, when to try again, how a stream goes on.
`driver` carries them out, `async_driver` does the same with an event loop; neither decides anything.

Rules for plans:
1. One answer is open at a time: it is closed by its end, by a loss, by the next Ask and by the end of the plan.
2. A plan may be ended at any step (a cancellation, a reader that has enough): what stands in `finally` does no steps.
3. A Tell is not answered; what follows it happens only when somebody wants the next.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from nexusctl.client.bodies import Body

ResultT = TypeVar("ResultT")
ToldT = TypeVar("ToldT")
StepT = TypeVar("StepT")


class Lost(Exception):
    """The connection could not be made, or broke. `str` is what happened, for people; `hangs`: it is there, and silent."""

    def __init__(self, reason: str, *, hangs: bool = False) -> None:
        super().__init__(reason)
        self.hangs = hangs


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a request; the answer is a Head. `silence_seconds`: how long the other side may say nothing, None for ever."""

    method: str
    path: str
    params: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Body | None = None
    silence_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """How an answer begins."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Read:
    """Read on in the open answer; the answer is bytes, empty at the end."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Do:
    """Call a function that may block; the answer is what it returns. `may_be_left`: who is cancelled need not wait for it."""

    function: Callable[[], Any]
    may_be_left: bool = False


@dataclass(frozen=True, slots=True)
class Tell(Generic[ToldT]):
    """Hand a value to whoever iterates."""

    value: ToldT


@dataclass(frozen=True, slots=True)
class Done(Generic[ResultT]):
    """The end of a plan."""

    result: ResultT


Step = Ask | Read | Pause | Do
Plan = Generator[Step, Any, ResultT]
Telling = Generator[Step | Tell[ToldT], Any, None]
"""A plan that tells values on its way, and has no result."""


class Course(Generic[ToldT, ResultT]):
    """A plan under way, for a driver: its end is a value, not a StopIteration, which a coroutine could not let through."""

    def __init__(self, plan: Generator[Step | Tell[ToldT], Any, ResultT]) -> None:
        self._plan = plan

    def go_on(self, outcome: object = None) -> Step | Tell[ToldT] | Done[ResultT]:
        """Give the plan what came of its last step; return what is next."""
        try:
            return self._plan.send(outcome)
        except StopIteration as end:
            return Done(end.value)

    def fail(self, error: Exception) -> Step | Tell[ToldT] | Done[ResultT]:
        """Raise in the plan what its last step ran into; return what is next."""
        try:
            return self._plan.throw(error)
        except StopIteration as end:
            return Done(end.value)

    def end(self) -> None:
        """End the plan where it is."""
        self._plan.close()


def consume(
    telling: Telling[ToldT], take: Callable[[ToldT], Generator[StepT, Any, None]]
) -> Generator[Step | StepT, Any, None]:
    """Carry out a plan that tells values, and with each of them the plan that `take` makes of it, which may tell others."""
    course = Course(telling)
    try:
        step = course.go_on()
        while not isinstance(step, Done):
            if isinstance(step, Tell):
                yield from take(step.value)
                step = course.go_on()
                continue
            try:
                outcome = yield step
            except Lost as lost:
                step = course.fail(lost)
            else:
                step = course.go_on(outcome)
    finally:
        course.end()
