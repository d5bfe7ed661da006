"""A frame of `top`: the picture, the choice and the room there is in, lines out. No I/O, no clock.

Owns the layout. Rows of jobs are `board_rows`'.

Invariants: there are never more lines than the room has, none is wider than it, and the row that is chosen is among
them wherever a row is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nexusctl.output.board_rows import ID_LENGTH, MARK_WIDTH, Canvas, format_row
from nexusctl.output.present import format_size
from nexusctl.output.text import cell_width, clean_line, shorten
from nexusctl.output.times import format_age

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nexusctl.output.board import Board, Section
    from nexusctl.output.board_view import View
    from nexusd.contract.jobs import JobSummary

_ROOMY: Final = 16
"""From so many lines on, sections that are empty are named too, and the head may take three."""

_GAP: Final = "  "
_HELP: Final = (
    ("↑ ↓  j k", "choose a job; also page up and down, g, G"),
    ("c", "cancel it, after a question"),
    ("r", "submit it once more, when it is over"),
    ("o", "open its result in its application"),
    ("l  enter", "its log, followed; Ctrl-C comes back"),
    ("p", "pause the whole queue, or resume it"),
    ("?", "this help"),
    ("q  Ctrl-C", "leave; the jobs go on"),
)
_KEYS: Final = ("q quit", "? help", "↑↓ choose", "c cancel", "r retry", "o open", "l log", "p pause")


@dataclass(frozen=True, slots=True)
class Frame:
    """What to draw, and which jobs are to be seen in it, from above."""

    lines: list[str]
    shown: list[str]


def draw(board: Board, view: View, canvas: Canvas) -> Frame:
    """Return the frame."""
    head = _head(board, canvas)
    body: list[str] = []
    shown: list[JobSummary] = []
    room = canvas.lines - len(head) - 1
    if view.shows_help:
        body = [shorten(f"  {keys:<10} {what}", canvas.columns) for keys, what in _HELP][: max(0, room)]
    else:
        body, shown = _body(board, view, canvas, room)
    foot = _foot(view, canvas)
    blank = [""] * max(0, room - len(body))
    lines = [*head, *body, *blank, foot]
    return Frame(lines[-canvas.lines :] if canvas.lines else [], [job.id for job in shown])


def share(wants: Sequence[int], room: int) -> list[int]:
    """Return how many rows each section gets: all they want, where there is room, else turn by turn."""
    given = [0] * len(wants)
    while room > 0 and any(got < want for got, want in zip(given, wants, strict=True)):
        for index, want in enumerate(wants):
            if given[index] < want and room > 0:
                given[index] += 1
                room -= 1
    return given


def _body(board: Board, view: View, canvas: Canvas, room: int) -> tuple[list[str], list[JobSummary]]:
    sections = board.sections()
    if room <= 0 or not any(section.jobs for section in sections):
        empty = "no jobs yet: nexusctl render or submit makes some" if board.is_loaded else "…"
        return [shorten(empty, canvas.columns)][: max(0, room)], []
    named = _fitting(sections if canvas.lines >= _ROOMY else [section for section in sections if section.jobs], view, room)
    titles = len(named) if room > 1 else 0
    lines: list[str] = []
    shown: list[JobSummary] = []
    for section, count in zip(named, share([len(section.jobs) for section in named], room - titles), strict=True):
        start = _start(section, count, view.chosen)
        jobs = section.jobs[start : start + count]
        lines += [_title(section, start, count, canvas)] if titles else []
        lines += [_row(board, section, start + offset, view, canvas) for offset in range(count)]
        shown += jobs
    return lines, shown


def _fitting(sections: list[Section], view: View, room: int) -> list[Section]:
    """Return the sections for which there is room, a title and a row for each that has any. The last go first."""
    left = list(sections)
    while len(left) > 1 and room < len(left) + sum(1 for section in left if section.jobs):
        others = [section for section in left if all(job.id != view.chosen for job in section.jobs)]
        left.remove(others[-1])
    return left


def _start(section: Section, count: int, chosen: str | None) -> int:
    """Return the first row that is shown, so that the one that is chosen is."""
    place = next((index for index, job in enumerate(section.jobs) if job.id == chosen), None)
    return 0 if place is None else max(0, min(place - count // 2, len(section.jobs) - count))


def _title(section: Section, start: int, count: int, canvas: Canvas) -> str:
    total = len(section.jobs)
    text = f"{section.title} {total}{'+' if section.more else ''}"
    hidden = total - count
    note = f", showing {start + 1}{f'-{start + count}' if count > 1 else ''}" if count and hidden else ""
    text = shorten(text + note, canvas.columns)
    rule = canvas.rule * max(0, canvas.columns - cell_width(text) - 1)
    return f"{canvas.style.paint(text, 'bold')} {canvas.style.paint(rule, 'dim')}".rstrip() if rule else text


def _row(board: Board, section: Section, index: int, view: View, canvas: Canvas) -> str:
    job = section.jobs[index]
    if canvas.columns <= MARK_WIDTH:
        return ""
    text = format_row(board, section.title, job, index, canvas)
    if job.id != view.chosen:
        return f"{' ' * MARK_WIDTH}{text}"
    name = clean_line(job.id)[-ID_LENGTH:]  # what every row begins with
    return "> " + text.replace(name, canvas.style.paint(name, "reverse"), 1)


def _head(board: Board, canvas: Canvas) -> list[str]:
    """Return the lines at the top: what there is to say, as far as there is room, the most important first."""
    room = 1 if canvas.lines < 8 else 2 if canvas.lines < _ROOMY else 3
    lines: list[str] = []
    widths: list[int] = []
    for text, colour in _facts(board, canvas):
        clean = shorten(clean_line(text), canvas.columns)
        width = cell_width(clean)
        place = next((n for n, used in enumerate(widths) if used + len(_GAP) + width <= canvas.columns), None)
        if place is not None:
            lines[place] += _GAP + canvas.style.paint(clean, colour)
            widths[place] += len(_GAP) + width
        elif len(lines) < room:
            lines.append(canvas.style.paint(clean, colour))
            widths.append(width)
    return lines[: max(0, canvas.lines - 1)]


def _facts(board: Board, canvas: Canvas) -> Iterator[tuple[str, str | None]]:
    status = board.status
    if board.trouble:
        yield "reconnecting…", "red"
    yield "nexusd" if status is None else f"nexusd {status.version}", "bold"
    if board.trouble:
        yield board.trouble, "red"
    if status is None:
        return
    slots = status.limits.running_jobs
    used = board.used_slots() or 0
    yield f"{used}/{slots} slots", "yellow" if used >= slots else None
    for pause in status.paused:
        reason = f": {pause.reason}" if pause.reason else ""
        what = f"paused {pause.job_type or 'the whole queue'}"
        yield f"{what} for {format_age(pause.paused_at, canvas.now)}{reason}", "yellow"
    for name, count in status.jobs.items():
        if count and name in ("running", "queued", "failed"):
            yield f"{count} {name}", None
    if status.stopping:
        yield "stopping", "yellow"
    yield f"held by {status.containment.level}", "dim"
    if board.free_bytes is not None:
        yield f"{format_size(board.free_bytes)} free", "dim"
    yield f"up {format_age(status.started_at, canvas.now)}", "dim"


def _foot(view: View, canvas: Canvas) -> str:
    if question := view.question():
        return canvas.style.paint(shorten(question, canvas.columns), "yellow")
    if view.message:
        text = shorten(clean_line(view.message), canvas.columns)
        return canvas.style.paint(text, "red" if view.is_error else "green")
    line = ""
    for hint in _KEYS:
        longer = line + (_GAP if line else "") + hint
        if cell_width(longer) > canvas.columns:
            break
        line = longer
    return canvas.style.paint(line, "dim")
