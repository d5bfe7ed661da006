"""The formulas of one Markdown document: which can be set, and how those look that cannot.

A formula that cannot be converted, or that Typst refuses, is shown as its source and named in the log with its line: what it
says can still be read, and the rest of the document is worth having. Formulas that Typst refuses are found by setting them
alone, one a line, so that the message names the line.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines.mathematics import CannotConvert, Macros, to_mathematics
from nexusd.renderers.engines.typst_text import call, group, literal

if TYPE_CHECKING:
    from collections.abc import Callable

SHOWN_MAX: Final = 80
ALONE: Final = 'eval({}, mode: "math", scope: (boxed: (..parts) => parts.pos().join(), hidden: hide, std: none))'
LINE: Final = re.compile(r":(\d+):\d+: error: (.*)")


class Formulas:
    """Sets the formulas of a document. Those in `refused`, by their source, are shown as it."""

    def __init__(self, refused: dict[str, str] | None = None) -> None:
        self._refused = refused or {}
        self._macros = Macros()
        self._warned: set[str] = set()
        self.found: dict[str, str] = {}
        """The mathematics that each formula became, by its source."""

    def show(self, tex: str, line: int, *, display: bool) -> str:
        """Return the Typst expression that sets a formula, or shows its source."""
        tex = tex.strip()
        try:
            if tex in self._refused:
                raise CannotConvert(self._refused[tex])
            formula = to_mathematics(tex, self._macros)
        except CannotConvert as reason:
            return self._source(tex, line, str(reason), display=display)
        if not formula.code:
            return group([])
        tag = [f"tag: {literal(formula.tag)}"] if formula.tag else []
        self.found[tex] = formula.code
        return call("formula", literal(formula.code), literal(tex), "true" if display else "false", *tag)

    def _source(self, tex: str, line: int, reason: str, *, display: bool) -> str:
        shown = " ".join(tex.split())
        shown = shown if len(shown) <= SHOWN_MAX else shown[:SHOWN_MAX] + "…"
        message = f"document.md:{line}: a formula is shown as its source, {reason}: {shown}\n"
        if message not in self._warned:
            self._warned.add(message)
            sys.stderr.write(message)
        return call("raw", "block: true", literal(tex)) if display else call("raw", literal(tex))


def find_refused(formulas: dict[str, str], refusal: Callable[[str], str | None]) -> dict[str, str]:
    """Return why each formula that Typst refuses is refused. `refusal` compiles code and returns Typst's message, if any."""
    left = list(formulas)
    found: dict[str, str] = {}
    while left:
        message = refusal("".join(f"#{ALONE.format(literal(formulas[tex]))}\n" for tex in left))
        if message is None:
            break
        place = LINE.search(message)
        index = int(place[1]) - 1 if place else -1
        if not (place and 0 <= index < len(left)):
            # Typst does not say which: none can be trusted.
            found |= dict.fromkeys(left, "Typst cannot set it")
            break
        found[left[index]] = place[2]
        left = left[index + 1 :]
    return found
