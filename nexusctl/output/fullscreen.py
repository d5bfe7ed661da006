"""A whole terminal, borrowed: the alternate screen, keys as they are pressed, signals that concern it.

Owns the terminal's modes and the drawing of lines, of which only those are sent that changed. Knows no jobs.

Invariants:
1. The terminal is given back as it was (screen, cursor, echo, colours), however the block ends: by its end, an exception,
   Ctrl-C or a signal that ends the program. What comes meanwhile cannot interrupt that; it is dealt with afterwards.
2. Nothing that is drawn scrolls the screen: a line is cut by who makes it, and the terminal does not wrap.
3. Ctrl-Z gives the terminal back and stops the program; `fg` takes it again and draws anew, whatever the shell did to it.

Source: ECMA-48 §8.3 (CUP, EL, SGR), xterm's ctlseqs (DECSET 25 cursor, 7 autowrap, 1049 alternate screen), termios(3).
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType, TracebackType

_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
_LEAVE: Final = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
_READ_BYTES: Final = 4096
_NOTED: Final = (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)
_ENDING: Final = (signal.SIGHUP, signal.SIGQUIT)
_UNTOUCHED_WHILE_LEAVING: Final = (signal.SIGINT, signal.SIGTERM, *_ENDING)
_SHELL_BASE: Final = 128


class Fullscreen:
    """The terminal of standard input and output, both of which must be one. For the main thread.

    `wake` may be called by any thread, and ends a `wait`.
    """

    def __init__(self) -> None:
        self._input, self._output = sys.stdin.fileno(), sys.stdout.fileno()
        self._drawn: list[str] = []
        self._terminal = ExitStack()
        self._lock = threading.Lock()
        self._waker: int | None = None

    def __enter__(self) -> Self:
        sys.stdout.flush()
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._terminal.enter_context(self._taken(self._waker))
        except BaseException:
            self._close_pipe()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        try:
            self._terminal.close()
        finally:
            self._close_pipe()

    def wake(self) -> None:
        """End a `wait`, now or the next."""
        with self._lock:
            if self._waker is not None:
                with suppress(BlockingIOError):  # full: it is woken anyway
                    os.write(self._waker, b"\0")

    def wait(self, timeout_seconds: float) -> bytes | None:
        """Wait for keys, a signal or `wake`. Return what was typed, None when the terminal is gone.

        A stop by Ctrl-Z happens in here. Raises SystemExit on a signal that ends the program.
        """
        ready, _, _ = select.select([self._input, self._woken], [], [], max(0.0, timeout_seconds))
        if self._woken in ready:
            self._take_signals(os.read(self._woken, _READ_BYTES))
        if self._input not in ready:
            return b""
        with suppress(OSError):
            return os.read(self._input, _READ_BYTES) or None
        return None

    def size(self) -> tuple[int, int]:
        """Return the columns and lines there are."""
        with suppress(OSError):
            size = os.get_terminal_size(self._output)
            if size.columns and size.lines:
                return size
        return shutil.get_terminal_size()

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines from the top, and nothing below. Raises BrokenPipeError when the terminal is gone."""
        changed = [(row, line) for row, line in enumerate(lines) if row >= len(self._drawn) or self._drawn[row] != line]
        parts = [f"\x1b[{row + 1};1H\x1b[K{line}\x1b[0m" for row, line in changed]
        if len(lines) < len(self._drawn):
            parts.append(f"\x1b[{len(lines) + 1};1H\x1b[J")
        self._drawn = list(lines)
        if parts:
            self._write("".join(parts))

    def forget(self) -> None:
        """Draw everything anew the next time."""
        self._drawn = []
        self._write("\x1b[2J")

    @contextmanager
    def left(self) -> Iterator[None]:
        """Give the terminal back for the length of the block."""
        assert self._waker is not None
        self._terminal.close()
        yield
        self._terminal.enter_context(self._taken(self._waker))

    @contextmanager
    def _taken(self, waker: int) -> Iterator[None]:
        before = termios.tcgetattr(self._input)
        with ExitStack() as stack:
            stack.callback(_give_back, self._input, self._output, before)
            stack.enter_context(_signals_noted(waker))
            self._take()
            yield

    def _close_pipe(self) -> None:
        with self._lock:
            if self._waker is not None:
                os.close(self._waker)
                os.close(self._woken)
            self._waker = None

    def _take(self) -> None:
        mode: list[Any] = termios.tcgetattr(self._input)
        mode[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._input, termios.TCSADRAIN, mode)
        self._write(_ENTER)
        self._drawn = []

    def _take_signals(self, received: bytes) -> None:
        numbers = set(received)
        for number in _ENDING:
            if number in numbers:
                sys.exit(_SHELL_BASE + number)
        if signal.SIGTSTP in numbers:
            with self.left():
                signal.raise_signal(signal.SIGTSTP)  # stops this thread here, and the others with it, until `fg`
        elif signal.SIGCONT in numbers:  # stopped by another signal; the shell has used the terminal meanwhile
            self._take()
        elif signal.SIGWINCH in numbers:
            self.forget()

    def _write(self, text: str) -> None:
        data = text.encode(sys.stdout.encoding or "utf-8", "replace")
        try:
            while data:
                data = data[os.write(self._output, data) :]
        except OSError as error:
            raise BrokenPipeError from error


def _give_back(source: int, output: int, mode: list[Any]) -> None:
    """Put the terminal back. Nothing interrupts that, and one that is gone needs it no more."""
    with _held_back(_UNTOUCHED_WHILE_LEAVING):
        with suppress(OSError):
            os.write(output, _LEAVE.encode())
        with suppress(termios.error):
            termios.tcsetattr(source, termios.TCSADRAIN, mode)


@contextmanager
def _held_back(signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Keep signals for the end of the block. A mask would not do: other threads take them for this one."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: came.append(number)) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)


@contextmanager
def _signals_noted(pipe: int) -> Iterator[None]:
    """Let the numbers of the signals that concern a screen come through a pipe."""
    before = {number: signal.signal(number, _do_nothing) for number in (*_NOTED, *_ENDING)}
    pipe_before = signal.set_wakeup_fd(pipe, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(pipe_before)
        for number, handler in before.items():
            signal.signal(number, handler)


def _do_nothing(_signal: int, _frame: FrameType | None) -> None:
    """That it came is all there is to say, and the pipe has it."""
