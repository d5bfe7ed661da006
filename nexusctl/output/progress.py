"""A job's progress on the screen: a bar on a terminal, plain lines otherwise, nothing when quiet.

Owns the drawing. The events come from the client; the outcome (errors, paths) is said by the command.

Invariants: a bar leaves the terminal as it found it, cursor included, however it ends; plain lines are at most one for
each status and one for each tenth of progress or new message, so that a log of a build stays short.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol, Self

from nexusctl.output.present import event_line
from nexusctl.output.text import cell_width, clean_line, shorten
from nexusd.contract.events import JobEvent, ProgressEvent, ResetEvent

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from pydantic import BaseModel
    from rich.progress import Progress, TaskID

    from nexusctl.output.screen import Screen

_TENTHS = 10
_WIDE = 60


class Display(Protocol):
    """Something that shows events, as the contract has them; those it does not know it leaves out."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

    def show(self, event: BaseModel) -> None:
        """Show one event."""


def open_display(screen: Screen, title: str | None, write: Callable[[str], None], *, tell_end: bool = True) -> Display:
    """Return the display that suits the screen; plain lines go to `write`, the last of them only with `tell_end`."""
    style = screen.note_style
    if screen.quiet or title is None:
        return Silence()
    if style.is_terminal and style.width is not None and sys.stderr.encoding and _is_lively():
        return Bar(title, style.width, colour=style.colour)
    return Lines(screen, write, tell_end=tell_end)


class Silence:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Nothing to put back."""

    def show(self, event: BaseModel) -> None:
        """Show nothing."""


class Lines(Silence):
    """Plain lines."""

    def __init__(self, screen: Screen, write: Callable[[str], None], *, tell_end: bool = True) -> None:
        self._screen = screen
        self._write = write
        self._tell_end = tell_end
        self._last_tenth = -1
        self._last_message: str | None = None

    def show(self, event: BaseModel) -> None:
        """Write a line, when the event says something new."""
        if isinstance(event, JobEvent):
            self._last_tenth, self._last_message = -1, None
            if self._tell_end or not event.job.status.is_terminal:
                self._write(event_line(event.job, self._screen.style))
        elif isinstance(event, ProgressEvent):
            self._show_progress(event)
        elif isinstance(event, ResetEvent):
            self._write(f"some events are gone ({event.reason}), going on from what is kept")

    def _show_progress(self, data: ProgressEvent) -> None:
        tenth, message = int(data.progress * _TENTHS), clean_line(data.message or "")
        if tenth != self._last_tenth or message != self._last_message:
            self._last_tenth, self._last_message = tenth, message
            self._write(f"{data.progress:4.0%} {message}".rstrip())


class Bar(Silence):
    """A bar of rich's, on standard error, gone when it ends."""

    _task: TaskID

    def __init__(self, title: str, width: int, *, colour: bool = True) -> None:
        self._title = clean_line(title)
        self._width = width
        self._colour = colour
        self._progress: Progress | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()

    def show(self, event: BaseModel) -> None:
        """Move the bar, which appears with the first event: by then `__exit__` is certain to take it away, whatever comes."""
        if self._progress is None:
            self._progress = _new_progress(self._width, colour=self._colour)
            self._task = self._progress.add_task(self._text("submitted"), total=None)
            self._progress.start()
        if isinstance(event, ProgressEvent):
            message = clean_line(event.message or "running")
            self._progress.update(self._task, total=1.0, completed=event.progress, description=self._text(message))
        elif isinstance(event, JobEvent):
            job = event.job
            # Nothing is known yet: the bar pulses. After a retry it begins anew.
            known = {"total": 1.0, "completed": job.progress} if job.progress is not None else {"total": None, "completed": 0.0}
            self._progress.update(self._task, description=self._text(str(job.status)), **known)

    def _text(self, message: str) -> str:
        """Return title and message, in at most half of the width, so that the bar never breaks its line."""
        room = max(8, self._width // 2 - 6)
        text = f"{self._title}: {message}"
        return text if cell_width(text) <= room else shorten(message, room)


def _new_progress(width: int, *, colour: bool) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = [TextColumn("{task.description}", markup=False), BarColumn(bar_width=None), TaskProgressColumn()]
    if width >= _WIDE:
        columns.append(TimeElapsedColumn())
    console = Console(stderr=True, markup=False, highlight=False, emoji=False, no_color=not colour)
    return Progress(*columns, console=console, transient=True, expand=False)


def _is_lively() -> bool:
    import os

    return os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
