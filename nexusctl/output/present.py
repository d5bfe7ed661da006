"""The documents of the API as people read them: lines, tables and details.

Owns which fields are shown, in what words and colours. Everything that came from elsewhere is cleaned here, on its way in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from nexusctl.output.table import Cell, format_table
from nexusctl.output.text import clean, clean_line, shorten, wrap
from nexusctl.output.times import format_age, format_moment, format_when

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from nexusctl.output.screen import Style
    from nexusd.contract.assets import Asset
    from nexusd.contract.jobs import Attempt, Job, JobSummary
    from nexusd.contract.pauses import QueuePause, QueueState
    from nexusd.contract.status import Containment, Limits, SpareState, Status

STATUS_COLOURS: Final = {"queued": "cyan", "running": "yellow", "done": "green", "failed": "red", "cancelled": "dim"}
_LABEL_WIDTH: Final = 13
_STACKED_BELOW: Final = 60
_SIZE_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_KIBI: Final = 1024
_ATTEMPT_MAX_LENGTH: Final = 200


def format_size(count: int) -> str:
    """Return a size in bytes in the unit that suits it: `12 B`, `3.4 MiB`."""
    size = float(count)
    for unit in _SIZE_UNITS:
        if size < _KIBI or unit == _SIZE_UNITS[-1]:
            break
        size /= _KIBI
    return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"


def status_cell(job: JobSummary) -> Cell:
    """Return a job's status; a request to cancel that is still under way is told apart."""
    cancelling = job.cancel_requested_at is not None and not job.status.is_terminal
    return Cell("cancelling" if cancelling else str(job.status), STATUS_COLOURS.get(job.status))


def describe(job: JobSummary) -> str:
    """Return the one thing to know about a job, on one line."""
    if job.error_message or job.error_code:
        return clean_line(": ".join(part for part in (job.error_code, job.error_message) if part))
    if job.started_at is not None and job.finished_at is not None:
        return f"took {(job.finished_at - job.started_at).total_seconds():.1f} s"
    if job.progress is None:
        return clean_line(job.progress_message or "")
    return f"{job.progress:.0%} {clean_line(job.progress_message or '')}".strip()


def format_jobs(jobs: Sequence[JobSummary], style: Style) -> str:
    """Return the table of `ls`."""
    rows = [
        [
            Cell(clean_line(job.id)),
            status_cell(job),
            Cell(clean_line(job.job_type)),
            Cell(format_when(job.created_at, style), "dim"),
            Cell(describe(job)),
        ]
        for job in jobs
    ]
    return format_table(["JOB", "STATUS", "TYPE", "AGE", "DETAIL"], rows, style)


def format_job(job: Job, style: Style, *, with_input: bool = False) -> str:
    """Return the details of `show`."""
    status = status_cell(job)
    fields = [
        ("job", clean_line(job.id)),
        ("status", style.paint(status.text, status.colour)),
        ("queue", f"position {job.queue_position}" if job.queue_position is not None else None),
        ("starts", _about(job.estimated_start_at, style)),
        ("ends", _about(job.estimated_finish_at, style)),
        ("type", clean_line(job.job_type)),
        ("progress", describe(job) if not job.status.is_terminal else None),
        ("error", clean(job.error_code or "")),
        ("message", clean(job.error_message or "")),
        ("source task", clean_line(job.source_task_id or "")),
        ("retry of", clean_line(job.retry_of or "")),
        ("priority", str(job.priority) if job.priority else None),
        ("created", format_moment(job.created_at, style)),
        ("started", format_moment(job.started_at, style)),
        ("finished", format_moment(job.finished_at, style)),
        ("attempts", f"{job.attempts_used} of {job.max_attempts} used" if job.attempt else None),
        *(("", _attempt_line(attempt)) for attempt in job.attempts),
        *(("result" if asset.id == job.result_asset_id else "asset", _made_line(asset)) for asset in job.assets),
        ("input", clean(json.dumps(job.input, ensure_ascii=False, indent=2)) if with_input else None),
    ]
    return format_fields(fields, style)


def format_status(status: Status, style: Style) -> str:
    """Return the details of `status`."""
    counts = ", ".join(f"{count} {name}" for name, count in status.jobs.items() if count) or "none"
    fields = [
        ("nexusd", f"{clean_line(status.version)}, pid {status.pid}{', stopping' if status.stopping else ''}"),
        ("up", f"{format_age(status.started_at)}, since {format_moment(status.started_at, style)}"),
        ("jobs", counts),
        *_pause_fields(status.paused, style),
        ("queue", f"empty {_about(status.queue.estimated_empty_at, style)}" if status.queue.estimated_empty_at else None),
        ("assets", str(status.assets)),
        ("running", _limits_line(status.limits)),
        ("children", _held(status.containment)),
        ("spares", _spares_line(status.spares) if status.spares else None),
        ("socket", clean_line(status.socket)),
        ("state", clean_line(status.state_directory)),
        ("schema", f"{clean_line(status.schema_revision)}, SQLite {clean_line(status.sqlite_version)}"),
    ]
    return format_fields(fields, style)


