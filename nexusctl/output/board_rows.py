"""The rows of `top`: one line for each job, in the columns that there is room for. No I/O, no clock.

What came from elsewhere is cleaned here. A row is two cells narrower than the canvas: the mark of the choice stands before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from nexusctl.output.present import describe, status_cell
from nexusctl.output.text import cell_width, clean_line, pad, shorten
from nexusctl.output.times import format_age

if TYPE_CHECKING:
    from datetime import datetime

    from nexusctl.output.board import Board
    from nexusctl.output.screen import Style
    from nexusd.contract.jobs import JobSummary

MARK_WIDTH: Final = 2
ID_LENGTH: Final = 8
_NARROW: Final = 60
_BARS: Final = ((_NARROW, 6), (80, 8), (100, 14))
_BAR_MAX: Final = 24
_TYPE_WIDTH: Final = 10
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Canvas:
    """The room there is, and what it can show. `full`, `empty` and `rule` are what bars and titles are made of."""

    columns: int
    lines: int
    style: Style
    now: datetime
    full: str = "█"
    empty: str = "░"
    rule: str = "─"

    def in_ascii(self) -> Canvas:
        """Return the same for a terminal that has no other characters."""
        return replace(self, full="#", empty=".", rule="-")


def format_row(board: Board, section: str, job: JobSummary, index: int, canvas: Canvas) -> str:
    """Return the row of a job, which is the `index`th of its section."""
    if section == "Running":
        cells = _running(board, job, canvas)
    elif section == "Queue":
        cells = _queued(board, job, index, canvas)
    else:
        cells = _over(section, job, canvas)
    return _join(cells, canvas)


def format_span(seconds: float) -> str:
    """Return a span of time as a clock has it: `0:07`, `12:30`, `1:02:03`, `2d03h`."""
    whole = max(0, round(seconds))
    if whole >= _DAY:
        return f"{whole // _DAY}d{whole % _DAY // _HOUR:02}h"
    if whole >= _HOUR:
        return f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02}:{whole % _MINUTE:02}"
    return f"{whole // _MINUTE}:{whole % _MINUTE:02}"


def format_bar(progress: float | None, width: int, canvas: Canvas) -> str:
    """Return a bar; one that nothing is known of is empty."""
    done = 0 if progress is None else int(progress * width + 1e-9)
    return canvas.full * done + canvas.empty * (width - done)


_Cells = list[tuple[str, int, str | None]]
"""Text, width or 0 for as much as it takes, colour."""


def _running(board: Board, job: JobSummary, canvas: Canvas) -> _Cells:
    bar = next((bar for width, bar in _BARS if canvas.columns < width), _BAR_MAX)
    began = job.started_at or job.created_at
    estimate = board.estimates.get(job.id)
    left = (estimate.finish_at - canvas.now).total_seconds() if estimate is not None and estimate.finish_at else None
    is_narrow = canvas.columns < _NARROW
    is_cancelling = job.cancel_requested_at is not None
    cells: _Cells = [
        (_name(job), ID_LENGTH, None),
        (format_bar(job.progress, bar, canvas), bar, "yellow" if is_cancelling else "green"),
        ("" if job.progress is None else f"{int(job.progress * 100 + 1e-9)}%".rjust(4), 4, None),
        (format_span((canvas.now - began).total_seconds()).rjust(5), 5, None),
        ("" if left is None or left < 0 else f"~{format_span(left)}", 6 if left is not None or not is_narrow else 0, "dim"),
        ("cancelling" if is_cancelling else clean_line(job.progress_message or ""), 0, "yellow" if is_cancelling else None),
    ]
    return _with_type(cells, job, canvas)


def _queued(board: Board, job: JobSummary, index: int, canvas: Canvas) -> _Cells:
    estimate = board.estimates.get(job.id)
    position = estimate.position if estimate is not None and estimate.position is not None else index + 1
    start, colour = _start(board, job, canvas)
    about = [f"waiting {format_age(job.created_at, canvas.now)}"]
    about += [f"priority {job.priority}"] if job.priority else []
    about += [f"attempt {job.attempt + 1}"] if job.attempt else []
    cells: _Cells = [
        (_name(job), ID_LENGTH, None),
        (f"#{position}", 4, "cyan"),
        (start, 0 if canvas.columns < _NARROW and start else 16, colour),
        (", ".join(about), 0, "dim"),
    ]
    return _with_type(cells, job, canvas)


def _start(board: Board, job: JobSummary, canvas: Canvas) -> tuple[str, str | None]:
    """Return when a job starts, as far as somebody knows."""
    if board.is_paused(job.job_type):
        return "paused", "yellow"
    if job.available_at is not None and job.available_at > canvas.now:
        return f"not before {format_span((job.available_at - canvas.now).total_seconds())}", None
    estimate = board.estimates.get(job.id)
    if estimate is None or estimate.start_at is None:
        return "", None
    seconds = (estimate.start_at - canvas.now).total_seconds()
    return f"starts in {format_span(seconds)}" if seconds >= 1 else "starts soon", None


def _over(section: str, job: JobSummary, canvas: Canvas) -> _Cells:
    status = status_cell(job)
    cells: _Cells = [(_name(job), ID_LENGTH, None), (format_age(job.finished_at or job.updated_at, canvas.now), 4, "dim")]
    if section == "Ended":
        cells.append((status.text, 9, status.colour))
    return _with_type([*cells, (describe(job), 0, "red" if section == "Failed" else None)], job, canvas)


def _name(job: JobSummary) -> str:
    return clean_line(job.id)[-ID_LENGTH:]


def _with_type(cells: _Cells, job: JobSummary, canvas: Canvas) -> _Cells:
    """Add the type behind the id, where there is room."""
    if canvas.columns < _NARROW:
        return cells
    return [cells[0], (clean_line(job.job_type), _TYPE_WIDTH, None), *cells[1:]]


def _join(cells: _Cells, canvas: Canvas) -> str:
    """Return the cells in a row, as far as there is room."""
    room = canvas.columns - MARK_WIDTH
    line = ""
    for text, width, colour in cells:
        gap = " " if line else ""
        fitted = shorten(text, min(width or room, room - len(gap)))
        if not fitted and width == 0:
            continue
        cell = canvas.style.paint(fitted, colour if fitted else None)
        padding = pad("", min(width, max(0, room - len(gap))) - cell_width(fitted)) if width else ""
        line += gap + cell + padding
        room -= len(gap) + max(cell_width(fitted), min(width, max(0, room - len(gap))))
        if room <= 1:
            break
    return line.rstrip()
