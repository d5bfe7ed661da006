"""Assets as people read them: tables of them, of what a conversation task got, and one with all its provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nexusctl.output.present import describe, format_fields, format_size, status_cell
from nexusctl.output.table import Cell, format_table
from nexusctl.output.text import clean_line
from nexusctl.output.times import format_moment, format_when

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexusctl.output.screen import Style
    from nexusd.contract.assets import Asset, Provenance
    from nexusd.contract.source_tasks import SourceTaskItem

_MINUTE_SECONDS: Final = 60


def format_assets(assets: Sequence[Asset], style: Style) -> str:
    """Return the table of `asset ls`."""
    rows = [
        [
            Cell(clean_line(asset.id)),
            Cell(clean_line(asset.content_type)),
            Cell(format_size(asset.byte_size)),
            Cell(format_when(asset.created_at, style), "dim"),
            Cell(clean_line(asset.original_filename or "")),
        ]
        for asset in assets
    ]
    return format_table(["ASSET", "TYPE", "SIZE", "AGE", "NAME"], rows, style)


def format_source_task(items: Sequence[SourceTaskItem], style: Style) -> str:
    """Return the table of `ls --task`: jobs and assets in one."""
    return format_table(["ID", "STATUS", "TYPE", "AGE", "DETAIL"], [_item_row(item, style) for item in items], style)


def _item_row(item: SourceTaskItem, style: Style) -> list[Cell]:
    if item.job is not None:
        kind, job = status_cell(item.job), item.job
        return [Cell(clean_line(job.id)), kind, *_about(job.job_type, format_when(job.created_at, style), describe(job))]
    assert item.asset is not None
    asset = item.asset
    detail = f"{format_size(asset.byte_size)} {asset.original_filename or ''}"
    return [
        Cell(clean_line(asset.id)),
        Cell("asset"),
        *_about(asset.content_type, format_when(asset.created_at, style), detail),
    ]


def _about(kind: str, age: str, detail: str) -> list[Cell]:
    return [Cell(clean_line(kind)), Cell(age, "dim"), Cell(clean_line(detail))]


def format_asset(asset: Asset, style: Style) -> str:
    """Return the details of `asset show`."""
    fields = [
        ("asset", clean_line(asset.id)),
        ("name", clean_line(asset.original_filename or "")),
        ("type", clean_line(asset.content_type)),
        ("size", f"{format_size(asset.byte_size)} ({asset.byte_size} bytes)"),
        ("sha256", clean_line(asset.sha256)),
        ("stored", f"{clean_line(asset.provider)}: {clean_line(asset.object_key)}"),
        ("namespace", clean_line(asset.namespace)),
        ("created", format_moment(asset.created_at, style)),
        ("pinned", format_moment(asset.pinned_at, style)),
        ("source task", clean_line(asset.source_task_id or "")),
        ("by agent", clean_line(asset.created_by_agent_id or "")),
        ("by user", clean_line(asset.created_by_user_id or "")),
        ("job", clean_line(asset.job_id or "")),
        ("attempt", str(asset.attempt) if asset.attempt is not None else None),
        *(_provenance_fields(asset.provenance) if asset.provenance is not None else ()),
    ]
    return format_fields(fields, style)


def _provenance_fields(made: Provenance) -> list[tuple[str, str | None]]:
    is_picture = made.width is not None and made.height is not None
    return [
        ("renderer", f"{clean_line(made.job_type)} {clean_line(made.renderer_version)}"),
        ("tools", ", ".join(f"{clean_line(name)} {clean_line(version)}" for name, version in sorted(made.tools.items()))),
        ("input", f"sha256 {clean_line(made.input_sha256)}"),
        ("dimensions", f"{made.width} x {made.height}" if is_picture else None),
        ("duration", _duration(made.duration_seconds) if made.duration_seconds is not None else None),
        ("pages", str(made.pages) if made.pages is not None else None),
    ]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, _MINUTE_SECONDS)
    return f"{minutes:.0f} min {rest:.1f} s" if minutes else f"{rest:.1f} s"
