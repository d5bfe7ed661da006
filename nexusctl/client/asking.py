"""Plans of one call: ask, read the answer whole, and ask again while the daemon is away or busy.

Every call of `calls` may be sent again, within the patience. How a stream goes on after its connection broke is `streams`'.

Invariants:
1. An error on the wire leaves `send` as a NexusctlError. Who uses `send_once` and `open_answer` decides about a Lost himself.
2. An answer that is read whole is bounded by ANSWER_MAX_BYTES.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from nexusctl.client import calls
from nexusctl.client.bodies import Body
from nexusctl.client.steps import Ask, Lost, Read
from nexusctl.errors import BadAnswer, Refused, Unreachable
from nexusd.contract.base import Answer

if TYPE_CHECKING:
    from nexusctl.client.calls import Call
    from nexusctl.client.patience import Patience
    from nexusctl.client.steps import Head, Plan

AnswerT = TypeVar("AnswerT", bound=Answer)

ANSWER_MAX_BYTES: Final = 64 * 1024 * 1024
UNAVAILABLE: Final = 503


def call(patience: Patience, what: Call[AnswerT]) -> Plan[AnswerT]:
    """Send a call and read its answer."""
    return what.parse((yield from send(patience, what)))


def send(patience: Patience, what: Call[AnswerT]) -> Plan[bytes]:
    """Send a call and return the body of its answer as it came. Raises Refused, BadAnswer or Unreachable."""
    while True:
        try:
            body = yield from send_once(patience, what)
        except Lost as lost:
            if lost.hangs:
                raise Unreachable(str(lost), hint="see the daemon's log") from None
            if isinstance(what.body, Body) and not what.body.can_repeat:
                raise Unreachable(
                    str(lost), hint="what was sent cannot be read again: give a path, or a file that can seek"
                ) from None
            yield from patience.failed(str(lost))
        except Refused as refused:
            if refused.status != UNAVAILABLE or (isinstance(what.body, Body) and not what.body.can_repeat):
                raise
            yield from _wait_available(patience, refused)
        else:
            patience.answered()
            return body


def send_once(patience: Patience, what: Call[AnswerT]) -> Plan[bytes]:
    """Send a call and return the body of its answer. Raises Refused, BadAnswer or Lost."""
    headers = {"Accept": "application/json", **what.headers}
    silence_seconds = None if what.is_long else patience.answer_seconds
    yield from open_answer(Ask(what.method, what.path, what.params, headers, what.body, silence_seconds))
    return (yield from _read_bounded())


def open_answer(ask: Ask) -> Plan[Head]:
    """Ask, and return how the answer begins, which is read next. Raises Refused, BadAnswer or Lost."""
    head: Head = yield ask
    if calls.is_error(head.status):
        raise calls.read_problem(head.status, (yield from _read_bounded()), head.headers.get("Retry-After"))
    return head


def read_passing_trouble(error: Lost | Refused) -> tuple[str, float]:
    """Return what happened, for people, and how many seconds the daemon asks to wait. Raises what waiting does not mend."""
    if isinstance(error, Refused):
        if error.status != UNAVAILABLE:
            raise error
        return str(error), error.retry_after_seconds or 0.0
    return str(error), 0.0


def _wait_available(patience: Patience, refused: Refused) -> Plan[None]:
    """Pause as the daemon asks. Raises `refused` when the patience is used up."""
    try:
        yield from patience.failed(str(refused), pause_seconds=refused.retry_after_seconds or 0.0)
    except Unreachable:
        raise refused from None


def _read_bounded() -> Plan[bytes]:
    parts: list[bytes] = []
    size = 0
    while chunk := (yield Read()):
        size += len(chunk)
        if size > ANSWER_MAX_BYTES:
            raise BadAnswer(f"the daemon's answer is longer than {ANSWER_MAX_BYTES} bytes")
        parts.append(chunk)
    return b"".join(parts)
