"""How a child ended, and what that is called: the table of the module's docstring."""

from __future__ import annotations

import signal

import pytest

from nexusd.domain.retry import Cancelled, Done, Failed, Outcome, Stopped
from nexusd.domain.states import ErrorCode
from nexusd.runner.supervision import End
from nexusd.runner.verdict import judge
from nexusd.store.jobs import Usage

CRASHED = "the renderer crashed with SIGSEGV:\nat frob"
V8 = "# Fatal JavaScript out of memory: Reached heap limit\n#\n" + "    /lib/v8.so(+0x3a90103) [0x7f3c36e90103]\n" * 40
NODE = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
LAST_20 = "the renderer crashed with SIGTRAP:\n" + "\n".join(str(number) for number in range(20, 40))
KILLED = "the renderer was ended by signal 40, which nexusd did not send"
CODE_71 = "the render needs more memory than a job may use"


@pytest.mark.parametrize(
    ("end", "usage", "tail", "expected"),
    [
        (End.EXIT, Usage(exit_code=0), "", Done()),
        (End.EXIT, Usage(exit_code=0), "a warning", Done()),
        (End.CANCEL, Usage(exit_code=0), "", Cancelled()),
        (End.CANCEL, Usage(signal=15), "", Cancelled()),
        (End.STOP, Usage(signal=9), "", Stopped()),
        (End.TIMEOUT, Usage(exit_code=0), "x", ErrorCode.TIMEOUT),
        (End.EXIT, Usage(exit_code=65), "line 1", Failed(ErrorCode.INVALID_INPUT, "line 1")),
        (End.EXIT, Usage(exit_code=71), "", Failed(ErrorCode.OUT_OF_MEMORY, CODE_71)),
        (End.EXIT, Usage(exit_code=1), "oh", Failed(ErrorCode.RENDERER_FAILED, "oh")),
        (End.EXIT, Usage(signal=9), "", ErrorCode.KILLED),  # not `out_of_memory`: there is no evidence
        (End.EXIT, Usage(signal=11), "at frob", Failed(ErrorCode.RENDERER_FAILED, CRASHED)),
        (End.EXIT, Usage(signal=signal.SIGABRT), "memory allocation of 9 bytes failed", ErrorCode.OUT_OF_MEMORY),
        (End.EXIT, Usage(signal=signal.SIGABRT), "no memory allocation of 9 bytes failed", ErrorCode.RENDERER_FAILED),
        (End.EXIT, Usage(signal=signal.SIGTRAP), V8, ErrorCode.OUT_OF_MEMORY),
        (End.EXIT, Usage(signal=signal.SIGTRAP), V8.replace("JavaScript", "process"), ErrorCode.OUT_OF_MEMORY),
        (End.EXIT, Usage(signal=signal.SIGABRT), NODE, ErrorCode.OUT_OF_MEMORY),
        (End.EXIT, Usage(signal=signal.SIGTRAP), "# Check failed: (result.ptr) != nullptr.\n#", ErrorCode.OUT_OF_MEMORY),
        (End.EXIT, Usage(signal=signal.SIGTRAP), "# Check failed: (x.ptr) != nullptr.\n#", ErrorCode.RENDERER_FAILED),
        (End.EXIT, Usage(signal=signal.SIGKILL), V8, ErrorCode.KILLED),
        (End.EXIT, Usage(exit_code=1), NODE, Failed(ErrorCode.RENDERER_FAILED, NODE)),
        (End.EXIT, Usage(signal=5), "\n".join(map(str, range(40))), Failed(ErrorCode.RENDERER_FAILED, LAST_20)),
        (End.EXIT, Usage(exit_code=65), "x" * 9000, Failed(ErrorCode.INVALID_INPUT, "x" * 4096)),
        (End.EXIT, Usage(signal=signal.SIGXFSZ), "", ErrorCode.OUTPUT_TOO_LARGE),
        (End.EXIT, Usage(signal=40), "", Failed(ErrorCode.KILLED, KILLED)),
    ],
)
def test_an_end_is_judged(end: End, usage: Usage, tail: str, expected: Outcome | ErrorCode) -> None:
    outcome = judge(end, usage, tail, lambda: None)
    assert (outcome.code if isinstance(expected, ErrorCode) and isinstance(outcome, Failed) else outcome) == expected


def test_only_a_plain_failure_asks_whether_the_renderer_is_there() -> None:
    missing = "install frob"
    for code, expected in [(65, ErrorCode.INVALID_INPUT), (71, ErrorCode.OUT_OF_MEMORY), (1, ErrorCode.RENDERER_UNAVAILABLE)]:
        outcome = judge(End.EXIT, Usage(exit_code=code), "", lambda: missing)
        assert isinstance(outcome, Failed)
        assert outcome.code is expected
    assert judge(End.EXIT, Usage(exit_code=0), "", lambda: missing) == Done()
