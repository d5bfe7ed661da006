"""Events as people read them: one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexusctl.output.present import STATUS_COLOURS, describe, format_size
from nexusctl.output.templates import Fields, fields_of
from nexusctl.output.text import clean_line, wrap
from nexusctl.output.times import format_moment
from nexusd.contract.events import AssetEvent, JobEvent, LaggingEvent, ProgressEvent, ResetEvent, SnapshotEndEvent

if TYPE_CHECKING:
    from pydantic import BaseModel

    from nexusctl.output.screen import Style


def event_fields() -> Fields:
    """Return the fields of the line that an event is as JSON."""
    models = (JobEvent, ProgressEvent, AssetEvent, ResetEvent, SnapshotEndEvent, LaggingEvent)
    return {"id": {}, "event": {}, **fields_of(*models)}


def event_text(number: int | None, name: str, data: BaseModel, style: Style) -> str:
    """Return an event on one line: its id, when, what, of which job or asset, and what there is to know.

    In a terminal that is too narrow, on several.
    """
    parts = ["-" if number is None else str(number), *_parts(name, data, style)]
    text = "\n".join(wrap(" ".join(part for part in parts if part), style.width, indent="  "))
    colour = STATUS_COLOURS.get(data.job.status) if isinstance(data, JobEvent) else None
    return text.replace(name, style.paint(name, colour), 1)


def _parts(name: str, data: BaseModel, style: Style) -> tuple[str | None, ...]:
    if isinstance(data, JobEvent):
        job = data.job
        return format_moment(data.created_at, style), name, clean_line(data.job_id), clean_line(job.job_type), describe(job)
    if isinstance(data, ProgressEvent):
        told = f"{data.progress:.0%} {clean_line(data.message or '')}".strip()
        return format_moment(data.created_at, style), name, clean_line(data.job_id), told
    if isinstance(data, AssetEvent):
        asset = data.asset
        about = clean_line(f"{asset.content_type}, {format_size(asset.byte_size)} {asset.original_filename or ''}")
        return format_moment(data.created_at, style), name, clean_line(data.asset_id), about
    if isinstance(data, ResetEvent):
        return name, f"some events are gone ({clean_line(data.reason)}), going on after {data.resumed_from}"
    if isinstance(data, SnapshotEndEvent):
        return name, f"{data.jobs} jobs are not over"
    return (clean_line(name),)
