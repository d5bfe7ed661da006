"""The forms in which an answer is printed: for people, as the API's own JSON, as ids alone, or after a template.

Owns the choice between them and the printing. What people read is made by the caller, and only when it is wanted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nexusctl.errors import UsageError
from nexusctl.output.templates import Fields, Template, parse_template
from nexusctl.output.text import clean_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nexusctl.output.screen import Screen


@dataclass(frozen=True, slots=True)
class Form:
    """How to print. At most one of the three is set; none of them is for people."""

    as_json: bool = False
    ids: bool = False
    template: Template | None = None

    @property
    def is_for_people(self) -> bool:
        """Whether none of the three is set."""
        return not self.as_json and not self.ids and self.template is None

    def write(self, screen: Screen, body: bytes, text: Callable[[], str]) -> None:
        """Print one document of the API, given as it came."""
        if self.as_json:
            screen.write_json(body)
        elif self.ids:
            screen.write(id_of(json.loads(body)))
        elif self.template is not None:
            screen.write(self.template.format_all([json.loads(body)], screen.style))
        else:
            screen.write(text())

    def write_list(self, screen: Screen, document: dict[str, Any], table: Callable[[], str], *, empty: str) -> None:
        """Print a list of the API; `empty` says that there is nothing, to people alone."""
        items: Sequence[Any] = document["items"]
        if self.as_json:
            screen.write_json(json.dumps(document))
        elif not items:
            if not self.ids and self.template is None:
                screen.note(empty)
        elif self.ids:
            screen.write("\n".join(map(id_of, items)))
        elif self.template is not None:
            screen.write(self.template.format_all(items, screen.style))
        else:
            screen.write(table())

    def write_line(self, screen: Screen, document: dict[str, Any], text: Callable[[], str]) -> None:
        """Print one of several documents that come one by one, at once."""
        if self.as_json:
            screen.write_json_line(document)
        elif self.ids:
            screen.write_at_once(id_of(document))
        else:
            screen.write_at_once(self.template.format(document) if self.template is not None else text())


def choose_form(fields: Fields | None = None, *, as_json: bool = False, ids: bool = False, template: str | None = None) -> Form:
    """Return the form that the options ask for; JSON goes before ids. Raises UsageError."""
    if template is not None and (as_json or ids):
        raise UsageError(f"--format and {'--json' if as_json else '--quiet'} exclude each other", hint="choose one of them")
    return Form(as_json, ids and not as_json, None if template is None else parse_template(template, fields or {}))


def id_of(item: dict[str, Any]) -> str:
    """Return the id of a job, an asset, a company, a new job, or of what a conversation task got."""
    named = item.get("id") or item.get("jobId")
    if named is None:
        named = next(part["id"] for part in (item.get("job"), item.get("asset")) if part)
    return clean_line(str(named))