def _held(containment: Containment) -> str:
    """Return how children are held, and why not better."""
    bound = "" if containment.processes == "none" else f", processes bounded by {containment.processes}"
    refused = "".join(f"\nnot {level}: {reason}" for level, reason in containment.refused.items())
    return clean(f"{containment.level}{bound}{refused}")


def _spares_line(spares: Sequence[SpareState]) -> str:
    """Return what waits warm for a job, by the module of its engine."""
    named = (
        f"{clean_line(spare.engine.partition(':')[0].rpartition('.')[2])} "
        f"({format_size(spare.memory_bytes or 0) if spare.warm else 'warming'})"
        for spare in spares
    )
    return ", ".join(named)


def format_queue(state: QueueState, style: Style) -> str:
    """Return the answer of `pause` and `resume`."""
    pauses = _pause_fields(state.paused, style) or [("paused", "nothing")]
    return format_fields([*pauses, ("running", str(state.running)), ("queued", str(state.queued))], style)


def _pause_fields(pauses: Sequence[QueuePause], style: Style) -> list[tuple[str, str]]:
    return [("" if number else "paused", _pause_line(pause, style)) for number, pause in enumerate(pauses)]


def _pause_line(pause: QueuePause, style: Style) -> str:
    reason = f": {clean_line(pause.reason)}" if pause.reason else ""
    return f"{clean_line(pause.job_type or 'the whole queue')}, since {format_moment(pause.paused_at, style)}{reason}"


def _limits_line(limits: Limits) -> str:
    line = f"at most {limits.running_jobs} at once"
    if limits.running_jobs_per_company is not None:
        line += f", {limits.running_jobs_per_company} of a company"
    weights = ", ".join(f"{clean_line(job_type)} counts as {slots}" for job_type, slots in limits.slots_per_type.items())
    return f"{line}; {weights}" if weights else line


def asset_line(asset: Asset) -> str:
    """Return an asset on one line."""
    name = f" {clean_line(asset.original_filename)}" if asset.original_filename else ""
    return f"{clean_line(asset.id)} {clean_line(asset.content_type)}, {format_size(asset.byte_size)}{name}"


def _made_line(asset: Asset) -> str:
    """Return an asset and, on a line of its own, what made it."""
    made = asset.provenance
    if made is None:
        return asset_line(asset)
    tools = "".join(f", {name} {version}" for name, version in sorted(made.tools.items()))
    size = f", {made.width} x {made.height}" if made.width is not None and made.height is not None else ""
    pages = f", {made.pages} pages" if made.pages is not None else ""
    return f"{asset_line(asset)}\n" + clean_line(f"{made.job_type} {made.renderer_version}{tools}{size}{pages}")


def event_line(job: JobSummary, style: Style) -> str:
    """Return a change of a job's status on one line."""
    status = status_cell(job)
    detail = f"asset {clean_line(job.result_asset_id)}" if job.result_asset_id else describe(job)
    return f"{style.paint(status.text, status.colour)} {detail}".rstrip()


def format_fields(fields: Sequence[tuple[str, str | None]], style: Style) -> str:
    """Return labelled values, those without a value left out. Where there is little room the label has a line of its own."""
    stacked = style.width is not None and style.width < _STACKED_BELOW
    indent = 2 if stacked else _LABEL_WIDTH
    lines = []
    for label, value in fields:
        if not value:
            continue
        block = [line for part in value.split("\n") for line in _wrapped(part, style, indent)]
        if stacked:
            lines += [label] if label else []
        else:
            lines.append(f"{label:<{indent}}{block.pop(0)}")
        lines += [" " * indent + line for line in block]
    return "\n".join(line.rstrip() for line in lines)


def _wrapped(line: str, style: Style, indent: int) -> list[str]:
    painted = "\x1b" in line  # only a status is, and that is short
    return [line] if painted or style.width is None else wrap(line, style.width - indent)


def _attempt_line(attempt: Attempt) -> str:
    """Return how an attempt ended, and on a line of its own what it took and how it was held."""
    end = attempt.outcome or "running"
    if attempt.exit_code not in (None, 0):
        end += f", exit code {attempt.exit_code}"
    if attempt.signal is not None:
        end += f", signal {attempt.signal}"
    if attempt.finished_at is not None:
        end += f", {(attempt.finished_at - attempt.started_at).total_seconds():.1f} s"
    took = [
        f"{attempt.cpu_seconds:.2f} s of processor" if attempt.cpu_seconds is not None else "",
        f"{format_size(attempt.peak_memory_bytes)} of memory" if attempt.peak_memory_bytes is not None else "",
        f"held by {clean_line(attempt.containment)}" if attempt.containment else "",
    ]
    lines = [f"{attempt.number}. {end}", ", ".join(filter(None, took))]
    return "\n   ".join(shorten(clean_line(line), _ATTEMPT_MAX_LENGTH) for line in lines if line)


def _about(moment: datetime | None, style: Style) -> str | None:
    return f"about {format_moment(moment, style)}" if moment is not None else None
