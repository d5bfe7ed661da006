"""What a child says: its log, bounded by bytes, and its progress, bounded by rate.

The log file holds stdout and stderr as they came, as bytes, up to `max_bytes`; what is over is counted, and a last line says
how much was cut. The progress descriptor takes one JSON object a line; the first lines that are none go to the log, marked,
the rest of them are counted.
"""

from __future__ import annotations

import json
import math
import os
import re
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from nexusd.runner.pipes import Pipe

CHUNK_BYTES: Final = 64 * 1024
LINE_MAX_BYTES: Final = 4096
REFUSALS_MAX: Final = 100
TAIL_BYTES: Final = 16 * 1024
REPORT_INTERVAL_SECONDS: Final = 0.2
MESSAGE_MAX_LENGTH: Final = 200
_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Log:
    """The log of one attempt. Writes go to the page cache: they are not awaited, and not synced either.

    `tell` is called whenever the file has grown: once for each chunk, however long. A log that is there already is of a life
    that a restored database does not remember, and is written anew.
    """

    def __init__(self, path: Path, max_bytes: int, tell: Callable[[], None] = lambda: None) -> None:
        os.makedirs(path.parent, 0o700, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self._left = max_bytes
        self._tell = tell
        self._cut = 0
        self._tail = bytearray()

    def write(self, chunk: bytes) -> None:
        """Add bytes, as far as they fit. A full disk cuts the log and nothing else."""
        self._tail = (self._tail + chunk[-TAIL_BYTES:])[-TAIL_BYTES:]
        kept = self._write_out(chunk[: self._left])
        self._left -= kept
        self._cut += len(chunk) - kept

    def note(self, sentence: str) -> None:
        """Add a line of the daemon's own."""
        self.write(f"[nexusd: {sentence}]\n".encode())

    def close(self) -> None:
        """Close the file, with a last line about what was cut."""
        if self._cut:
            self._write_out(f"\n[nexusd: {self._cut} more bytes were cut]\n".encode())
        os.close(self._file)

    def tail(self) -> str:
        """Return the last lines as clean text: no terminal escapes, no control characters, no invalid UTF-8."""
        text = _ESCAPES.sub("", self._tail.decode("utf-8", "replace"))
        lines = [line.rstrip() for line in _CONTROLS.sub("", text.replace("\r\n", "\n")).split("\n")]
        return "\n".join(line for line in lines if line)

    def _write_out(self, chunk: bytes) -> int:
        try:
            written = os.write(self._file, chunk) if chunk else 0
        except OSError:
            return 0
        if written:
            self._tell()
        return written


async def copy_output(output: Pipe, log: Log) -> None:
    """Copy a child's output into the log until its last holder closes it."""
    while chunk := await output.receive(CHUNK_BYTES):
        log.write(chunk)


class Progress:
    """The progress of one attempt: never backwards, told at most five times a second."""

    def __init__(self, log: Log, report: Callable[[float, str | None], Awaitable[None]]) -> None:
        self._log = log
        self._report = report
        self._news = trio.Event()
        self._latest: tuple[float, str | None] = (0.0, None)
        self._refused = 0

    async def read(self, said: Pipe) -> None:
        """Read lines until the last holder closes the descriptor."""
        rest, is_cut = b"", False  # the line that is not complete yet, and whether its start was thrown away
        try:
            while chunk := await said.receive(LINE_MAX_BYTES):  # little at a time: a flood holds up nobody else
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if not is_cut:
                        self._take(line)
                    is_cut = False
                if len(rest) > LINE_MAX_BYTES:
                    if not is_cut:
                        self._refuse(rest)
                    rest, is_cut = b"", True
        finally:
            if self._refused > REFUSALS_MAX:
                self._log.note(f"{self._refused - REFUSALS_MAX} more lines were no progress lines")

    async def wait_news(self) -> None:
        """Return when something was said that is not reported yet."""
        await self._news.wait()

    async def run(self) -> None:
        """Report what is new, for ever; cancel it when the child is gone."""
        while True:
            await self.wait_news()
            self._news = trio.Event()
            await self._report(*self._latest)
            await trio.sleep(REPORT_INTERVAL_SECONDS)

    def _take(self, line: bytes) -> None:
        try:
            said = json.loads(line)
            fraction = float(said["progress"])
            message = said.get("message")
            if not math.isfinite(fraction) or not isinstance(message, str | None):
                raise ValueError
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            self._refuse(line)
            return
        self._latest = (max(self._latest[0], min(max(fraction, 0.0), 1.0)), _clean(message))
        self._news.set()

    def _refuse(self, line: bytes) -> None:
        self._refused += 1
        if self._refused <= REFUSALS_MAX:
            self._log.note(f"not a progress line: {line[:100]!r}")


def _clean(message: str | None) -> str | None:
    if message is None:
        return None
    sound = message.encode("utf-8", "replace").decode()  # JSON can name half a surrogate pair, which nothing can store
    return _CONTROLS.sub(" ", _ESCAPES.sub("", sound)).replace("\n", " ")[:MESSAGE_MAX_LENGTH]
