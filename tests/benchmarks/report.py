"""Figures, what they are held against, and the table that shows them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HEADER: Final = (
    "| figure | median (min to max) | floor beside it | figure ÷ floor | target | met |",
    "|---|---|---|---|---|---|",
)


@dataclass(frozen=True, slots=True)
class Samples:
    """One number a round. `unit` is what they count."""

    name: str
    unit: str
    values: Sequence[float]

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return median(self.values)

    def __str__(self) -> str:
        """Median, unit and spread, as the table shows them."""
        return (
            f"{_short(self.median)}{self.unit and ' ' + self.unit} ({_short(min(self.values))} to {_short(max(self.values))})"
        )


@dataclass(frozen=True, slots=True)
class Target:
    """What was promised: `at_least` or `at_most`, for the median, or for its ratio to the floor when `of_floor`."""

    at_least: float | None = None
    at_most: float | None = None
    of_floor: bool = False

    def is_met_by(self, value: float) -> bool:
        """Tell whether `value` keeps the promise."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def describe(self, unit: str) -> str:
        """Return the promise in a few characters."""
        sign, bound = ("≥", self.at_least) if self.at_least is not None else ("≤", self.at_most)
        return f"{sign} {bound:,g} {'times the floor' if self.of_floor else unit}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. Without a `target` the figure is there to be compared with."""

    figure: Samples
    floor: Samples | None = None
    target: Target | None = None

    @property
    def ratio(self) -> Samples | None:
        """Figure ÷ floor, round by round; None without a floor, or when it is zero."""
        if self.floor is None or not all(self.floor.values):
            return None
        pairs = zip(self.figure.values, self.floor.values, strict=True)
        return Samples("ratio", "", [value / floor for value, floor in pairs])

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        ratio = self.ratio
        return self.target.is_met_by(ratio.median if self.target.of_floor and ratio is not None else self.figure.median)

    def __str__(self) -> str:
        """The line in Markdown."""
        floor = "" if self.floor is None else f"{self.floor.name}: {self.floor}"
        target = "" if self.target is None else self.target.describe(self.figure.unit)
        met = {True: "yes", False: "**no**", None: ""}[self.is_met]
        return f"| {self.figure.name} | {self.figure} | {floor} | {self.ratio or ''} | {target} | {met} |"


def render_table(machine: str, lines: Iterable[Line]) -> str:
    """Return the table in Markdown, under a line that says where and when."""
    return "\n".join((machine, "", *HEADER, *map(str, lines)))


def _short(value: float) -> str:
    """Three digits that matter."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
