"""Companies as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexusctl.output.present import format_fields
from nexusctl.output.table import Cell, format_table
from nexusctl.output.text import clean_line
from nexusctl.output.times import format_moment, format_when

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexusctl.output.screen import Style
    from nexusd.contract.companies import Company


def format_companies(companies: Sequence[Company], style: Style) -> str:
    """Return the table of `company ls`."""
    rows = [
        [
            Cell(clean_line(company.id)),
            Cell(clean_line(company.slug)),
            Cell(format_when(company.created_at, style), "dim"),
            Cell(clean_line(company.name)),
        ]
        for company in companies
    ]
    return format_table(["COMPANY", "SLUG", "AGE", "NAME"], rows, style)


def format_company(company: Company, style: Style) -> str:
    """Return the details of `company show`."""
    fields = [
        ("company", clean_line(company.id)),
        ("slug", clean_line(company.slug)),
        ("name", clean_line(company.name)),
        ("created", format_moment(company.created_at, style)),
    ]
    return format_fields(fields, style)
