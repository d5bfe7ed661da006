"""How a child ended, as the outcome of its attempt. Pure, but for asking whether the renderer is installed.

`out_of_memory` is said only on evidence: the exit code that is reserved for it, or the tool's own words. A signal that nobody
here sent is `killed`, unless it is one that a program raises by crashing.
"""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Final

from nexusd.domain.retry import Cancelled, Done, Failed, Outcome, Stopped
from nexusd.domain.states import ErrorCode
from nexusd.renderers.job import EXIT_DONE, EXIT_INVALID_INPUT, EXIT_OUT_OF_MEMORY
from nexusd.runner.supervision import End

if TYPE_CHECKING:
    from collections.abc import Callable

    from nexusd.store.jobs import Usage

CRASH_SIGNALS: Final = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS}
)
"""What a program does to itself; another try would do the same."""
OUT_OF_MEMORY: Final = re.compile(
    r"^(?:memory allocation of \d+ bytes failed"  # Rust's, Typst for one
    r"|# Fatal (?:JavaScript|process) out of memory: |FATAL ERROR: .*JavaScript heap out of memory"  # V8's and Node's
    r"|# Check failed: \(result\.ptr\) != nullptr\.)",  # V8's, where its collector is refused memory
    re.MULTILINE,
)
"""What programs say before they raise a signal for want of memory."""
SHOWN_LINES: Final = 20
SHOWN_LENGTH: Final = 4096


def judge(end: End, usage: Usage, tail: str, unavailable_reason: Callable[[], str | None]) -> Outcome:
    """Return the outcome. `tail` is the end of the child's log: what a renderer says last is why it failed.

    All of it is evidence, as a stack may stand behind the reason; its last lines are shown.
    """
    shown = "\n".join(tail[-SHOWN_LENGTH:].split("\n")[-SHOWN_LINES:])
    match end:
        case End.CANCEL:
            return Cancelled()
        case End.STOP:
            return Stopped()
        case End.QUOTA:
            return Failed(ErrorCode.OUTPUT_TOO_LARGE, "the renderer wrote more into its folder than is allowed")
        case End.TIMEOUT:
            return Failed(ErrorCode.TIMEOUT, "the attempt took longer than its timeout and was ended")
        case End.EXIT if usage.signal is not None:
            return _judge_signal(usage.signal, shown, out_of_memory=OUT_OF_MEMORY.search(tail) is not None)
        case End.EXIT if usage.exit_code == EXIT_DONE:
            return Done()
        case End.EXIT:
            return _judge_failure(usage.exit_code, shown, unavailable_reason)


def _judge_signal(number: int, tail: str, *, out_of_memory: bool) -> Failed:
    try:
        name = signal.Signals(number).name
    except ValueError:  # a real-time signal
        name = f"signal {number}"
    if number == signal.SIGXFSZ:
        return Failed(ErrorCode.OUTPUT_TOO_LARGE, "the renderer wrote a file larger than is allowed")
    if number == signal.SIGXCPU:
        return Failed(ErrorCode.TIMEOUT, "the renderer used more processor time than its timeout allows")
    if number in CRASH_SIGNALS and out_of_memory:
        return Failed(ErrorCode.OUT_OF_MEMORY, "the render needs more memory than a job may use")
    if number in CRASH_SIGNALS:
        return Failed(ErrorCode.RENDERER_FAILED, _with_tail(f"the renderer crashed with {name}", tail))
    return Failed(ErrorCode.KILLED, f"the renderer was ended by {name}, which nexusd did not send")


def _judge_failure(code: int | None, tail: str, unavailable_reason: Callable[[], str | None]) -> Failed:
    if code == EXIT_INVALID_INPUT:
        return Failed(ErrorCode.INVALID_INPUT, tail or "the renderer rejects the input and does not say why")
    if code == EXIT_OUT_OF_MEMORY:
        return Failed(ErrorCode.OUT_OF_MEMORY, tail or "the render needs more memory than a job may use")
    if (missing := unavailable_reason()) is not None:
        return Failed(ErrorCode.RENDERER_UNAVAILABLE, missing)
    return Failed(ErrorCode.RENDERER_FAILED, tail or f"the renderer ended with exit code {code} and said nothing")


def _with_tail(sentence: str, tail: str) -> str:
    return f"{sentence}:\n{tail}" if tail else sentence
