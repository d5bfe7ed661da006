"""Methods that are written once, as plans, and are called on a synchronous and on an asynchronous client.

`@operation` is for a plan with a result, `@stream` for one that tells values. What a call gives depends on whose method it is:

    @operation   Synchronous: the result              Asynchronous: a coroutine of it
    @stream      Synchronous: an iterator, `Stream`   Asynchronous: an async iterator, `AsyncStream`

Type checkers see the same. Plans that need others call the functions that make those, not the methods.
"""

from __future__ import annotations

from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from nexusctl.client.async_driver import AsyncStream
    from nexusctl.client.driver import Stream
    from nexusctl.client.steps import Plan, Telling

P = ParamSpec("P")
ResultT = TypeVar("ResultT")
ToldT = TypeVar("ToldT")


class Synchronous:
    """Who carries plans out in the thread that calls."""

    def run(self, plan: Plan[ResultT]) -> ResultT:
        """Carry a plan out and return its result."""
        raise NotImplementedError

    def iterate(self, plan: Telling[ToldT]) -> Stream[ToldT]:
        """Return what a plan tells, carried out as far as it is wanted."""
        raise NotImplementedError


class Asynchronous:
    """Who carries plans out with an event loop."""

    async def run(self, plan: Plan[ResultT]) -> ResultT:
        """Carry a plan out and return its result."""
        raise NotImplementedError

    def iterate(self, plan: Telling[ToldT]) -> AsyncStream[ToldT]:
        """Return what a plan tells, carried out as far as it is wanted."""
        raise NotImplementedError


class operation(Generic[P, ResultT]):
    """A method with a result."""

    def __init__(self, function: Callable[Concatenate[Any, P], Plan[ResultT]]) -> None:
        self._function = function
        update_wrapper(self, function)  # type: ignore[arg-type]  # it is callable once it is bound

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Synchronous, owner: type) -> Callable[P, ResultT]: ...
    @overload
    def __get__(self, instance: Asynchronous, owner: type) -> Callable[P, Coroutine[Any, Any, ResultT]]: ...

    def __get__(self, instance: Any, owner: type) -> Any:
        """Return the method of a client; of a class, this."""
        if instance is None:
            return self
        return partial(_run, instance, self._function)


class stream(Generic[P, ToldT]):
    """A method that tells values."""

    def __init__(self, function: Callable[Concatenate[Any, P], Telling[ToldT]]) -> None:
        self._function = function
        update_wrapper(self, function)  # type: ignore[arg-type]  # it is callable once it is bound

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Synchronous, owner: type) -> Callable[P, Stream[ToldT]]: ...
    @overload
    def __get__(self, instance: Asynchronous, owner: type) -> Callable[P, AsyncStream[ToldT]]: ...

    def __get__(self, instance: Any, owner: type) -> Any:
        """Return the method of a client; of a class, this."""
        if instance is None:
            return self
        return partial(_iterate, instance, self._function)


def _run(instance: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
    return instance.run(function(instance, *args, **kwargs))


def _iterate(instance: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
    return instance.iterate(function(instance, *args, **kwargs))
