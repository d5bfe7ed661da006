"""How much a drawing is once every reference in it is followed: a few lines can stand for billions of shapes.

Owns the count. A node is the document, or an element with an id; it weighs the elements in it and, for each reference in it,
what that weighs. What refers to itself has no weight, and is refused.
"""

from __future__ import annotations

from typing import Final

from nexusd.renderers.job import InvalidInput

INSTANCES_MAX: Final = 2_000_000


class Instances:
    """Told of each element as it is entered and left."""

    def __init__(self) -> None:
        self._own = [0]
        self._inside: list[list[int]] = [[]]
        self._references: list[list[str]] = [[]]
        self._ids: dict[str, int] = {}
        self._around = [0]

    def enter(self, anchor: str, references: list[str]) -> None:
        """Count an element with this id, or none, that refers to these ids."""
        node = self._around[-1]
        if anchor:
            self._inside[node].append(len(self._own))
            node = len(self._own)
            self._own.append(0)
            self._inside.append([])
            self._references.append([])
            self._ids.setdefault(anchor, node)
        self._around.append(node)
        self._own[node] += 1
        if references:
            self._references[node] += references

    def leave(self) -> None:
        """Say that the last element is over."""
        self._around.pop()

    def check(self, name: str) -> None:
        """Raise InvalidInput when the whole weighs more than INSTANCES_MAX, or a part refers to itself."""
        weights: dict[int, int] = {}
        path: set[int] = set()
        stack = [(0, False)]
        while stack:
            node, is_done = stack.pop()
            below = self._below(node)
            if is_done:
                path.discard(node)
                weights[node] = self._own[node] + sum(weights[other] for other in below)
                if weights[node] > INSTANCES_MAX:
                    what = f"following its references, the drawing has more than {INSTANCES_MAX:,} elements"
                    raise InvalidInput(f"{name}: {what}; draw it with fewer copies")
            elif node not in weights:
                path.add(node)
                stack.append((node, True))
                for other in set(below):
                    if other in path:
                        raise InvalidInput(f"{name}: the element with the id {self._id(other)!r} refers to itself")
                    if other not in weights:
                        stack.append((other, False))

    def _below(self, node: int) -> list[int]:
        """Return what is in a node, and what it refers to, as often as it does."""
        return [*self._inside[node], *(self._ids[target] for target in self._references[node] if target in self._ids)]

    def _id(self, node: int) -> str:
        return next((anchor[:60] for anchor, known in self._ids.items() if known == node), "")
